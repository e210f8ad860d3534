"""The V3 endpoints: their effect and the data they return under ``body``. Keys are the names in ``ENDPOINTS``."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from smsonline.sandbox.api import serializers
from smsonline.sandbox.api.request_context import WHOLE_NUMBER, RequestContext, VendorRefusal

REFUND, ANOTHER = "refund", "another"  # the values of `next` are assumed: the page was cut


def _coupons(context: RequestContext) -> Any:
    coupons = context.account.coupons
    codes = [serializers.coupon(coupon, context.state.user_id, context.now) for coupon in coupons]
    return {"totalReceived": len(codes), "codes": codes}


def _invoices(context: RequestContext) -> Any:
    newest = sorted(context.account.invoices, key=lambda invoice: invoice.created_at, reverse=True)
    return [serializers.invoice(invoice, context.state.user_id, context.now) for invoice in newest]


def _toggle_favourite(context: RequestContext) -> Any:
    (country, _), service = context.market.describe(context.favourite_offer())
    is_favourite = context.account.toggle_favourite(service.code, country.code)
    return {"sShort": service.code, "cShort": country.code, "favourite": is_favourite}


def encoded_statistics(context: RequestContext) -> msgspec.Raw:
    """Statistics of every offer as JSON, encoded once per tick."""

    def encode(tick: int) -> bytes:
        return msgspec.json.encode(serializers.statistics(context.market, context.market.offers, tick))

    return msgspec.Raw(context.state.cached_body("statistics", context.now, encode))


def _inventory(context: RequestContext) -> Any:
    limit = context.text("limit")
    if not WHOLE_NUMBER.fullmatch(limit):
        raise VendorRefusal(400, "limit must be a whole number")
    return serializers.inventory(context.account, int(limit), context.now)


def _create_order(context: RequestContext) -> Any:
    for name in ("m", "n"):
        if name not in context.fields:
            raise VendorRefusal(400, f"{name} is required")
    max_cents = context.cents("maximumPrice") if context.fields.get("maximumPrice") else None
    return serializers.purchase(context.buy(max_cents))


def _change_order(context: RequestContext) -> Any:
    order, action = context.order("order_id"), context.text("next")
    if action == REFUND:
        context.refund(order)
    elif action == ANOTHER:
        context.request_another_sms(order)
    else:
        raise VendorRefusal(400, f"next must be {REFUND} or {ANOTHER}")
    return {"orderId": order.order_id, "status": order.status(context.now)}


def create_invoice(context: RequestContext) -> str:
    """A payment page for an amount in US cents."""
    return context.account.create_invoice("cryptomus", context.cents(), context.now, context.coupon()).url


def _create_card_invoice(context: RequestContext) -> str:
    invoice = context.account.create_invoice("pay4bit", context.cents(), context.now)
    signed = f"account={invoice.uuid}&sum={invoice.amount_cents}&currency=USD"
    signature = hashlib.sha256(f"{context.state.seed}{signed}".encode()).hexdigest()
    return f"https://api.pay4bit.net/pay?{signed}&sign={signature}"


def _transaction(context: RequestContext) -> Any:
    order_id = context.text("order_id")
    crypto = (invoice for invoice in context.account.invoices if invoice.method == "cryptomus")
    invoice = next((invoice for invoice in crypto if invoice.order_id == order_id), None)
    if invoice is None:
        raise VendorRefusal(404, "unknown transaction")
    return serializers.transaction(invoice, context.now)


ACTIONS: dict[str, Callable[[RequestContext], Any]] = {
    "balance": lambda context: serializers.balance(context.account, context.state.user_id, context.now),
    "invoices": _invoices,
    "coupons": _coupons,
    "favourites": lambda context: serializers.favourites(context.account, context.market),
    "toggle_favourite": _toggle_favourite,
    "countries": lambda context: serializers.countries(context.market),
    "popular": lambda context: serializers.popular(context.state, context.now),
    "services": lambda context: serializers.offers(context.state, context.country_carrier(), context.now),
    "service_detail": lambda context: serializers.detail(context.state, context.offer(), context.now),
    "statistics": encoded_statistics,
    "inventory": _inventory,
    "order": lambda context: [serializers.order(context.order("order_id"), context.now)],
    "create_order": _create_order,
    "change_order": _change_order,
    "create_invoice": create_invoice,
    "create_wallet": lambda context: serializers.transaction(context.wallet(), context.now),
    "transaction": _transaction,
    "create_card_invoice": _create_card_invoice,
}
