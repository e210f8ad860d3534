"""Many possible futures of an account's spending, drawn from its own past. Pure and repeatable.

A future is put together from whole past days (a block bootstrap): each begins at the present time of day, so the rhythm
of day and night stays, and so do bursts that last for hours. With few days known, hours are drawn instead. Futures
differ by more than that: each trusts the past days differently (a Bayesian bootstrap; recent days weigh more), and each
runs faster or slower as a whole, the more so the less is known. How wide that has to be was measured on accounts whose
future is known: tests/topups/test_topup_forecast_accuracy.py.

The draws depend on the account's name and nothing else: the same facts give the same answer, and facts that differ a
little give answers that differ a little, so that a re-order point does not flicker.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist

PATHS = 200
# Whole days are drawn from this many on, each with so much of it known.
DAYS_FOR_RHYTHM = 5
HOURS_OF_A_DAY = 12
INVENTED_DAYS = 3
HALF_LIFE_DAYS = 10
# Spread of the speed of futures after one known day; it falls with the root of the days.
SPEED_SPREAD = 0.5
# From then on a future goes on at its own mean: the answer is weeks away, and no draw makes it better.
FARTHEST_DAYS = 30
# One speed per equal part of the distribution: no luck in the draw of what matters most.
SPEEDS = [NormalDist().inv_cdf((number + 0.5) / PATHS) for number in range(PATHS)]

Day = Sequence[float]  # 24 hours' burn added up, US cents


@dataclass(frozen=True)
class Future:
    """One possible future: a draw of ``days`` per day to come, later ``mean`` per day, all at ``speed`` times that.

    ``sums`` are the days' weights added up; ``draws`` are fractions of their sum.
    """

    days: Sequence[Day]
    sums: Sequence[float]
    draws: Sequence[float]
    mean: float
    speed: float

    def hours_to(self, cents: float) -> float:
        """Hours until so much is spent; infinite when it never is. Never falls when ``cents`` rises."""
        left = cents / self.speed
        if left <= 0:
            return 0.0
        for number, day in enumerate(self._coming()):
            if day[-1] >= left:
                hour = bisect_left(day, left)
                before = day[hour - 1] if hour else 0.0
                return number * 24 + hour + (left - before) / (day[hour] - before)
            left -= day[-1]
        return 24 * (len(self.draws) + left / self.mean) if self.mean > 0 else math.inf

    def spent_in(self, hours: float) -> float:
        """US cents spent in the next hours."""
        total = 0.0
        for day in self._coming():
            if hours <= 24:
                whole = min(int(hours), 23)
                before = day[whole - 1] if whole else 0.0
                return self.speed * (total + before + (hours - whole) * (day[whole] - before))
            total, hours = total + day[-1], hours - 24
        return self.speed * (total + hours / 24 * self.mean)

    def _coming(self) -> Iterator[Day]:
        last = len(self.sums) - 1
        for draw in self.draws:
            yield self.days[min(bisect_right(self.sums, draw * self.sums[-1]), last)]


def futures(hours: Sequence[float | None], name: str) -> list[Future]:
    """``PATHS`` futures of the account ``name``. ``hours[k]`` is the burn ``k`` hours ago, None where it is unknown.

    Raises ``ValueError`` when no hour is known.
    """
    known = [hour for hour in hours if hour is not None]
    if not known:
        raise ValueError("no hour's burn is known")
    chance = random.Random(name)  # noqa: S311
    draws = [[chance.random() for _ in range(FARTHEST_DAYS)] for _ in range(PATHS)]
    days = whole_days(hours, known, chance)
    ages = [0.5 ** (age / HALF_LIFE_DAYS) for age in range(len(days))]
    spread = SPEED_SPREAD / math.sqrt(len(known) / 24)
    found = []
    for drawn, speed in zip(draws, SPEEDS, strict=True):
        own, trust = days, ages
        if len(days) < DAYS_FOR_RHYTHM:
            own, trust = _invented(known, chance), [1.0] * INVENTED_DAYS
        weights = [age * -math.log(1 - chance.random()) for age in trust]
        mean = sum(weight * day[-1] for weight, day in zip(weights, own, strict=True)) / sum(weights)
        found.append(Future(own, list(accumulate(weights)), drawn, mean, math.exp(spread * speed)))
    return found


def whole_days(hours: Sequence[float | None], known: Sequence[float], chance: random.Random) -> list[Day]:
    """The past days, newest first, each from the present time of day on; a gap holds what another day had there."""
    days: list[Day] = []
    for end in range(24, len(hours) + 1, 24):
        day = hours[end - 24 : end][::-1]
        if sum(hour is not None for hour in day) < HOURS_OF_A_DAY:
            continue
        filled = [
            hour if hour is not None else _at_that_time(hours, 23 - n, known, chance) for n, hour in enumerate(day)
        ]
        days.append(tuple(accumulate(filled)))
    return days


def _at_that_time(hours: Sequence[float | None], place: int, known: Sequence[float], chance: random.Random) -> float:
    same = [hour for hour in hours[place::24] if hour is not None]
    return chance.choice(same or known)


def _invented(known: Sequence[float], chance: random.Random) -> list[Day]:
    """Days of hours drawn one by one, from hours that this future trusts differently."""
    trust = list(accumulate(-math.log(1 - chance.random()) for _ in known))
    hours = chance.choices(known, cum_weights=trust, k=INVENTED_DAYS * 24)
    return [tuple(accumulate(hours[start : start + 24])) for start in range(0, len(hours), 24)]
