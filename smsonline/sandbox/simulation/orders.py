"""Numbers that the account bought: the life of one order, and the schedule of the account's own purchases."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.reference_data import Country, Service
from smsonline.sandbox.simulation.seeded_random import seeded_rng, uniform

LIFE_SECONDS = 1200
DAY_SECONDS = 86_400
ORDERS_PER_DAY = 24
OWN_SUCCESS_FACTOR = 0.93  # the account's own success rate is a little below the vendor's claim


class SmsMessage(NamedTuple):
    """One SMS: its arrival (Unix seconds), its code and its text."""

    at: int
    code: str
    text: str


@dataclass
class SimulatedOrder:
    """One bought number. Money in US cents, times in Unix seconds; ``messages`` may lie in the future."""

    order_id: str
    offer: int
    country: Country
    service: Service
    carrier: str
    phone: str
    price_cents: int
    bought_at: int
    messages: list[SmsMessage] = field(default_factory=list)
    refunded_at: int | None = None
    another_sms_at: int | None = None
    by_call: bool = False

    @property
    def expires_at(self) -> int:
        """A number lives for twenty minutes."""
        return self.bought_at + LIFE_SECONDS

    def received(self, now: int) -> list[SmsMessage]:
        """Messages that arrived by ``now``."""
        return [message for message in self.messages if message.at <= now]

    def status(self, now: int) -> str:
        """``pending`` (waits for an SMS), ``complete`` or ``refunded``; only ``complete`` is a documented value."""
        if self.refunded_at is not None and self.refunded_at <= now:
            return "refunded"
        received = self.received(now)
        if not received:
            return "pending" if now < self.expires_at else "refunded"
        waits_again = self.another_sms_at is not None and received[-1].at <= self.another_sms_at
        return "pending" if waits_again and now < self.expires_at else "complete"

    def is_active(self, now: int) -> bool:
        """Whether a message can still arrive."""
        return now < self.expires_at and self.refunded_at is None


def new_order(seed: int, market: Market, order_id: str, offer: int, *, price_cents: int, at: int) -> SimulatedOrder:
    """An order of an offer, without messages."""
    (country, carrier), service = market.describe(offer)
    rng = seeded_rng(seed, "phone", order_id)
    phone = country.dial + "".join(rng.choices("0123456789", k=10 - len(country.dial) // 2))
    return SimulatedOrder(order_id, offer, country, service, carrier, phone, price_cents, at)


def scheduled_orders(seed: int, market: Market, day: int) -> Iterator[SimulatedOrder]:
    """The account's own purchases of one day (days since 1970), at list price, in order of time.

    Four in five are frequent purchases, the rest are random offers. The account makes them if its balance allows.
    """
    hours = np.arange(ORDERS_PER_DAY)
    at = day * DAY_SECONDS + hours * 3600 + (uniform(seed, "minute", day, hours) * 3600).astype(np.int64)
    frequent = np.array(market.frequent_offers)[(uniform(seed, "habit", day, hours) * 6).astype(np.int64)]
    random_offer = (uniform(seed, "whim", day, hours) * len(market.offers)).astype(np.int64)
    offers = np.where(uniform(seed, "mood", day, hours) < 0.8, frequent, random_offer)
    ticks = at // TICK_SECONDS
    succeeds = uniform(seed, "luck", day, hours) < market.success_probability(offers, ticks) * OWN_SUCCESS_FACTOR
    waits = 5 + uniform(seed, "wait", day, hours) * 2 * market.average_seconds(offers, ticks)
    prices = market.price_cents(offers, ticks)
    for hour in range(ORDERS_PER_DAY):
        order_id = str(20_000_000 + day * 100 + hour)
        order = new_order(seed, market, order_id, int(offers[hour]), price_cents=int(prices[hour]), at=int(at[hour]))
        if succeeds[hour]:
            arrival = order.bought_at + min(int(waits[hour]), LIFE_SECONDS - 1)
            order.messages.append(_verification_sms(order.service, arrival, seeded_rng(seed, "sms", order_id)))
        yield order


def draw_message(seed: int, market: Market, order: SimulatedOrder, at: int) -> None:
    """Decides whether an order made by a call receives an SMS after ``at``, and when."""
    rng = seeded_rng(seed, "own sms", order.order_id, len(order.messages))
    offers, tick = np.array([order.offer]), at // TICK_SECONDS
    arrival = at + 5 + int(rng.random() * 2 * market.average_seconds(offers, tick)[0])
    succeeds = rng.random() < market.success_probability(offers, tick)[0] * OWN_SUCCESS_FACTOR
    if succeeds and arrival < order.expires_at:
        order.messages.append(_verification_sms(order.service, arrival, rng))


def _verification_sms(service: Service, at: int, rng: random.Random) -> SmsMessage:
    code = f"{rng.randrange(1_000_000):06d}"
    return SmsMessage(at, code, f"{service.name}: {code} is your code. Do not share it.")
