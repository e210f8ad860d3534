"""What each V3 endpoint does and answers under ``body``. Names are the catalogue's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from smsonline.sandbox.api import serializers
from smsonline.sandbox.api.request_context import WHOLE, Call, Refused

REFUND, ANOTHER = "refund", "another"  # the values of `next` are assumed: the page was cut


def _coupons(call: Call) -> Any:
    codes = [serializers.coupon(coupon, call.world.user_id, call.now) for coupon in call.account.coupons]
    return {"totalReceived": len(codes), "codes": codes}


def _invoices(call: Call) -> Any:
    newest = sorted(call.account.invoices, key=lambda invoice: invoice.created_at, reverse=True)
    return [serializers.invoice(invoice, call.world.user_id, call.now) for invoice in newest]


def _toggle_favourite(call: Call) -> Any:
    row = call.favourite_row()
    lane, service = call.market.describe(row)
    kept = call.account.toggle_favourite(service.code, lane.country.code)
    return {"sShort": service.code, "cShort": lane.country.code, "favourite": kept}


def encoded_statistics(call: Call) -> msgspec.Raw:
    """Every row's statistics as JSON, made once per tick."""

    def encode(tick: int) -> bytes:
        return msgspec.json.encode(serializers.statistics(call.market, call.market.rows, tick))

    return msgspec.Raw(call.world.encoded("statistics", call.now, encode))


def _inventory(call: Call) -> Any:
    limit = call.text("limit")
    if not WHOLE.fullmatch(limit):
        raise Refused(400, "limit must be a whole number")
    return serializers.inventory(call.account, int(limit), call.now)


def _create_order(call: Call) -> Any:
    for name in ("m", "n"):
        if name not in call.fields:
            raise Refused(400, f"{name} is required")
    return serializers.purchase(call.buy(call.cents("maximumPrice") if call.fields.get("maximumPrice") else None))


def _change_order(call: Call) -> Any:
    order, action = call.order("order_id"), call.text("next")
    if action == REFUND:
        call.refund(order)
    elif action == ANOTHER:
        call.ask_again(order)
    else:
        raise Refused(400, f"next must be {REFUND} or {ANOTHER}")
    return {"orderId": order.order_id, "status": order.status(call.now)}


def create_invoice(call: Call) -> str:
    """A payment page for an amount in US cents."""
    return call.account.bill("cryptomus", call.cents(), call.now, call.coupon()).url


def _create_card_invoice(call: Call) -> str:
    invoice = call.account.bill("pay4bit", call.cents(), call.now)
    signed = f"account={invoice.uuid}&sum={invoice.amount_cents}&currency=USD"
    signature = hashlib.sha256(f"{call.world.seed}{signed}".encode()).hexdigest()
    return f"https://api.pay4bit.net/pay?{signed}&sign={signature}"


def _transaction(call: Call) -> Any:
    wanted = call.text("order_id")
    found = next((i for i in call.account.invoices if i.order_id == wanted and i.method == "cryptomus"), None)
    if found is None:
        raise Refused(404, "unknown transaction")
    return serializers.transaction(found, call.now)


def offers(call: Call, lane: int) -> Any:
    """Prices and stock of one lane."""
    return serializers.offers(call.market, lane, call.account.held(call.now), call.now)


ACTIONS: dict[str, Callable[[Call], Any]] = {
    "balance": lambda call: serializers.balance(call.account, call.world.user_id, call.now),
    "invoices": _invoices,
    "coupons": _coupons,
    "favourites": lambda call: serializers.favourites(call.account, call.market),
    "toggle_favourite": _toggle_favourite,
    "countries": lambda call: serializers.countries(call.market),
    "popular": lambda call: serializers.popular(call.market, call.account.held(call.now), call.now),
    "services": lambda call: offers(call, call.lane()),
    "service_detail": lambda call: serializers.detail(call.market, call.row(), call.account.held(call.now), call.now),
    "statistics": encoded_statistics,
    "inventory": _inventory,
    "order": lambda call: [serializers.order(call.order("order_id"), call.now)],
    "create_order": _create_order,
    "change_order": _change_order,
    "create_invoice": create_invoice,
    "create_wallet": lambda call: serializers.transaction(call.wallet(), call.now),
    "transaction": _transaction,
    "create_card_invoice": _create_card_invoice,
}
