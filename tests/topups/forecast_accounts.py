"""Invented accounts whose spend is known: with day and night, weekends, bursts and a drifting level."""

import math
import random


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
