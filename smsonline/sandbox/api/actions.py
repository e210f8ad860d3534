"""The endpoints: their effect and the data they return. Keys of ``ACTIONS`` are the names in ``ENDPOINTS``.

V3 returns the data under ``body``. In V2 flat data stands beside ``error``, lists and objects stand under ``body``.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from smsonline.sandbox.api import serializers
from smsonline.sandbox.simulation.account import SimulatedCoupon
from smsonline.sandbox.simulation.invoices import NETWORKS, Invoice
from smsonline.sandbox.simulation.market import TICK_SECONDS
from smsonline.sandbox.simulation.orders import SimulatedOrder, draw_message, new_order
from smsonline.sandbox.simulation.reference_data import Country
from smsonline.sandbox.simulation.seeded_random import Ints
from smsonline.sandbox.simulation.state import SandboxState

REFUND, ANOTHER = "refund", "another"  # the values of `next` are assumed: the page was cut
BULK_LIMIT = 100
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
        if WHOLE_NUMBER.fullmatch(value) and int(value):
            return int(value)
        raise VendorRefusal(400, f"{name} must be a positive whole number of cents")

    def dollars_as_cents(self, name: str = "amount") -> int:
        """A positive decimal number of US dollars, in cents; 400 otherwise."""
        value = self.text(name)
        if DOLLARS.fullmatch(value) and float(value):
            return int(Decimal(value) * 100)
        raise VendorRefusal(400, f"{name} must be a positive amount of dollars with at most two decimals")

    def country(self) -> Country:
        """The country whose code is parameter ``country``; 404 when unknown."""
        code = self.text("country")
        for country in self.market.countries:
            if country.code == code:
                return country
        raise VendorRefusal(404, "unknown country")

    def offers(self, country: str, carrier: str) -> Ints:
        """Numbers of all offers of a country and carrier; 404 when unknown."""
        offers = self.market.offers_of(country, carrier)
        if offers is None:
            raise VendorRefusal(404, "unknown country or carrier")
        return offers

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


def _coupons(context: RequestContext) -> Any:
    codes = [serializers.coupon(coupon, context.state.user_id, context.now) for coupon in context.account.coupons]
    return {"totalReceived": len(codes), "codes": codes}


def _invoices(context: RequestContext) -> Any:
    newest = sorted(context.account.invoices, key=lambda invoice: invoice.created_at, reverse=True)
    return [serializers.invoice(invoice, context.state.user_id, context.now) for invoice in newest]


def _toggle_favourite(context: RequestContext) -> Any:
    # The path has no country: the first one unless the call names one.
    country_code = str(context.fields.get("country") or context.market.countries[0].code)
    (country, _), service = context.market.describe(context.offer(country_code, "any"))
    is_favourite = context.account.toggle_favourite(service.code, country.code)
    return {"sShort": service.code, "cShort": country.code, "favourite": is_favourite}


def _service_detail(context: RequestContext) -> Any:
    offer = context.offer(context.text("country"), context.text("carrier"))
    return serializers.detail(context.state, offer, context.now)


def _inventory(context: RequestContext) -> Any:
    limit = context.text("limit")
    if not WHOLE_NUMBER.fullmatch(limit):
        raise VendorRefusal(400, "limit must be a whole number")
    return serializers.inventory(context.account, int(limit), context.now)


def _create_order(context: RequestContext) -> Any:
    context.require("m", "n")
    return serializers.purchase(
        context.buy(context.cents("maximumPrice") if context.fields.get("maximumPrice") else None)
    )


def _change_order(context: RequestContext) -> Any:
    order, action, now = context.order("order_id"), context.text("next"), context.now
    if action == REFUND:
        context.refund(order)
    elif action != ANOTHER:
        raise VendorRefusal(400, f"next must be {REFUND} or {ANOTHER}")
    elif not order.received(now) or not order.is_active(now):
        raise VendorRefusal(400, "this order cannot wait for another SMS")
    else:
        order.another_sms_at = now
        draw_message(context.state.seed, context.market, order, now)
    return {"orderId": order.order_id, "status": order.status(now)}


def _create_invoice(context: RequestContext) -> str:
    return context.account.create_invoice("cryptomus", context.cents(), context.now, context.coupon()).url


def _create_card_invoice(context: RequestContext) -> str:
    invoice = context.account.create_invoice("pay4bit", context.cents(), context.now)
    signed = f"account={invoice.uuid}&sum={invoice.amount_cents}&currency=USD"
    signature = hashlib.sha256(f"{context.state.seed}{signed}".encode()).hexdigest()
    return f"https://api.pay4bit.net/pay?{signed}&sign={signature}"


def _create_wallet(context: RequestContext) -> Any:
    return serializers.transaction(context.wallet(), context.now)


def _transaction(context: RequestContext) -> Any:
    order_id = context.text("order_id")
    for invoice in context.account.invoices:
        if invoice.method == "cryptomus" and invoice.order_id == order_id:
            return serializers.transaction(invoice, context.now)
    raise VendorRefusal(404, "unknown transaction")


def _countries(context: RequestContext) -> Any:
    return [
        {"cShort": country.code, "country": country.name, "carriers": list(country.carriers)}
        for country in context.market.countries
    ]


def _v2_service_detail(context: RequestContext) -> Any:
    country = context.country()
    offers = [context.offer(country.code, carrier) for carrier in country.carriers]
    return [serializers.detail(context.state, offer, context.now) for offer in offers]


def _v2_country_statistics(context: RequestContext) -> Any:
    offers = [context.offer(country.code, carrier) for country, carrier in context.market.country_carriers]
    tick = context.now // TICK_SECONDS
    return serializers.statistics(context.market, np.array(offers, dtype=np.int64), tick)


def _v2_purchase(context: RequestContext) -> Any:
    context.require("m", "n")
    order = context.buy(context.dollars_as_cents("maximumPrice"))
    return {**serializers.purchase(order), "purchasePrice": order.price_cents / 100}


def _v2_refund(context: RequestContext) -> Any:
    order = context.order("orderId")
    context.refund(order)
    return {"orderId": order.order_id}


ACTIONS: dict[str, Callable[[RequestContext], Any]] = {
    "balance": lambda context: serializers.balance(context.account, context.state.user_id, context.now),
    "invoices": _invoices,
    "coupons": _coupons,
    "favourites": lambda context: serializers.favourites(context.account, context.market),
    "toggle_favourite": _toggle_favourite,
    "countries": _countries,
    "popular": lambda context: serializers.popular(context.state, context.now),
    "services": lambda context: serializers.services(
        context.state, context.offers(context.text("country"), context.text("carrier")), context.now
    ),
    "service_detail": _service_detail,
    "statistics": lambda context: serializers.encoded_statistics(context.state, context.now // TICK_SECONDS),
    "inventory": _inventory,
    "order": lambda context: [serializers.order(context.order("order_id"), context.now)],
    "create_order": _create_order,
    "change_order": _change_order,
    "create_invoice": _create_invoice,
    "create_wallet": _create_wallet,
    "transaction": _transaction,
    "create_card_invoice": _create_card_invoice,
    "v2_balance": lambda context: {
        "balance": context.account.balance_cents,
        "total": context.account.total_charges_cents,
    },
    "v2_create_invoice": _create_invoice,
    "v2_create_wallet": _create_wallet,
    "v2_countries": _countries,
    "v2_services": lambda context: serializers.services(
        context.state, context.offers(context.country().code, "any"), context.now
    ),
    "v2_service_detail": _v2_service_detail,
    "v2_country_statistics": _v2_country_statistics,
    "v2_purchase": _v2_purchase,
    "v2_refund": _v2_refund,
    "v2_phone_status": lambda context: serializers.order(context.order("orderId"), context.now),
    "v2_bulk_phone_status": lambda context: serializers.inventory(context.account, BULK_LIMIT, context.now),
}
