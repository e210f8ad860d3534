"""What each V2 endpoint does and answers. Flat answers stand beside ``error``, the rest under ``body``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from smsonline.sandbox.api import serializers, v3
from smsonline.sandbox.api.request_context import Call, Refused
from smsonline.sandbox.simulation.market import TICK_SECONDS

BULK_LIMIT = 100


def _services(call: Call) -> Any:
    lane = call.market.lane(call.country().code, "any")
    if lane is None:
        raise Refused(404, "unknown country")
    return v3.offers(call, lane)


def _service_detail(call: Call) -> Any:
    country = call.country()
    rows = [call.row_of(country.code, carrier) for carrier in country.carriers]
    return [serializers.detail(call.market, row, call.account.held(call.now), call.now) for row in rows]


def _country_statistics(call: Call) -> Any:
    rows = [call.row_of(lane.country.code, lane.carrier) for lane in call.market.lanes]
    return serializers.statistics(call.market, np.array(rows, dtype=np.int64), call.now // TICK_SECONDS)


def _purchase(call: Call) -> Any:
    for name in ("m", "n"):
        if name not in call.fields:
            raise Refused(400, f"{name} is required")
    order = call.buy(call.dollars_as_cents("maximumPrice"))
    return {**serializers.purchase(order), "purchasePrice": order.price_cents / 100}


def _refund(call: Call) -> Any:
    order = call.order("orderId")
    call.refund(order)
    return {"orderId": order.order_id}


ACTIONS: dict[str, Callable[[Call], Any]] = {
    "v2_balance": lambda call: {"balance": call.account.balance_cents, "total": call.account.total_charges_cents},
    "v2_create_invoice": v3.create_invoice,
    "v2_create_wallet": lambda call: serializers.transaction(call.wallet(), call.now),
    "v2_countries": v3.ACTIONS["countries"],
    "v2_services": _services,
    "v2_service_detail": _service_detail,
    "v2_country_statistics": _country_statistics,
    "v2_purchase": _purchase,
    "v2_refund": _refund,
    "v2_phone_status": lambda call: serializers.order(call.order("orderId"), call.now),
    "v2_bulk_phone_status": lambda call: serializers.inventory(call.account, BULK_LIMIT, call.now),
}
