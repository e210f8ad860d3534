"""Prices, stock and success rates of every offer: one country, carrier and service.

Every value is a pure function of the seed, the offer and the tick of 15 minutes, so it does not matter in which steps
the clock reached an instant. Offers are numbered ``country_carrier * len(services) + service``, and the methods take
arrays of these numbers.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from smsonline.sandbox.simulation.reference_data import Country, Scale, Service, countries, services
from smsonline.sandbox.simulation.seeded_random import Floats, Ints, seeded_rng, uniform

TICK_SECONDS = 900
FIRST_TICK = 1_735_689_600 // TICK_SECONDS  # 2025-01-01: attempts are counted from here
PRICE_TICKS = 24
STOCK_TICKS = 4
RATE_TICKS = 12
DAY_TICKS = 96


class CountryCarrier(NamedTuple):
    """One country and one of its carriers."""

    country: Country
    carrier: str


class Market:
    """The vendor's offers and how well they deliver, at any tick."""

    def __init__(self, seed: int, scale: Scale) -> None:
        self.countries = countries(scale)
        self.services = services(scale)
        self.country_carriers = [
            CountryCarrier(country, carrier) for country in self.countries for carrier in country.carriers
        ]
        self._seed = seed
        self._country_carrier_ids = {
            (country.code, carrier): number for number, (country, carrier) in enumerate(self.country_carriers)
        }
        self._service_ids = {name: n for n, s in enumerate(self.services) for name in (s.name, s.code)}
        self._service_prices = np.array([service.price_cents for service in self.services], dtype=np.float64)
        self.offers: Ints = np.arange(len(self.country_carriers) * len(self.services), dtype=np.int64)
        any_carrier = [n for n, (_, carrier) in enumerate(self.country_carriers) if carrier == "any"]
        self._any_carrier_offers = self.offers.reshape(-1, len(self.services))[any_carrier].ravel()

    def offers_of(self, country: str, carrier: str) -> Ints | None:
        """The offers of a country code and carrier, in the order of ``services``; ``None`` when unknown."""
        country_carrier = self._country_carrier_ids.get((country, carrier))
        return None if country_carrier is None else self.offers.reshape(-1, len(self.services))[country_carrier]

    def offer_id(self, country: str, carrier: str, service: str) -> int | None:
        """Number of an offer; ``service`` by code or by name."""
        offers, position = self.offers_of(country, carrier), self._service_ids.get(service)
        return None if offers is None or position is None else int(offers[position])

    def describe(self, offer: int) -> tuple[CountryCarrier, Service]:
        """Country, carrier and service of an offer."""
        country_carrier, service = divmod(int(offer), len(self.services))
        return self.country_carriers[country_carrier], self.services[service]

    def price_cents(self, offers: Ints, tick: ArrayLike) -> Ints:
        """List price in US cents; each offer's price changes every six hours, at its own time."""
        country_carrier, service = np.divmod(offers, len(self.services))
        usual = self._service_prices[service] * (0.6 + 1.2 * uniform(self._seed, "country", country_carrier))
        swing = 0.85 + 0.3 * uniform(self._seed, "price", offers, self._period(offers, tick, PRICE_TICKS))
        return np.maximum(2, np.rint(usual * swing)).astype(np.int64)

    def stock(self, offers: Ints, tick: ArrayLike) -> Ints:
        """Available numbers; about one offer in sixteen is sold out at any time."""
        period = self._period(offers, tick, STOCK_TICKS)
        usual = 5 + 2500 * uniform(self._seed, "stock", offers) ** 3
        count = usual * (0.3 + 1.4 * uniform(self._seed, "stock moves", offers, period))
        sold_out = uniform(self._seed, "sold out", offers, period) < 1 / 16
        return (np.rint(count) * ~sold_out).astype(np.int64)

    def attempts(self, offers: Ints, tick: ArrayLike) -> Ints:
        """Attempts ever counted; never decreases."""
        elapsed = np.maximum(0, np.asarray(tick) - FIRST_TICK)
        base = 20 + 400 * uniform(self._seed, "attempts", offers) ** 2
        total: Ints = np.floor(base + self.demand(offers) * elapsed).astype(np.int64)
        return total

    def demand(self, offers: Ints) -> Floats:
        """Attempts per tick: few offers are busy, most are quiet."""
        return 0.001 + 0.6 * uniform(self._seed, "demand", offers) ** 4

    def success_probability(self, offers: Ints, tick: ArrayLike) -> Floats:
        """Probability 0..1 that a number receives its message: a slow wave over days, changing every three hours."""
        period = self._period(offers, tick, RATE_TICKS)
        days = 2 + 7 * uniform(self._seed, "wave days", offers)
        turn = period * RATE_TICKS / (days * DAY_TICKS) + uniform(self._seed, "wave start", offers)
        middle = 0.2 + 0.72 * np.sqrt(uniform(self._seed, "middle", offers))
        height = 0.01 + 0.09 * uniform(self._seed, "height", offers)
        return np.clip(middle + height * np.sin(2 * np.pi * turn), 0.02, 0.985)

    def successes(self, offers: Ints, tick: ArrayLike) -> Ints:
        """Successful attempts, at most ``attempts``. A recount at the current rate, so it may decrease."""
        return np.floor(self.attempts(offers, tick) * self.success_probability(offers, tick)).astype(np.int64)

    def average_seconds(self, offers: Ints, tick: ArrayLike) -> Ints:
        """Usual wait for the message in seconds; changes once a day."""
        usual = 8 + 150 * uniform(self._seed, "wait", offers) ** 2
        swing = 0.8 + 0.4 * uniform(self._seed, "wait moves", offers, self._period(offers, tick, DAY_TICKS))
        return np.rint(usual * swing).astype(np.int64)

    def popular(self, tick: int) -> Ints:
        """The most wanted offers of carrier ``any``, best rank first; the ranks change every hour."""
        offers = self._any_carrier_offers
        popularity = self.demand(offers) * (0.6 + 0.8 * uniform(self._seed, "heat", offers, tick // STOCK_TICKS))
        return offers[np.argsort(-popularity, kind="stable")][: max(20, len(self.services) // 5)]

    @cached_property
    def frequent_offers(self) -> list[int]:
        """Six cheap offers in demand that the account itself buys regularly."""
        popular = self.popular(FIRST_TICK)
        by_price = popular[np.argsort(self.price_cents(popular, FIRST_TICK), kind="stable")]
        return seeded_rng(self._seed, "habits").sample([int(offer) for offer in by_price[:12]], 6)

    def _period(self, offers: Ints, tick: ArrayLike, ticks: int) -> Ints:
        """Number of the period of ``ticks`` that an offer is in; each offer starts its periods at its own time."""
        start = (uniform(self._seed, "phase", offers) * ticks).astype(np.int64)
        period: Ints = (np.asarray(tick, dtype=np.int64) + start) // ticks
        return period
