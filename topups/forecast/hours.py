"""Money over time, cut into hours."""

from __future__ import annotations

from typing import NamedTuple

from topups.forecast.facts import HOUR
from topups.forecast.inputs import HISTORY_DAYS

# Of an hour: with less of it observed, the rest would be guessed.
LEAST_OBSERVED = 0.5


class Spell(NamedTuple):
    """A stretch of time that is known, and what was spent in it (US cents, evenly). An instant holds money only."""

    start: float
    end: float
    cents: float


class Hours:
    """Observed seconds and cents of the last ``DAYS`` days' hours, counted back from now (Unix seconds).

    Hours end where now ends, not on the clock: the last one is always whole, and the same time yesterday is 24 back.
    """

    def __init__(self, now: float) -> None:
        self._now = now
        self._seconds = [0.0] * (HISTORY_DAYS * 24)
        self._cents = [0.0] * (HISTORY_DAYS * 24)

    def add(self, spell: Spell) -> None:
        """Puts a stretch into its hours; what lies outside of the ``DAYS`` is left out."""
        length = spell.end - spell.start
        if length <= 0:
            self.pay(spell.start, spell.cents)
            return
        oldest = min(int((self._now - spell.start) // HOUR), len(self._cents) - 1)
        for place in range(max(int((self._now - spell.end) // HOUR), 0), oldest + 1):
            begin = max(spell.start, self._now - (place + 1) * HOUR)
            seconds = max(0.0, min(spell.end, self._now - place * HOUR) - begin)
            self._seconds[place] += seconds
            self._cents[place] += spell.cents * seconds / length

    def pay(self, at: float, cents: float) -> None:
        """Money of one instant; negative for what an hour did not cost after all."""
        place = int((self._now - at) // HOUR)
        if 0 <= place < len(self._cents):
            self._cents[place] += cents

    def rates(self) -> list[float | None]:
        """US cents per hour, None where too little of the hour is known; ends with the oldest known hour."""
        rates: list[float | None] = []
        for seconds, cents in zip(self._seconds, self._cents, strict=True):
            part = min(1.0, seconds / HOUR)
            rates.append(max(0.0, cents) / part if part >= LEAST_OBSERVED else None)
        while rates and rates[-1] is None:
            rates.pop()
        return rates
