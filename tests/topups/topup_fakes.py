"""A vendor, a clock, a notifier and ids that a test writes down, and a world that holds them together."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from topups import operator_actions
from topups.gateway import (
    Accepted,
    Balance,
    Confirm,
    CreateResponse,
    Outcome,
    PaymentList,
    PaymentRequest,
    Rejected,
    Transaction,
    Uncertain,
    Unsent,
    VendorPayment,
    VendorUnavailable,
    uuid7,
)
from topups.ledger import Ledger
from topups.notifications.delivery import deliver_outbox
from topups.notifications.rendering import Notice
from topups.policy import Policy
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext
from topups.workflow.reconcile import reconcile_account
from topups.workflow.topup_run import TopUpRunResult, run_topup

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ACCOUNT = "acc"
POLICY = Policy(
    mode="auto",
    threshold_cents=1000,
    target_cents=3000,
    amount_min_cents=500,
    amount_max_cents=5000,
    cap_day_cents=6000,
    cap_week_cents=12_000,
    cap_month_cents=30_000,
    approval_above_cents=5000,
)

# Nothing between two payments but the protocol, and limits that are far away.
LOOSE = {"cooldown": timedelta(), "backoff": (timedelta(),), "breaker_failures": 99, "creates_per_day": 99}
RICH = {"cap_day_cents": 10**6, "cap_week_cents": 10**6, "cap_month_cents": 10**6}


class FakeClock:
    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, **span: float) -> None:
        self.at += timedelta(**span)


class CountingIds:
    def __init__(self) -> None:
        self.made = 0

    def new(self, now: datetime) -> str:
        self.made += 1
        return uuid7(now, self.made << 62)


class Inbox:
    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.broken = False

    def send(self, notice: Notice) -> bool:
        if self.broken:
            raise ConnectionError("the service is down")
        self.notices.append(notice)
        return True

    @property
    def titles(self) -> list[str]:
        return [notice.title for notice in self.notices]


@dataclass
class FakeVendor:
    """A vendor of one account. ``script`` says how the next create calls end; afterwards they work."""

    clock: FakeClock
    cents: int = 500
    account_id: str = ACCOUNT
    rows: list[VendorPayment] = field(default_factory=list)
    created: list[PaymentRequest] = field(default_factory=list)
    script: list[str] = field(default_factory=list)
    balance_down: bool = False
    list_down: bool = False
    partial: bool = False
    hidden: set[str] = field(default_factory=set)
    transactions: bool = True
    host: str = "pay.cryptomus.com"
    charges: int | None = None
    cents_per_unit: int = 1

    def balance(self) -> Balance:
        if self.balance_down:
            raise VendorUnavailable("the balance does not come")
        return Balance(self.cents, self.clock.now(), charges_cents=self.charges)

    def payments(self) -> PaymentList:
        if self.list_down:
            raise VendorUnavailable("the list does not come")
        rows = tuple(row for row in self.rows if row.vendor_id not in self.hidden)
        return PaymentList(rows, not self.partial, self.clock.now(), "half of it" if self.partial else "")

    def transaction(self, order_id: str) -> Transaction | None:
        row = next((row for row in self.rows if row.vendor_id == order_id), None)
        if row is None or not self.transactions:
            return None
        return Transaction(
            row.vendor_id,
            row.status,
            row.amount_cents * self.cents_per_unit,
            "USDT",
            "tron",
            "T" + "a" * 33,
            "5.00",
            self.url(row),
            row.ends_at,
        )

    def url(self, row: VendorPayment) -> str:
        return f"https://{self.host}/pay/{row.session_id}"

    def create(self, order: PaymentRequest, confirm: Confirm) -> Outcome:
        refusal = confirm()
        if refusal:
            return Unsent(refusal)
        self.created.append(order)
        how = self.script.pop(0) if self.script else "ok"
        if how == "declined":
            return Rejected("HTTP 400")
        if how == "lost":
            return Uncertain("timed out")
        row = self.bill(order.amount_cents + (100 if how == "wrong_amount" else 0))
        if how == "lost_after_commit":
            return Uncertain("HTTP 500")
        if how == "raise":
            raise RuntimeError("a bug")
        claim = CreateResponse(url=self.url(row), session_id=row.session_id)
        if order.rail == "v3_wallet":
            claim = replace(claim, order_id=row.vendor_id, address="T" + "a" * 33, currency="USDT", network="tron")
        return Accepted(claim)

    def bill(self, cents: int, status: str = "check", method: str = "cryptomus") -> VendorPayment:
        number, now = len(self.rows) + 1, self.clock.now()
        row = VendorPayment(
            f"order-{number}", f"session-{number}", method, cents, status, now, now + timedelta(hours=1)
        )
        self.rows.append(row)
        return row

    def set(self, status: str, number: int = -1, cents: int | None = None) -> None:
        """Another status of a payment, and perhaps another amount."""
        amount = self.rows[number].amount_cents if cents is None else cents
        self.rows[number] = replace(self.rows[number], status=status, amount_cents=amount)

    def payable(self) -> int:
        return sum(row.status == "check" for row in self.rows)

    def let_expire(self) -> None:
        """Nobody pays what has run out."""
        for number, row in enumerate(self.rows):
            if row.status == "check" and self.clock.now() >= row.ends_at:
                self.set("cancel", number)


class Killed(BaseException):
    """The process was killed at a checkpoint."""


def at_checkpoint(context: TopUpContext, checkpoint: Checkpoint, action: Callable[[], object]) -> TopUpContext:
    """The context of a run in which ``action`` happens whenever the checkpoint is reached."""

    def hook(reached: Checkpoint) -> None:
        if reached == checkpoint:
            action()

    return replace(context, checkpoint=hook)


def run_killed_at(context: TopUpContext, checkpoint: Checkpoint) -> None:
    """A run that dies at a checkpoint. Fails when the run does not reach it."""

    def kill() -> None:
        raise Killed

    with pytest.raises(Killed):
        run_topup(at_checkpoint(context, checkpoint, kill))


@dataclass
class World:
    """A context with its fakes at hand."""

    context: TopUpContext
    vendor: FakeVendor
    clock: FakeClock
    ledger: Ledger

    def run(self, decision_id: str = "", **policy: object) -> TopUpRunResult:
        return run_topup(self.with_policy(**policy), decision_id)

    def reconcile(self, **policy: object) -> ReconcileReport:
        return reconcile_account(self.with_policy(**policy))

    def with_policy(self, **policy: object) -> TopUpContext:
        return replace(self.context, policy=replace(self.context.policy, **policy))

    def pass_time(self, step: float = 2, **span: float) -> None:
        """Lets time pass with a reconcile every ``step`` minutes, as the schedule does."""
        end = self.clock.now() + timedelta(**span)
        while self.clock.now() < end:
            self.clock.advance(minutes=step)
            self.reconcile()

    def notices(self) -> list[Notice]:
        """Delivers what waits."""
        inbox = Inbox()
        deliver_outbox(self.ledger, inbox, self.context.account_id, self.clock)
        return inbox.notices

    def titles(self) -> list[str]:
        """Delivers what waits; the titles of it."""
        return [notice.title for notice in self.notices()]

    def see_foreign(self, *statuses: str) -> None:
        """Payments of other people, in a ledger that an operator accepted as complete."""
        for status in statuses:
            self.vendor.bill(1500, status)
        self.reconcile()
        operator_actions.adopt(self.ledger, self.context.account_id, "me", self.clock.now())

    @property
    def only(self):
        payments = self.ledger.payments(ACCOUNT)
        assert len(payments) == 1, payments
        return payments[0]
