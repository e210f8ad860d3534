"""A vendor whose answers break in every way that is known, while its own books stay right."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.simulation.lists import ListHabits, Row
from tests.simulation.payers import Payers
from tests.simulation.truth import Truth
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
)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ACCOUNT = "acc"
ADDRESS = "T" + "a" * 33
LISTED = "SELECT vendor_payment_id FROM payments WHERE listed_at IS NOT NULL AND counted_at > ?"


class Clock:
    """The true time, and how far the clock of the programs is off."""

    def __init__(self) -> None:
        self.at = START
        self.offset = timedelta()

    def now(self) -> datetime:
        return self.at + self.offset


@dataclass(frozen=True)
class Faults:
    """How likely what goes wrong is: weights of a create's outcomes, and chances of a read's."""

    creates: tuple[tuple[str, int], ...] = (
        *(("ok", 30), ("wrong_amount", 5), ("garbage", 5), ("foreign_link", 3), ("broken_before", 5)),
        ("lost_and_changed", 3),
        *(("broken_after", 8), ("timeout_after", 8), ("timeout_late", 14), ("timeout_never", 10)),
        *(("declined", 6), ("not_sent", 6)),
    )
    list_fails: float = 0.05
    list_partial: float = 0.08
    list_silently_partial: float = 0.04
    list_doubles: float = 0.03
    other_read_fails: float = 0.05
    lag: float = 0.4
    waits: float = 0.05
    sends_date: bool = False
    sends_charges: bool = False


NO_FAULTS = Faults((("ok", 1),), 0, 0, 0, 0, 0, 0, 0)


class Vendor:
    """``topups.gateway.Gateway`` for one account. Things to come lie in ``agenda``; ``catch_up`` lets them happen."""

    account_id = ACCOUNT

    def __init__(
        self,
        random: Random,
        clock: Clock,
        truth: Truth,
        faults: Faults,
        habits: ListHabits,
        note: Callable[[str], None],
    ) -> None:
        self.random, self.clock, self.truth, self.faults, self.note = random, clock, truth, faults, note
        self.habits = truth.habits = habits
        self.meanwhile: Callable[[], None] = lambda: None
        self.cents = 900
        self.charged = 0
        self.agenda: list[tuple[datetime, int, Callable[..., None], tuple[Any, ...]]] = []
        self.promised = 0
        self.payers = Payers(self)

    def later(self, seconds: float, what: Callable[..., None], *arguments: Any) -> None:
        self.promised += 1
        heapq.heappush(self.agenda, (self.clock.at + timedelta(seconds=seconds), self.promised, what, arguments))

    def advance(self, seconds: float) -> None:
        """Time passes, and what is due happens at its instant."""
        end = self.clock.at + timedelta(seconds=seconds)
        while self.agenda and self.agenda[0][0] <= end:
            self.clock.at, _, what, arguments = heapq.heappop(self.agenda)
            what(*arguments)
        self.clock.at = end

    def receive(self, cents: int) -> None:
        """The money of a payment is in the balance."""
        self.cents += cents
        self.charged += cents
        self.truth.arrivals.append((self.clock.at, cents))

    # Reads

    def balance(self) -> Balance:
        reads = self.truth.reads_of_this_run()
        reads.balance = self.random.random() >= self.faults.other_read_fails
        if not reads.balance:
            raise VendorUnavailable("the balance does not come")
        charges = self.charged if self.faults.sends_charges else None
        return Balance(self.cents, self.clock.now(), self._date(), charges)

    def payments(self) -> PaymentList:
        reads = self.truth.reads_of_this_run()
        reads.listed_at = None
        listing = self._list()
        reads.listed_at = self.clock.at if listing.complete else None
        now = self.clock.now()
        return replace(listing, at=now, received_at=now, vendor_at=self._date())

    def _date(self) -> datetime | None:
        """The vendor's clock, where it sends one."""
        return self.clock.at if self.faults.sends_date else None

    def _list(self) -> PaymentList:
        draw, faults, now = self.random.random(), self.faults, self.clock.at
        rows = [row for row in self.truth.rows if self.habits.shows(row, now)]
        self.random.shuffle(rows)
        if draw < (edge := faults.list_fails):
            raise VendorUnavailable("the list does not come")
        if draw < (edge := edge + faults.list_partial):
            shown = rows[: self.random.randrange(len(rows) + 1)] if self.random.random() < 0.5 else []
            return PaymentList(self._as_listed(shown), False, now, "a row cannot be read")
        if draw < (edge := edge + faults.list_silently_partial):
            return PaymentList(self._as_listed(self._silently_partial(rows)), True, now)
        if draw < edge + faults.list_doubles:
            rows = rows + rows[:1]
        return PaymentList(self._as_listed(rows), True, now)

    def _as_listed(self, rows: list[Row]) -> tuple[VendorPayment, ...]:
        return tuple(self.habits.listed(row, self.truth.policy.statuses) for row in rows)

    def _silently_partial(self, rows: list[Row]) -> list[Row]:
        """Lacks a payment that the ledger has seen listed before; without one, nobody could tell and none is lost."""
        since = (self.clock.at - timedelta(days=6)).isoformat(timespec="microseconds")
        listed = {id_ for (id_,) in self.truth.ledger.execute(LISTED, (since,))}
        lost = [row for row in rows if row.vendor_id in listed][:1]
        shown = [row for row in rows if row not in lost]
        return shown[: self.random.randrange(len(shown) + 1)] if lost else rows

    def transaction(self, order_id: str) -> Transaction | None:
        if self.random.random() < self.faults.other_read_fails:
            raise VendorUnavailable("the transaction does not come")
        row = next((row for row in self.truth.rows if order_id in (row.vendor_id, row.session_id)), None)
        if row is None:
            return None
        listed = self.habits.listed(row, self.truth.policy.statuses)
        return Transaction(
            row.vendor_id, listed.status, row.cents, "USDT", "tron", ADDRESS, "5.00", _url(row), row.ends_at
        )

    # The create call

    def create(self, order: PaymentRequest, confirm: Confirm) -> Outcome:
        if self.random.random() < self.faults.waits:
            self.note("the request waits for its turn")
            self.meanwhile()
        if refusal := confirm():
            return Unsent(refusal)
        intent = self.truth.request(order, self.clock.at)
        outcomes, weights = zip(*self.faults.creates, strict=True)
        how = self.random.choices(outcomes, weights)[0]
        self.note(f"create {order.amount_cents} for {intent[-4:]}: {how}")
        if how in ("declined", "not_sent"):
            return Rejected(how) if how == "declined" else Unsent(how)
        if how == "timeout_late":
            self.later(self.random.uniform(1, 300), self.commit, order.amount_cents, intent)
        row = None
        if how not in ("timeout_late", "timeout_never", "broken_before"):
            changed = how in ("wrong_amount", "lost_and_changed")
            cents = order.amount_cents + self.random.choice((-100, 150)) * changed
            row = self.commit(cents, intent, order.amount_cents)
        if "timeout" in how:
            self.advance(self.random.uniform(1, 120))
        if row and how in ("ok", "wrong_amount"):
            return Accepted(_claim(row, order))
        if row and how == "foreign_link":
            return Accepted(CreateResponse(url="https://elsewhere.example/pay/x", session_id=row.session_id))
        return Uncertain(how)

    def commit(self, cents: int, intent: str | None, requested: int | None = None) -> Row:
        """The vendor writes a payment into its books; a list may show it later."""
        now, number = self.clock.at, len(self.truth.rows) + 1
        lag = self.random.uniform(0, 120) if self.random.random() < self.faults.lag else 0
        ends_at = now + timedelta(minutes=60)
        names = (f"order-{number}", f"session-{number}")
        row = Row(*names, cents, requested or cents, intent, now, now + timedelta(seconds=lag), ends_at)
        row.final_cents = cents + self.random.choice((0, 23, -cents // 100)) * self.habits.rewrites
        self.note(f"{row.vendor_id} exists: {cents} for {intent[-4:] if intent else 'a person'}, lag {lag:.0f} s")
        self.truth.add(row)
        self.payers.meet(row)
        return row


def _url(row: Row) -> str:
    return f"https://pay.cryptomus.com/pay/{row.session_id}"


def _claim(row: Row, order: PaymentRequest) -> CreateResponse:
    if order.rail == "v3_wallet":
        return CreateResponse(_url(row), row.session_id, row.vendor_id, ADDRESS, "USDT", "tron", row.cents)
    return CreateResponse(url=_url(row), session_id=row.session_id)
