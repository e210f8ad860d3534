"""Prices, stock and success rates of every (country, carrier, service).

Everything here is a pure function of the seed, the row and the tick, so it does not matter how an instant was reached.
A row is a number: ``lane * len(services) + service``, a lane being one (country, carrier). A tick is 15 minutes.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from smsonline.sandbox.simulation.reference_data import Country, Scale, Service, countries, services
from smsonline.sandbox.simulation.seeded_random import Floats, Ints, draws, source

TICK_SECONDS = 900
FIRST_TICK = 1_735_689_600 // TICK_SECONDS  # 2025-01-01: attempts are counted from here
PRICE_TICKS = 24
STOCK_TICKS = 4
RATE_TICKS = 12
DAY_TICKS = 96


class Lane(NamedTuple):
    """One country and carrier."""

    country: Country
    carrier: str


class Market:
    """What the vendor sells, and how well it delivers, at any tick."""

    def __init__(self, seed: int, scale: Scale) -> None:
        self.countries = countries(scale)
        self.services = services(scale)
        self.lanes = [Lane(country, carrier) for country in self.countries for carrier in country.carriers]
        self._seed = seed
        self._lane_numbers = {(lane.country.code, lane.carrier): n for n, lane in enumerate(self.lanes)}
        self._service_numbers = {name: n for n, s in enumerate(self.services) for name in (s.name, s.code)}
        self._service_prices = np.array([service.price_cents for service in self.services], dtype=np.float64)
        self.rows: Ints = np.arange(len(self.lanes) * len(self.services), dtype=np.int64)
        any_lanes = [number for number, lane in enumerate(self.lanes) if lane.carrier == "any"]
        self._any_rows = np.concatenate([self.lane_rows(number) for number in any_lanes])

    def lane_rows(self, lane: int) -> Ints:
        """The rows of one lane, in the order of ``services``."""
        return self.rows[lane * len(self.services) : (lane + 1) * len(self.services)]

    def lane(self, country: str, carrier: str) -> int | None:
        """Number of a lane by country code and carrier."""
        return self._lane_numbers.get((country, carrier))

    def row(self, country: str, carrier: str, service: str) -> int | None:
        """Number of a row; ``service`` by code or by name."""
        lane, number = self.lane(country, carrier), self._service_numbers.get(service)
        return None if lane is None or number is None else lane * len(self.services) + number

    def describe(self, row: int) -> tuple[Lane, Service]:
        """Country, carrier and service of a row."""
        lane, service = divmod(int(row), len(self.services))
        return self.lanes[lane], self.services[service]

    def price_cents(self, rows: Ints, tick: ArrayLike) -> Ints:
        """List price in US cents; each row moves every six hours, at its own time."""
        lane, service = np.divmod(rows, len(self.services))
        usual = self._service_prices[service] * (0.6 + 1.2 * draws(self._seed, "country", lane))
        swing = 0.85 + 0.3 * draws(self._seed, "price", rows, self._step(rows, tick, PRICE_TICKS))
        return np.maximum(2, np.rint(usual * swing)).astype(np.int64)

    def stock(self, rows: Ints, tick: ArrayLike) -> Ints:
        """Numbers on offer; about one row in sixteen is sold out at any time."""
        step = self._step(rows, tick, STOCK_TICKS)
        usual = 5 + 2500 * draws(self._seed, "stock", rows) ** 3
        count = usual * (0.3 + 1.4 * draws(self._seed, "stock moves", rows, step))
        sold_out = draws(self._seed, "sold out", rows, step) < 1 / 16
        return (np.rint(count) * ~sold_out).astype(np.int64)

    def attempts(self, rows: Ints, tick: ArrayLike) -> Ints:
        """Attempts ever counted: never falls."""
        elapsed = np.maximum(0, np.asarray(tick) - FIRST_TICK)
        base = 20 + 400 * draws(self._seed, "attempts", rows) ** 2
        total: Ints = np.floor(base + self.demand(rows) * elapsed).astype(np.int64)
        return total

    def demand(self, rows: Ints) -> Floats:
        """Attempts per tick: few rows are busy, most are quiet."""
        return 0.001 + 0.6 * draws(self._seed, "demand", rows) ** 4

    def chance(self, rows: Ints, tick: ArrayLike) -> Floats:
        """How likely a number gets its message, 0..1: a slow wave over days, moving every three hours."""
        step = self._step(rows, tick, RATE_TICKS)
        days = 2 + 7 * draws(self._seed, "wave days", rows)
        turn = step * RATE_TICKS / (days * DAY_TICKS) + draws(self._seed, "wave start", rows)
        middle = 0.2 + 0.72 * np.sqrt(draws(self._seed, "middle", rows))
        height = 0.01 + 0.09 * draws(self._seed, "height", rows)
        return np.clip(middle + height * np.sin(2 * np.pi * turn), 0.02, 0.985)

    def successes(self, rows: Ints, tick: ArrayLike) -> Ints:
        """Successful attempts, at most ``attempts``. A recount at the current rate, so it may fall."""
        return np.floor(self.attempts(rows, tick) * self.chance(rows, tick)).astype(np.int64)

    def average_seconds(self, rows: Ints, tick: ArrayLike) -> Ints:
        """Usual wait for the message in seconds; moves once a day."""
        usual = 8 + 150 * draws(self._seed, "wait", rows) ** 2
        swing = 0.8 + 0.4 * draws(self._seed, "wait moves", rows, self._step(rows, tick, DAY_TICKS))
        return np.rint(usual * swing).astype(np.int64)

    def popular(self, tick: int) -> Ints:
        """Rows in demand at any carrier, most wanted first; the ranks move every hour."""
        rows = self._any_rows
        heat = self.demand(rows) * (0.6 + 0.8 * draws(self._seed, "heat", rows, tick // STOCK_TICKS))
        return rows[np.argsort(-heat, kind="stable")][: max(20, len(self.services) // 5)]

    @cached_property
    def habits(self) -> list[int]:
        """The few rows, cheap and in demand, that the account itself buys again and again."""
        wanted = self.popular(FIRST_TICK)
        by_price = wanted[np.argsort(self.price_cents(wanted, FIRST_TICK), kind="stable")]
        return source(self._seed, "habits").sample([int(row) for row in by_price[:12]], 6)

    def _step(self, rows: Ints, tick: ArrayLike, ticks: int) -> Ints:
        """Which period of ``ticks`` a row is in; each row starts its periods at a time of its own."""
        start = (draws(self._seed, "phase", rows) * ticks).astype(np.int64)
        step: Ints = (np.asarray(tick, dtype=np.int64) + start) // ticks
        return step
