"""The owner of the account, who sleeps at night and knows only what notices say."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from tests.simulation.truth import PAYABLE, Violation
from topups import operator_actions
from topups.decision.rules import reorder_point_cents
from topups.decision.snapshot import Reason
from topups.ledger.blocked import Blocked, read_blocked
from topups.notifications.blocked_notices import PAYMENT_REASONS
from topups.notifications.delivery import deliver_outbox
from topups.notifications.rendering import Notice
from topups.payment_states import SLOT_HOLDING, State
from topups.policy import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from datetime import datetime

    from tests.simulation.world import World
    from topups.workflow.context import TopUpContext

REQUEST = re.compile(r"(Please pay|How to pay|Still unpaid:) (\d+)\.(\d\d) USD")
PAYMENT = re.compile(r"^Payment (\S+) of account", re.MULTILINE)
BLOCKED = re.compile(r"no payment (?:can be|is) requested.*: ([A-Z_]+)$", re.IGNORECASE)
# The longest that a reason may be taken for progress.
SILENCE = HOUR + 5 * MINUTE


class Owner:
    """Reads each delivered notice, holds it against the ledger and the vendor, and pays at the next waking minute."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.requests: dict[str, datetime] = {}
        self.withdrawn: set[str] = set()
        self.reasons: dict[str, datetime] = {}
        self.payment_notice_at: datetime | None = None
        self.context: TopUpContext = world.programs[0].context

    def deliver(self) -> None:
        """A pass ended: the outbox is delivered, and what stops a due top-up has to be known."""
        context = self.context
        deliver_outbox(context.ledger, self, context.account_id, context.clock, policy=context.policy)
        blocked = read_blocked(context.ledger, context.account_id)
        self._check_silence(blocked)

    def _check_silence(self, blocked: Blocked | None) -> None:
        now = self.world.clock.at
        if blocked is None:
            self._check_idle()
            return
        if now - blocked.since <= SILENCE or blocked.reason == Reason.OUTSIDE_HOURS:
            return
        heard_at = [self.reasons.get(blocked.reason)]
        if blocked.reason in PAYMENT_REASONS:
            heard_at.append(self.payment_notice_at)
        if not any(at and now - at < DAY + SILENCE for at in heard_at):
            self._break(f"24: {blocked.reason} stops top-ups since {blocked.since}, and no notice says so")

    def _check_idle(self) -> None:
        """Nothing stops a top-up: none is needed, or one is under way."""
        snapshot = self.context.ledger.snapshot(self.context.account_id, self.world.clock.at)
        low = snapshot.balance and snapshot.balance.cents < reorder_point_cents(snapshot, self.world.policy)
        if low and not self.context.ledger.payments(states=SLOT_HOLDING):
            self._break("25: the balance is low, nothing is under way, and nothing is recorded as the reason")

    def _break(self, promise: str) -> NoReturn:
        raise Violation(promise)

    def send(self, notice: Notice) -> bool:
        self.world.note(f"the owner gets: {notice.title}")
        named = PAYMENT.search(notice.body)
        payment_id = named[1] if named else ""
        try:
            self._read(notice, payment_id)
        except Violation as violation:  # the delivery takes any exception for a service that is down
            self.world.truth.broken = self.world.truth.broken or str(violation)
        return True

    def _read(self, notice: Notice, payment_id: str) -> None:
        now = self.world.clock.at
        self.payment_notice_at = now if payment_id else self.payment_notice_at
        if request := REQUEST.match(notice.title):
            self._request(payment_id, int(request[2] + request[3]))
        elif notice.title.startswith("Do not pay "):
            self._withdrawal(payment_id)
        elif blocked := BLOCKED.search(notice.title):
            self.reasons[blocked[1]] = now
        elif notice.title.startswith("May "):
            self._approve(payment_id)

    def _request(self, payment_id: str, cents: int) -> None:
        world = self.world
        payment = self.context.ledger.payment(payment_id)
        if payment is None or payment.state not in (State.OPEN, State.UNDERPAID_WAITING):
            raise Violation(f"22: a notice asks to pay {payment_id}, which is {payment and payment.state}")
        intended = [request.cents for request in world.truth.requests if request.intent == payment_id]
        if intended != [cents]:
            raise Violation(f"22: a notice asks to pay {cents} cents, requested were {intended}")
        if payment_id in self.withdrawn:
            raise Violation(f"22: a notice asks to pay {payment_id} after its withdrawal")
        snapshot = self.context.ledger.snapshot(self.context.account_id, world.clock.at)
        snapshot, balance = replace(snapshot, burn=self.context.burn()), snapshot.balance
        if balance and balance.cents >= reorder_point_cents(snapshot, world.policy):
            raise Violation(f"22: a notice asks to pay {payment_id} with {balance.cents} cents in the account")
        if payment_id not in self.requests:
            self.requests[payment_id] = world.clock.at
            world.vendor.later(world.random.uniform(60, 1500), self._pay, payment_id)

    def _withdrawal(self, payment_id: str) -> None:
        if payment_id in self.withdrawn:
            raise Violation(f"23: {payment_id} is withdrawn twice")
        if payment_id not in self.requests:
            raise Violation(f"23: {payment_id} is withdrawn, and nobody was asked to pay it")
        self.withdrawn.add(payment_id)

    def _approve(self, payment_id: str) -> None:
        delay = self.world.random.uniform(60, 600)
        self.world.vendor.later(delay, self._agree, payment_id)

    def _agree(self, payment_id: str) -> None:
        world = self.world
        if not world.policy.waking_hours.is_awake(world.clock.at):
            return
        try:
            world.approve(self.context.ledger, payment_id)
        except operator_actions.ActionNotAllowed:
            world.note(f"{payment_id[-4:]} waits for nobody any more")

    def _pay(self, payment_id: str) -> None:
        """Pays the newest payment that was asked for and not withdrawn, if it can still be paid."""
        world = self.world
        row = next((row for row in world.truth.rows if row.intent == payment_id), None)
        newest = max(self.requests, key=self.requests.__getitem__)
        if row is None or row.status not in PAYABLE or payment_id in self.withdrawn or payment_id != newest:
            return
        if not world.policy.waking_hours.is_awake(world.clock.at):
            return
        world.note(f"the owner pays {row.vendor_id}")
        world.vendor.payers.pay_at_once(row)
