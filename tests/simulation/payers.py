"""Who pays, when, and how much: in time, late, too little, too much, or never."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.lists import Row

if TYPE_CHECKING:
    from tests.simulation.vendor import Vendor

HABITS = (
    *(("never", 45), ("in_time", 25), ("late", 12), ("too_little", 4), ("in_parts", 4), ("too_much", 4)),
    *(("fails", 2), ("locked", 2), ("refunded", 2), ("slowly", 3)),
)
MINUTE = 60.0


class Payers:
    """Each payment meets somebody with one habit; the habit becomes words of the vendor at later instants."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.habits = HABITS

    def meet(self, row: Row) -> None:
        """Decides a payment's fate."""
        vendor, random = self.vendor, self.vendor.random
        habits, weights = zip(*self.habits, strict=True)
        habit = random.choices(habits, weights)[0]
        when = random.uniform(1, 50) * MINUTE
        vendor.note(f"{row.vendor_id} will be paid: {habit}")
        getattr(self, f"_{habit}")(row, when)

    def _never(self, row: Row, when: float) -> None:
        self.vendor.later(60 * MINUTE + self.vendor.random.uniform(0, 300), self._say, row, "cancel")

    def _when_requested(self, row: Row, when: float) -> None:
        """The owner pays what a notice asks for; the rest ends."""
        self.vendor.later(60 * MINUTE + self.vendor.random.uniform(0, 300), self._end_unpaid, row)

    def _end_unpaid(self, row: Row) -> None:
        if row.status == "check":
            self._say(row, "cancel")

    def pay_at_once(self, row: Row) -> None:
        """Somebody pays now, and the chain takes minutes."""
        self._say(row, "process")
        self._settle(row, 0)

    def _in_time(self, row: Row, when: float) -> None:
        self.vendor.later(when, self._say, row, "process")
        self._settle(row, when)

    def _slowly(self, row: Row, when: float) -> None:
        """The chain takes hours, up to more than a day after the end."""
        self.vendor.later(when, self._say, row, "process")
        self._settle(row, when * self.vendor.random.choice((4, 40)))

    def _late(self, row: Row, when: float) -> None:
        self._never(row, when)
        late = 66 * MINUTE + when * self.vendor.random.choice((1, 5))
        self.vendor.later(late, self._say, row, "confirm_check")
        self._settle(row, late)

    def _too_little(self, row: Row, when: float) -> None:
        self.vendor.later(when, self._say, row, "wrong_amount_waiting")
        self.vendor.later(60 * MINUTE, self._say, row, "wrong_amount")

    def _in_parts(self, row: Row, when: float) -> None:
        self.vendor.later(when, self._say, row, "wrong_amount_waiting")
        self._settle(row, when)

    def _too_much(self, row: Row, when: float) -> None:
        self.vendor.later(when, self._say, row, "paid_over")
        self.vendor.later(when + 60, self._credit, row, row.cents + 200)

    def _fails(self, row: Row, when: float) -> None:
        self.vendor.later(when, self._say, row, "system_fail")

    def _locked(self, row: Row, when: float) -> None:
        self.vendor.later(when, self._say, row, "locked")
        self._settle(row, when + 30 * MINUTE)

    def _refunded(self, row: Row, when: float) -> None:
        self.vendor.later(when, self._say, row, "refund_process")
        self.vendor.later(when + 20 * MINUTE, self._say, row, "refund_paid")

    def _settle(self, row: Row, when: float) -> None:
        paid = when + self.vendor.random.uniform(1, 8) * MINUTE
        self.vendor.later(paid, self._say, row, "paid")
        self.vendor.later(paid + self.vendor.random.choice((0, 2, 25)) * MINUTE, self._credit, row, row.cents)

    def _say(self, row: Row, status: str) -> None:
        self.vendor.note(f"{row.vendor_id} is {status}")
        self.vendor.truth.set(row, status, self.vendor.clock.at)

    def _credit(self, row: Row, cents: int) -> None:
        self.vendor.receive(cents)
        self.vendor.note(f"{row.vendor_id} is credited: the balance is {self.vendor.cents}")
