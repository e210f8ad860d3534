"""The endpoints: their effect and the data they return. Keys of ``ACTIONS`` are the names in ``ENDPOINTS``.

V3 returns the data under ``body``. In V2 flat data stands beside ``error``, lists and objects stand under ``body``.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from smsonline.sandbox.api import serializers
from smsonline.sandbox.api.request_context import WHOLE_NUMBER, RequestContext, VendorRefusal
from smsonline.sandbox.simulation.market import TICK_SECONDS

REFUND, ANOTHER = "refund", "another"  # the values of `next` are assumed: the page was cut
BULK_LIMIT = 100


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
    order, action = context.order("order_id"), context.text("next")
    if action == REFUND:
        context.refund(order)
    elif action == ANOTHER:
        context.request_another_sms(order)
    else:
        raise VendorRefusal(400, f"next must be {REFUND} or {ANOTHER}")
    return {"orderId": order.order_id, "status": order.status(context.now)}


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
