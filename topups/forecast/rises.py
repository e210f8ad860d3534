"""What explains that a balance rose: top-ups, and refunds of numbers that received no message."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from topups.forecast.facts import HOUR, History, Purchase, Sighting, TopUp

# The balance may show a top-up so long after the vendor's list calls it paid.
CREDIT_DELAY = HOUR


def arrivals(history: History) -> dict[int, int]:
    """US cents that were topped up in each change of the balance (by its number), from the known top-ups.

    A top-up belongs to the largest rise of its time. One from before the first look at the balance explains nothing.
    """
    ends = [sighting.at for sighting in history.sightings[1:]]
    found: dict[int, int] = {}
    for top_up in history.top_ups:
        if top_up.since < history.seen_from:
            continue
        first, last = bisect_left(ends, top_up.since), bisect_left(ends, top_up.until + CREDIT_DELAY)
        changes = ((_rise(history, n) - found.get(n, 0), n) for n in range(first, min(last + 1, len(ends))))
        fitting = [(left, number) for left, number in changes if _fits(top_up, left, history, number)]
        if fitting:
            number = max(fitting)[1]
            found[number] = found.get(number, 0) + top_up.cents
    return found


def charged(before: Sighting, after: Sighting) -> int:
    """US cents that a rise has from top-ups by the vendor's own count, 0 where that cannot be.

    That the count holds top-ups is assumed; one that holds something else does not reach the rise.
    """
    if before.total is None or after.total is None:
        return 0
    return after.total - before.total if after.total - before.total >= after.cents - before.cents else 0


def _rise(history: History, number: int) -> int:
    return history.sightings[number + 1].cents - history.sightings[number].cents


def _fits(top_up: TopUp, left: int, history: History, number: int) -> bool:
    """Over more than an hour all of it may have been spent again; else half of it at least must show."""
    length = history.sightings[number + 1].at - history.sightings[number].at
    return left * 2 >= top_up.cents or length > HOUR


class Refunds:
    """Orders whose price came back or may have; each cent of them explains one cent of a rise."""

    def __init__(self, purchases: Sequence[Purchase]) -> None:
        self._coming = deque(order for order in purchases if order.back_by is not None)
        self._open: list[tuple[Purchase, int]] = []

    def take(self, start: float, end: float, cents: int) -> list[tuple[float, int]] | None:
        """When the purchases were made that a rise between two instants pays back, and how much of each.

        Ask in order of time. None when they cannot explain all of it.
        """
        while self._coming and self._coming[0].at <= end:
            order = self._coming.popleft()
            self._open.append((order, order.cents))
        self._open = [(order, left) for order, left in self._open if left and (order.back_by or 0) >= start]
        if sum(left for _, left in self._open) < cents:
            return None
        # Most come back when the number's life ends, so the likeliest is the one that ended nearest to the rise.
        self._open.sort(key=lambda entry: abs((entry[0].ends_at or entry[0].at) - end))
        taken: list[tuple[float, int]] = []
        for place, (order, left) in enumerate(self._open):
            part = min(left, cents)
            self._open[place] = (order, left - part)
            taken.append((order.at, part))
            cents -= part
            if not cents:
                break
        return taken
