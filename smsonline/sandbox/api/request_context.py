"""One accepted call: what the vendor's actions get to see, and how they refuse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from smsonline.sandbox.simulation.account import Account, Coupon
from smsonline.sandbox.simulation.invoices import NETWORKS, Invoice
from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.orders import Order, draw_message, new_order
from smsonline.sandbox.simulation.reference_data import Country
from smsonline.sandbox.simulation.state import World

WHOLE = re.compile(r"[0-9]{1,9}")
DOLLARS = re.compile(r"[0-9]{1,7}(\.[0-9]{1,2})?")


class Refused(Exception):
    """The vendor says no: an HTTP status and the ``errorMessage``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Call:
    """A call with its parameters, wherever they travelled; ``now`` in Unix seconds."""

    world: World
    now: int
    fields: Mapping[str, Any]

    @property
    def account(self) -> Account:
        """The caller's account."""
        return self.world.account

    @property
    def market(self) -> Market:
        """What is on sale."""
        return self.world.market

    def text(self, name: str) -> str:
        """A required parameter. Refuses with 400 when it is absent or empty."""
        value = str(self.fields.get(name) or "").strip()
        if not value:
            raise Refused(400, f"{name} is required")
        return value

    def cents(self, name: str = "amount") -> int:
        """A positive whole number of US cents. Refuses with 400."""
        value = self.text(name)
        if not WHOLE.fullmatch(value) or int(value) == 0:
            raise Refused(400, f"{name} must be a positive whole number of cents")
        return int(value)

    def dollars_as_cents(self, name: str = "amount") -> int:
        """A positive decimal number of US dollars, in cents. Refuses with 400."""
        value = self.text(name)
        if not DOLLARS.fullmatch(value) or float(value) == 0:
            raise Refused(400, f"{name} must be a positive amount of dollars with at most two decimals")
        return int(Decimal(value) * 100)

    def country(self) -> Country:
        """The country of the parameter ``country``, by code. Refuses with 404."""
        code = self.text("country")
        found = next((country for country in self.market.countries if country.code == code), None)
        if found is None:
            raise Refused(404, "unknown country")
        return found

    def lane(self) -> int:
        """The lane of the parameters ``country`` and ``carrier``. Refuses with 404."""
        lane = self.market.lane(self.text("country"), self.text("carrier"))
        if lane is None:
            raise Refused(404, "unknown country or carrier")
        return lane

    def row(self) -> int:
        """The row of the parameters ``country``, ``carrier`` and ``service`` (code or name). Refuses with 404."""
        return self.row_of(self.text("country"), self.text("carrier"))

    def row_of(self, country: str, carrier: str) -> int:
        """The row of the parameter ``service`` in a given lane. Refuses with 404."""
        row = self.market.row(country, carrier, self.text("service"))
        if row is None:
            raise Refused(404, "unknown country, carrier or service")
        return row

    def favourite_row(self) -> int:
        """The row of ``service`` in ``country``, or in the first country: the endpoint's path has no country."""
        return self.row_of(str(self.fields.get("country") or self.market.countries[0].code), "any")

    def order(self, name: str) -> Order:
        """The caller's order with the id in parameter ``name``. Refuses with 404."""
        order = self.account.orders.get(self.text(name))
        if order is None:
            raise Refused(404, "unknown order")
        return order

    def coupon(self) -> Coupon | None:
        """The coupon of the optional ``couponCode``. Refuses with 400 unless it can still be used."""
        code = str(self.fields.get("couponCode") or "")
        if not code:
            return None
        found = next((coupon for coupon in self.account.coupons if coupon.code == code), None)
        if found is None or found.status(self.now) != "issued":
            raise Refused(400, "this coupon cannot be used")
        return found

    def wallet(self) -> Invoice:
        """A direct wallet for ``currency``, ``network`` and a dollar ``amount``. Refuses with 400."""
        currency, network = self.text("currency"), self.text("network")
        if network not in NETWORKS.get(currency, ()):
            raise Refused(400, "this currency and network are not supported together")
        cents, coupon = self.dollars_as_cents(), self.coupon()
        return self.account.bill("cryptomus", cents, self.now, coupon, f"{currency}/{network}")

    def buy(self, most_cents: int | None) -> Order:
        """Buy one number now, for at most ``most_cents``. The words and places of the refusals are assumed."""
        row = self._row_in_stock()
        price = self.account.charge(int(self.market.price_cents(self.market.rows[row : row + 1], self._tick)[0]))
        if most_cents is not None and price > most_cents:
            raise Refused(200, "PRICE_TOO_HIGH")
        order_id = str(30_000_000 + sum(order.by_call for order in self.account.orders.values()))
        order = new_order(self.world.seed, self.market, order_id, row, price_cents=price, at=self.now)
        order.by_call = True
        draw_message(self.world.seed, self.market, order, self.now)
        if not self.account.buy(order):
            raise Refused(200, "INSUFFICIENT_BALANCE")
        return order

    def refund(self, order: Order) -> None:
        """Give a number back. Refuses with 400 once an SMS arrived or the number has expired."""
        if order.status(self.now) != "pending" or order.received(self.now):
            raise Refused(400, "this order cannot be refunded")
        self.account.give_back(order, self.now)

    def ask_again(self, order: Order) -> None:
        """Wait for another SMS. Refuses with 400 unless one arrived and the number is alive."""
        if not order.received(self.now) or not order.is_active(self.now):
            raise Refused(400, "this order cannot wait for another SMS")
        order.asked_again_at = self.now
        draw_message(self.world.seed, self.market, order, self.now)

    @property
    def _tick(self) -> int:
        return self.now // TICK_SECONDS

    def _row_in_stock(self) -> int:
        failover = self.fields.get("failover", True) not in (False, "false")
        for row in [self.row(), *([self.row_of(self.text("country"), "any")] if failover else [])]:
            on_offer = int(self.market.stock(self.market.rows[row : row + 1], self._tick)[0])
            if on_offer > self.account.held(self.now)[row]:
                return row
        raise Refused(200, "NO_NUMBERS")
