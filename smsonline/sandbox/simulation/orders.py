"""Numbers that the account bought: one order's life, and the plan of what the account buys by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.reference_data import Country, Service
from smsonline.sandbox.simulation.seeded_random import draws, source

LIFE_SECONDS = 1200
DAY_SECONDS = 86_400
ORDERS_A_DAY = 24
OWN_LUCK = 0.93  # the account's own success rate lies a little below what the vendor claims


class Message(NamedTuple):
    """One SMS: when it arrives (Unix seconds), its code and its text."""

    at: int
    code: str
    text: str


@dataclass
class Order:
    """One bought number. Money in US cents, times in Unix seconds; ``messages`` may lie in the future."""

    order_id: str
    row: int
    country: Country
    service: Service
    carrier: str
    phone: str
    price_cents: int
    bought_at: int
    messages: list[Message] = field(default_factory=list)
    returned_at: int | None = None
    asked_again_at: int | None = None
    by_call: bool = False

    @property
    def expires_at(self) -> int:
        """A number lives for twenty minutes."""
        return self.bought_at + LIFE_SECONDS

    def received(self, now: int) -> list[Message]:
        """Messages that arrived by ``now``."""
        return [message for message in self.messages if message.at <= now]

    def status(self, now: int) -> str:
        """``pending`` (waits for an SMS), ``complete`` or ``refunded``. Only ``complete`` was readable."""
        if self.returned_at is not None and self.returned_at <= now:
            return "refunded"
        received = self.received(now)
        if not received:
            return "pending" if now < self.expires_at else "refunded"
        waits_again = self.asked_again_at is not None and received[-1].at <= self.asked_again_at
        return "pending" if waits_again and now < self.expires_at else "complete"

    def is_active(self, now: int) -> bool:
        """Whether a message can still arrive."""
        return now < self.expires_at and self.returned_at is None


def phone_number(country: Country, chance: random.Random) -> str:
    """Digits without a plus."""
    return country.dial + "".join(chance.choices("0123456789", k=10 - len(country.dial) // 2))


def message(service: Service, at: int, chance: random.Random) -> Message:
    """A verification SMS."""
    code = f"{chance.randrange(1_000_000):06d}"
    return Message(at, code, f"{service.name}: {code} is your code. Do not share it.")


def planned(seed: int, market: Market, day: int) -> Iterator[Order]:
    """What the account buys on one day (days since 1970) if its balance allows, at list price, in order of time."""
    hours = np.arange(ORDERS_A_DAY)
    at = day * DAY_SECONDS + hours * 3600 + (draws(seed, "minute", day, hours) * 3600).astype(np.int64)
    habit = (draws(seed, "habit", day, hours) * 6).astype(np.int64)
    whim = (draws(seed, "whim", day, hours) * len(market.rows)).astype(np.int64)
    rows = np.where(draws(seed, "mood", day, hours) < 0.8, np.array(market.habits)[habit], whim)
    ticks = at // TICK_SECONDS
    lucky = draws(seed, "luck", day, hours) < market.chance(rows, ticks) * OWN_LUCK
    waits = 5 + draws(seed, "wait", day, hours) * 2 * market.average_seconds(rows, ticks)
    prices = market.price_cents(rows, ticks)
    for hour in range(ORDERS_A_DAY):
        order_id = str(20_000_000 + day * 100 + hour)
        order = new_order(seed, market, order_id, int(rows[hour]), price_cents=int(prices[hour]), at=int(at[hour]))
        if lucky[hour]:
            arrival = order.bought_at + min(int(waits[hour]), LIFE_SECONDS - 1)
            order.messages.append(message(order.service, arrival, source(seed, "sms", order_id)))
        yield order


def new_order(seed: int, market: Market, order_id: str, row: int, *, price_cents: int, at: int) -> Order:
    """An order of a row without any message yet."""
    lane, service = market.describe(row)
    phone = phone_number(lane.country, source(seed, "phone", order_id))
    return Order(order_id, row, lane.country, service, lane.carrier, phone, price_cents, at)


def draw_message(seed: int, market: Market, order: Order, at: int) -> None:
    """Decide whether an order made by a call gets an SMS after ``at``, and when."""
    chance = source(seed, "own sms", order.order_id, len(order.messages))
    row, tick = np.array([order.row]), at // TICK_SECONDS
    arrival = at + 5 + int(chance.random() * 2 * market.average_seconds(row, tick)[0])
    if chance.random() < market.chance(row, tick)[0] * OWN_LUCK and arrival < order.expires_at:
        order.messages.append(message(order.service, arrival, chance))
