"""One authenticated request: typed access to its parameters, purchases, and the vendor's refusals."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from smsonline.sandbox.simulation.account import SimulatedCoupon
from smsonline.sandbox.simulation.invoices import NETWORKS, Invoice
from smsonline.sandbox.simulation.market import TICK_SECONDS
from smsonline.sandbox.simulation.orders import SimulatedOrder, draw_message, new_order
from smsonline.sandbox.simulation.reference_data import Country
from smsonline.sandbox.simulation.seeded_random import Ints
from smsonline.sandbox.simulation.state import SandboxState

WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
DOLLARS = re.compile(r"[0-9]{1,7}(\.[0-9]{1,2})?")


class VendorRefusal(Exception):
    """An error response of the vendor: HTTP status and ``errorMessage``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class RequestContext:
    """A request's parameters from path, query and body, with the state they refer to; ``now`` in Unix seconds.

    Methods that read parameters raise ``VendorRefusal`` for a missing, malformed or unknown value.
    """

    state: SandboxState
    now: int
    fields: Mapping[str, Any]

    def __post_init__(self) -> None:
        self.account, self.market = self.state.account, self.state.market

    def require(self, *names: str) -> None:
        """400 unless all these parameters are present, be it without a value."""
        for name in names:
            if name not in self.fields:
                raise VendorRefusal(400, f"{name} is required")

    def text(self, name: str) -> str:
        """A required parameter; 400 when it is absent or empty."""
        value = str(self.fields.get(name) or "").strip()
        if not value:
            raise VendorRefusal(400, f"{name} is required")
        return value

    def cents(self, name: str = "amount") -> int:
        """A positive whole number of US cents; 400 otherwise."""
        value = self.text(name)
        if not WHOLE_NUMBER.fullmatch(value) or int(value) == 0:
            raise VendorRefusal(400, f"{name} must be a positive whole number of cents")
        return int(value)

    def dollars_as_cents(self, name: str = "amount") -> int:
        """A positive decimal number of US dollars, in cents; 400 otherwise."""
        value = self.text(name)
        if not DOLLARS.fullmatch(value) or float(value) == 0:
            raise VendorRefusal(400, f"{name} must be a positive amount of dollars with at most two decimals")
        return int(Decimal(value) * 100)

    def country(self) -> Country:
        """The country whose code is parameter ``country``; 404 when unknown."""
        code = self.text("country")
        country = next((country for country in self.market.countries if country.code == code), None)
        if country is None:
            raise VendorRefusal(404, "unknown country")
        return country

    def offers(self, country: str, carrier: str) -> Ints:
        """Numbers of all offers of a country and carrier; 404 when unknown."""
        country_carrier = self.market.country_carrier_id(country, carrier)
        if country_carrier is None:
            raise VendorRefusal(404, "unknown country or carrier")
        return self.market.offers_of(country_carrier)

    def offer(self, country: str, carrier: str) -> int:
        """Number of the offer of parameter ``service`` (code or name) for a country and carrier; 404 if unknown."""
        offer = self.market.offer_id(country, carrier, self.text("service"))
        if offer is None:
            raise VendorRefusal(404, "unknown country, carrier or service")
        return offer

    def order(self, name: str) -> SimulatedOrder:
        """The caller's order with the id in parameter ``name``; 404 when unknown."""
        order = self.account.orders.get(self.text(name))
        if order is None:
            raise VendorRefusal(404, "unknown order")
        return order

    def coupon(self) -> SimulatedCoupon | None:
        """The coupon of the optional ``couponCode``; 400 unless it can still be used."""
        code = str(self.fields.get("couponCode") or "")
        if not code:
            return None
        coupon = next((coupon for coupon in self.account.coupons if coupon.code == code), None)
        if coupon is None or coupon.status(self.now) != "issued":
            raise VendorRefusal(400, "this coupon cannot be used")
        return coupon

    def wallet(self) -> Invoice:
        """A direct wallet for ``currency``, ``network`` and a dollar ``amount``; 400 for an unsupported pair."""
        currency, network = self.text("currency"), self.text("network")
        if network not in NETWORKS.get(currency, ()):
            raise VendorRefusal(400, "this currency and network are not supported together")
        cents, coupon = self.dollars_as_cents(), self.coupon()
        return self.account.create_invoice("cryptomus", cents, self.now, coupon, f"{currency}/{network}")

    def buy(self, max_cents: int | None) -> SimulatedOrder:
        """Buys one number for at most ``max_cents``. Texts and statuses of the refusals are assumed."""
        country = self.text("country")
        offers = [self.offer(country, self.text("carrier"))]
        if self.fields.get("failover", True) not in (False, "false"):
            offers.append(self.offer(country, "any"))
        stock = self.state.available_stock(np.array(offers), self.now)
        offer = next((offer for offer, count in zip(offers, stock, strict=True) if count), None)
        if offer is None:
            raise VendorRefusal(200, "NO_NUMBERS")
        list_price = self.market.price_cents(np.array([offer]), self.now // TICK_SECONDS)
        price = self.account.charge(int(list_price[0]))
        if max_cents is not None and price > max_cents:
            raise VendorRefusal(200, "PRICE_TOO_HIGH")
        order_id = str(30_000_000 + sum(order.by_call for order in self.account.orders.values()))
        order = new_order(self.state.seed, self.market, order_id, offer, price_cents=price, at=self.now)
        order.by_call = True
        draw_message(self.state.seed, self.market, order, self.now)
        if not self.account.buy(order):
            raise VendorRefusal(200, "INSUFFICIENT_BALANCE")
        return order

    def refund(self, order: SimulatedOrder) -> None:
        """Returns a number; 400 once an SMS arrived or the number has expired."""
        if order.status(self.now) != "pending" or order.received(self.now):
            raise VendorRefusal(400, "this order cannot be refunded")
        self.account.refund(order, self.now)

    def request_another_sms(self, order: SimulatedOrder) -> None:
        """Waits for another SMS; 400 unless one arrived and the number is active."""
        if not order.received(self.now) or not order.is_active(self.now):
            raise VendorRefusal(400, "this order cannot wait for another SMS")
        order.another_sms_at = self.now
        draw_message(self.state.seed, self.market, order, self.now)
