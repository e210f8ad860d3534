"""What really is at the vendor, and the promises that are held against it at every moment."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from greenlet import getcurrent

from tests.simulation.lists import ListHabits, Row
from topups.gateway import PaymentRequest
from topups.policy import DAY, Policy
from topups.vendor.statuses import AWAITING_PAYMENT, CONFIRMING, LOCKED, PAID, PART_PAID_WAITING

# A look at the list and the request after it may be so far apart: what appears in between cannot be known.
TOLERANCE = timedelta(seconds=30)
PAYABLE = AWAITING_PAYMENT | PART_PAID_WAITING
UNDER_WAY = PAYABLE | CONFIRMING | LOCKED
# The money of a person's payment that was seen before it was paid, and not in the balance since.
FOLLOWED = """
SELECT 1 FROM payments
WHERE state = 'EXTERNAL' AND vendor_payment_id = ? AND baseline IS NOT NULL AND credit IS NULL
"""
FROM_ANOTHER_LEDGER = "SELECT 1 FROM payments WHERE exception = 'other_ledger'"
ENDED = "SELECT vendor_payment_id FROM payments WHERE state IN ('EXPIRED', 'CLOSED')"
WINDOWS = ((DAY, "cap_day_cents"), (7 * DAY, "cap_week_cents"), (30 * DAY, "cap_month_cents"))


class Violation(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True)
class Request:
    intent: str
    cents: int
    at: datetime


@dataclass
class Reads:
    """What one run of a program read last: whether its balance came, and when its list, if that was complete."""

    balance: bool = False
    listed_at: datetime | None = None


class Truth:
    """All payments and requests there ever were."""

    def __init__(
        self,
        policy: Policy,
        ledger: sqlite3.Connection,
        stopped: Callable[[], bool],
        rewound: bool = False,
        clock_is_right: bool = True,
    ) -> None:
        """``ledger`` is that of the program which runs. ``rewound``: it may lack requests that were sent."""
        self.clock_is_right = clock_is_right
        self.policy, self.ledger, self.stopped, self.rewound = policy, ledger, stopped, rewound
        self.habits = ListHabits()
        self.now: Callable[[], datetime] = lambda: datetime.max.replace(tzinfo=UTC)
        self.forgotten: set[str] = set()
        self.accepted: set[str] = set()
        self.rows: list[Row] = []
        self.requests: list[Request] = []
        self.arrivals: list[tuple[datetime, int]] = []
        self.approved: dict[str, int] = {}
        self.reads: dict[Any, Reads] = {}
        self.broken = ""

    def reads_of_this_run(self) -> Reads:
        """Each run of a program is a greenlet of its own."""
        return self.reads.setdefault(getcurrent(), Reads())

    def request(self, order: PaymentRequest, now: datetime) -> str:
        """A create request is on the wire; the intent behind it."""
        if self.stopped():
            self._break("9: a create request after the kill switch")
        if self.ledger.in_transaction:
            self._break("4: a create request inside an open transaction")
        sending = self.ledger.execute(
            "SELECT payment_id, amount_cents FROM payments WHERE state = 'SENDING'"
        ).fetchall()
        if order.amount_cents not in [cents for _, cents in sending]:
            self._break(f"4: a create request over {order.amount_cents} without its SENDING row: {sending}")
        requested = {request.intent for request in self.requests} - self.forgotten
        intent = next((id_ for id_, cents in sending if cents == order.amount_cents and id_ not in requested), None)
        if intent is None:
            self._break(f"3: a second create request for one intent: {sending}")
        if self.ledger.execute(FROM_ANOTHER_LEDGER).fetchone():
            self._break("21: a create request though another ledger asks for payments too")
        self._on_fresh_reads(now)
        self._as_approved(intent, order.amount_cents)
        self._nothing_under_way(now)
        self._nothing_on_its_way(now)
        self.requests.append(Request(intent, order.amount_cents, now))
        self.forgotten.discard(intent)
        if self.rewound:
            self._within_the_caps_of_the_list(order.amount_cents, now)
            return intent
        recent = [request for request in self.requests if request.at > now - DAY]
        if len(recent) > self.policy.creates_per_day:
            self._break(f"5: {len(recent)} create requests within a day")
        return intent

    def _within_the_caps_of_the_list(self, cents: int, now: datetime) -> None:
        """What the vendor's list shows of all requests counts, whatever became of the ledger behind them."""
        listed = [row for row in self.rows if row.intent not in {None, *self.accepted} and self._was_listed(row, now)]
        for window, name in WINDOWS:
            made = [row.requested_cents for row in listed if row.committed_at > now - window]
            if sum(made) + cents > getattr(self.policy, name):
                self._break(f"16: {cents} cents after {sum(made)} in {window}, {name} is {getattr(self.policy, name)}")
            if window == DAY and len(made) >= self.policy.creates_per_day:
                self._break(f"16: a payment after {len(made)} within a day")

    def _was_listed(self, row: Row, now: datetime) -> bool:
        return row.listed_from <= now - TOLERANCE and self.habits.shows(row, now)

    def _break(self, promise: str) -> NoReturn:
        """The code under test catches what a gateway throws, so it is kept as well."""
        self.broken = self.broken or promise
        raise Violation(promise)

    def _on_fresh_reads(self, now: datetime) -> None:
        """The last balance of this run came, and so did its last list: whole, and not long ago."""
        reads = self.reads_of_this_run()
        if not reads.balance:
            self._break("11: a create request though the balance could not be read")
        if reads.listed_at is None:
            self._break("11: a create request on a list that was not complete")
        if now - reads.listed_at > self.policy.list_max_age:
            self._break(f"11: a create request on a list that is {now - reads.listed_at} old")

    def _as_approved(self, intent: str, cents: int) -> None:
        if self.policy.mode == "approve" and cents > self.approved.get(intent, 0):
            self._break(f"19: {cents} cents requested, a person approved {self.approved.get(intent, 0)}")

    def _nothing_under_way(self, now: datetime) -> None:
        for row in self.rows:
            seen = max(row.listed_from, row.since or row.committed_at)
            if row.status in UNDER_WAY and now - seen > TOLERANCE and self.habits.shows(row, now):
                self._break(f"2: a create request while {row.vendor_id} is {row.status} since {now - seen}")

    def _nothing_on_its_way(self, now: datetime) -> None:
        for row in self.rows:
            paid = row.status in PAID and row.paid_at and now - row.paid_at < self.policy.credit_wait
            if paid and not row.intent and self.ledger.execute(FOLLOWED, [row.vendor_id]).fetchall():
                self._break(f"2: a create request while a person's {row.vendor_id} is paid and not in the balance")

    def add(self, row: Row) -> None:
        """The vendor made a payment."""
        self.rows.append(row)
        if row.intent is None or self.rewound:
            return
        payable = [r.vendor_id for r in self.rows if r.intent and r.status in PAYABLE]
        if len(payable) > 1:
            self._break(f"1: payable at once: {', '.join(payable)}")
        for window, name in WINDOWS:
            made = [r.requested_cents for r in self.rows if r.intent and r.committed_at > row.committed_at - window]
            if sum(made) > getattr(self.policy, name):
                self._break(f"5: {sum(made)} cents created in {window}, {name} is {getattr(self.policy, name)}")
            if window == DAY and len(made) > self.policy.creates_per_day:
                self._break(f"5: {len(made)} payments created within a day")

    def check_ledger(self, now: datetime) -> None:
        """Money that was paid and did not arrive holds the slot, and nothing ends while people may still pay it."""
        if self.ledger.execute("SELECT 1 FROM payments WHERE state = 'PAID' AND slot IS NULL").fetchone():
            self._break("18: a payment is paid and not credited, and its slot is free")
        ended = {id_ for (id_,) in self.ledger.execute(ENDED)}
        for row in self.rows:
            if row.vendor_id in ended and row.status in PAYABLE and now < row.ends_at:
                self._break(f"20: {row.vendor_id} has ended in the ledger and is payable until {row.ends_at}")

    def set(self, row: Row, status: str, now: datetime) -> None:
        """The vendor says another word on a payment."""
        row.status, row.since = status, now
        if status in PAID and row.paid_at is None:
            row.paid_at = now
