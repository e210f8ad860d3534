"""What an account spent in each hour, from what is known of its balance, its orders and its top-ups. Pure.

**Burn** is money that left the balance for good: what the balance fell by, plus top-ups that arrived meanwhile, less
what came back for refunded numbers, taken off the hour in which the number was bought. The balance is the truth of how
much; orders say which rise is a refund, and in which hours of a long gap the money went. An hour in which nobody looked
is unknown, not free, and so is a stretch in which the balance rose by something that nothing explains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from topups.forecast.facts import HOUR, History, Sighting
from topups.forecast.hours import Hours, Spell
from topups.forecast.rises import Refunds, arrivals, charged

# A fall over a longer time, without orders to say when, tells nothing about hours.
LONGEST_GAP = 24 * HOUR


@dataclass
class Spending:
    """``hours[k]`` is the burn (US cents) of the hour that ended ``k`` hours before now, None where it is unknown.

    The sums are over all that was looked at: topped up, come back for refunds, and risen without an explanation.
    """

    hours: list[float | None] = field(default_factory=list)
    topped_up_cents: int = 0
    refunded_cents: int = 0
    unexplained_cents: int = 0

    @property
    def known(self) -> list[float]:
        """The hours whose burn is known."""
        return [hour for hour in self.hours if hour is not None]

    @property
    def mean(self) -> float:
        """US cents per hour over all known hours; 0 without any."""
        return sum(self.known) / len(self.known) if self.known else 0.0


def spending(history: History, now: float) -> Spending:
    """The account's burn in each hour of the last ``burn_facts.DAYS`` days, as of ``now`` (Unix seconds)."""
    books = _Books(history, now)
    for spell in _before_the_first_look(history):
        books.hours.add(spell)
    for number, (before, after) in enumerate(pairwise(history.sightings)):
        if after.at > before.at:
            books.explain(number, before, after)
    books.result.hours = books.hours.rates()
    return books.result


class _Books:
    """Takes the changes of a balance one by one, oldest first."""

    def __init__(self, history: History, now: float) -> None:
        self.result, self.hours = Spending(), Hours(now)
        self._history = history
        self._refunds, self._arrived = Refunds(history.purchases), arrivals(history)

    def explain(self, number: int, before: Sighting, after: Sighting) -> None:
        """Finds what was spent in one change; leaves its time unknown where the rise cannot be explained."""
        rise = after.cents - before.cents
        topped_up = self._arrived.get(number, 0) or (charged(before, after) if rise > 0 else 0)
        spent = topped_up - rise
        if spent < 0:
            came_back = self._refunds.take(before.at, after.at, -spent)
            if came_back is None:
                self.result.unexplained_cents -= spent
                return
            self._pay_back(came_back)
            spent = 0
        self.result.topped_up_cents += topped_up
        for spell in _spread(before.at, after.at, spent, self._history):
            self.hours.add(spell)

    def _pay_back(self, came_back: list[tuple[float, int]]) -> None:
        for at, cents in came_back:
            self.result.refunded_cents += cents
            # What was bought before the first look never made the balance fall.
            if at >= self._history.seen_from:
                self.hours.pay(at, -cents)


def _spread(start: float, end: float, cents: int, history: History) -> Iterator[Spell]:
    """Money over a time: as the orders have it, and what they leave evenly. Nothing when it says nothing of hours."""
    if end - start <= HOUR or not cents:
        yield Spell(start, end, cents)
        return
    bought = history.kept(start, end)
    ordered = sum(order.cents for order in bought)
    if not ordered and end - start > LONGEST_GAP:
        return
    part = min(1.0, cents / ordered) if ordered else 0.0
    yield Spell(start, end, cents - ordered * part)
    for order in bought:
        yield Spell(order.at, order.at, order.cents * part)


def _before_the_first_look(history: History) -> Iterator[Spell]:
    """Orders stand for the balance while nobody looked at it.

    The vendor lists all active orders but only the newest ended ones: the list is whole from its oldest ended one on.
    """
    first = history.seen_from
    ended = [order.at for order in history.purchases if order.ends_at is not None and order.ends_at <= first]
    if not ended or not history.sightings:
        return
    yield Spell(min(ended), first, 0)
    for order in history.kept(min(ended), first):
        yield Spell(order.at, order.at, order.cents)
