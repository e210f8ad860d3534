"""Invented accounts whose spending is known: with day and night, weekends, bursts, refunds and a drifting level."""

import math
import random
from dataclasses import dataclass, field
from itertools import accumulate

from topups.forecast.facts import History, Purchase, Sighting, TopUp

HOUR, DAY = 3600, 86_400


def hourly_burn(seed: int, days: int) -> list[float]:
    """US cents per hour, oldest first."""
    chance = random.Random(seed)
    orders_per_hour = 10 ** chance.uniform(-0.3, 1.3)
    rhythm, peak, weekend = chance.uniform(0.2, 0.98), chance.uniform(0, 24), chance.uniform(0.4, 1)
    bursts_per_day, drift = chance.choice([0, 0.2, 0.5, 1]), chance.uniform(0, 0.12)
    price = chance.uniform(15, 60) * (1 - chance.uniform(0.05, 0.5))  # net of refunds
    level, left, factor, hours = 0.0, 0, 1.0, []
    for hour in range(days * 24):
        if hour % 24 == 0:
            level += chance.gauss(0, drift) * 0.6 - 0.1 * level
        if not left and chance.random() < bursts_per_day / 24:
            left, factor = chance.randrange(1, 6), chance.uniform(3, 10)
        rate = orders_per_hour * (1 + rhythm * math.cos((hour - peak) / 12 * math.pi)) * math.exp(level)
        rate *= (weekend if hour // 24 % 7 >= 5 else 1) * (factor if left else 1)
        left = max(0, left - 1)
        hours.append(sum(price * math.exp(chance.gauss(0, 0.4)) for _ in range(_poisson(rate, chance))))
    return hours


def hours_to_empty(future: list[float], cents: float) -> float:
    """When a balance really ran out."""
    spent = 0.0
    for hour, burn in enumerate(future):
        if spent + burn >= cents:
            return hour + (cents - spent) / burn
        spent += burn
    return math.inf


def _poisson(rate: float, chance: random.Random) -> int:
    if rate > 30:
        return max(0, round(chance.gauss(rate, math.sqrt(rate))))
    limit, product, count = math.exp(-rate), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


@dataclass
class Story:
    """An account event by event, and what somebody who looks at times can know of it. Seconds and US cents."""

    seed: int
    days: int
    events: list[tuple[float, int]] = field(default_factory=list)  # when, what the balance changed by
    bought: list[tuple[float, int, float | None]] = field(default_factory=list)  # when, price, when it came back
    paid: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        at = 0.0
        while (at := at + chance.expovariate(1 / 1500)) < self.days * DAY:
            price = chance.randrange(8, 90)
            ended = at + 1200
            back = ended if chance.random() < 0.35 and ended < self.days * DAY else None
            self.bought.append((at, price, back))
            self.events += [(at, -price)] + ([(back, price)] if back else [])
        for day in range(2, self.days, 4):
            self.paid.append((day * DAY + chance.randrange(DAY), 3000 + chance.randrange(500)))
            self.events.append(self.paid[-1])
        self.events.sort()

    def balance(self, at: float) -> int:
        return 20_000 + sum(cents for when, cents in self.events if when <= at)

    def seen(self, looks: list[float], *, totals: bool = True, invoices: bool = True) -> History:
        """What looks at these instants bring, with equal balances told as the warehouse tells them."""
        changes = [when for when, _ in self.events]
        sums = [20_000, *accumulate((cents for _, cents in self.events), initial=20_000)][1:]
        sightings: list[Sighting] = []
        place = 0
        for at in looks:
            while place < len(changes) and changes[place] <= at:
                place += 1
            total = sum(cents for when, cents in self.paid if when <= at) if totals else None
            look = Sighting(at, sums[place], total)
            if len(sightings) > 1 and sightings[-1].cents == sightings[-2].cents == look.cents:
                sightings.pop()
            sightings.append(look)
        last = looks[-1]
        orders = [
            Purchase(at, price, at + 1200, _next(looks, back), back is not None and back <= last)
            for at, price, back in self.bought
            if at <= last
        ]
        paid = [TopUp(at - 600, _next(looks, at) or last, cents) for at, cents in self.paid if at <= last]
        return History(sightings, orders, paid if invoices else [])

    def net(self, start: float, end: float) -> int:
        """What was bought in a time and kept."""
        return sum(price for at, price, back in self.bought if start < at <= end and back is None)


def _next(looks: list[float], at: float | None) -> float | None:
    return next((look for look in looks if at is not None and look >= at), None)
