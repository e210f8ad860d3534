"""What is known of an account's money over time. Instants are Unix seconds, amounts US cents."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

HOUR = 3600.0
DAYS = 28  # of the past that count


class Sighting(NamedTuple):
    """The balance at an instant; ``total`` is the vendor's count of all charges so far, where it told."""

    at: float
    cents: int
    total: int | None = None


class Purchase(NamedTuple):
    """One order, ``refunded`` by the vendor's word.

    ``back_by`` is until when its price came back, or may have where the word says nothing (it ended without a message);
    None where it did not.
    """

    at: float
    cents: int
    ends_at: float | None = None
    back_by: float | None = None
    refunded: bool = False


class TopUp(NamedTuple):
    """Money that reached the balance between two instants."""

    since: float
    until: float
    cents: int


@dataclass(frozen=True)
class History:
    """The parts in order of time."""

    sightings: Sequence[Sighting] = ()
    purchases: Sequence[Purchase] = ()
    top_ups: Sequence[TopUp] = ()

    @property
    def seen_from(self) -> float:
        """The first look at the balance; for ever in the future when there was none."""
        return self.sightings[0].at if self.sightings else float("inf")

    def kept(self, start: float, end: float) -> Sequence[Purchase]:
        """Purchases of a time that were not refunded."""
        first, last = (bisect_left(self.purchases, at, key=lambda order: order.at) for at in (start, end))
        return [order for order in self.purchases[first:last] if not order.refunded]
