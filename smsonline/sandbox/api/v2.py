"""The V2 endpoints. Flat data stands beside ``error`` in the response, lists and objects stand under ``body``."""

from collections.abc import Callable
from typing import Any

import numpy as np

from smsonline.sandbox.api import serializers, v3
from smsonline.sandbox.api.request_context import RequestContext, VendorRefusal
from smsonline.sandbox.simulation.market import TICK_SECONDS

BULK_LIMIT = 100


def _balance(context: RequestContext) -> Any:
    return {"balance": context.account.balance_cents, "total": context.account.total_charges_cents}


def _services(context: RequestContext) -> Any:
    country_carrier = context.market.country_carrier_id(context.country().code, "any")
    if country_carrier is None:
        raise VendorRefusal(404, "unknown country")
    return serializers.offers(context.state, country_carrier, context.now)


def _service_detail(context: RequestContext) -> Any:
    country = context.country()
    offers = [context.offer_for(country.code, carrier) for carrier in country.carriers]
    return [serializers.detail(context.state, offer, context.now) for offer in offers]


def _country_statistics(context: RequestContext) -> Any:
    offers = [context.offer_for(country.code, carrier) for country, carrier in context.market.country_carriers]
    tick = context.now // TICK_SECONDS
    return serializers.statistics(context.market, np.array(offers, dtype=np.int64), tick)


def _purchase(context: RequestContext) -> Any:
    for name in ("m", "n"):
        if name not in context.fields:
            raise VendorRefusal(400, f"{name} is required")
    order = context.buy(context.dollars_as_cents("maximumPrice"))
    return {**serializers.purchase(order), "purchasePrice": order.price_cents / 100}


def _refund(context: RequestContext) -> Any:
    order = context.order("orderId")
    context.refund(order)
    return {"orderId": order.order_id}


ACTIONS: dict[str, Callable[[RequestContext], Any]] = {
    "v2_balance": _balance,
    "v2_create_invoice": v3.create_invoice,
    "v2_create_wallet": lambda context: serializers.transaction(context.wallet(), context.now),
    "v2_countries": v3.ACTIONS["countries"],
    "v2_services": _services,
    "v2_service_detail": _service_detail,
    "v2_country_statistics": _country_statistics,
    "v2_purchase": _purchase,
    "v2_refund": _refund,
    "v2_phone_status": lambda context: serializers.order(context.order("orderId"), context.now),
    "v2_bulk_phone_status": lambda context: serializers.inventory(context.account, BULK_LIMIT, context.now),
}
