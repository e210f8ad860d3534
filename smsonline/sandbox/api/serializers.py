"""The world's state in the vendor's spelling. ``smsonline.response_fields`` says which fields are assumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from smsonline.sandbox.simulation.account import DISCOUNTS, Account, Coupon
from smsonline.sandbox.simulation.clock import stamp
from smsonline.sandbox.simulation.invoices import Invoice
from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.orders import Order
from smsonline.sandbox.simulation.seeded_random import Ints

Record = dict[str, Any]


def balance(account: Account, user_id: str, now: int) -> Record:
    """The account; ``balance`` in US cents, ``totalCharges`` as text."""
    return {
        "userId": user_id,
        "stripeId": "cus_sandbox",
        "cryptomusId": None,
        "balance": account.balance_cents,
        "status": None,
        "lang": None,
        "referral": None,
        "totalCharges": str(account.total_charges_cents),
        "couponCount": sum(coupon.status(now) == "issued" for coupon in account.coupons),
        "currentDiscountRate": account.discount[2],
        "vipSupport": False,
        "vipTelegram": "",
        "discountRates": [[cents, _number(percent / 100), label] for cents, percent, label in DISCOUNTS],
    }


def invoice(item: Invoice, user_id: str, now: int) -> Record:
    """One row of the payments list; ``amount`` in US cents."""
    return {
        "method": item.method,
        "sesid": item.uuid,
        "payId": item.order_id,
        "amount": item.amount_cents,
        "created": stamp(item.created_at),
        "expires_at": stamp(item.expires_at),
        "status": item.status(now),
        "userId": user_id,
    }


def transaction(item: Invoice, now: int) -> Record:
    """A crypto payment: amounts as decimal text, the network in lower case, the expiry in Unix seconds."""
    return {
        "to_address": item.address,
        "currency": item.currency,
        "network": item.network.lower(),
        "amountInUSD": f"{item.amount_cents // 100}.{item.amount_cents % 100:02d}",
        "amountInCrypto": item.amount_in_crypto(),
        "expire_at": item.expires_at,
        "url": item.url,
        "order_id": item.order_id,
        "status": item.status(now),
    }


def coupon(item: Coupon, user_id: str, now: int) -> Record:
    """A coupon; what ``timing`` means is not documented, here it is the coupon's life in days."""
    return {
        "userId": user_id,
        "code": item.code,
        "issuedAt": stamp(item.issued_at),
        "expiredAt": stamp(item.expires_at),
        "status": item.status(now),
        "timing": 30,
        "percentage": item.percent,
        "targetPay": "crypto",
    }


def purchase(order: Order) -> Record:
    """What ordering a number answers; ``purchasePrice`` in US cents."""
    return {
        "orderId": order.order_id,
        "phoneNumber": order.phone,
        "expiredAtUTC": stamp(order.expires_at),
        "purchasePrice": order.price_cents,
    }


def order(item: Order, now: int) -> Record:
    """One number of the account with the messages that arrived by ``now``."""
    return {
        "sShort": item.service.code,
        "cShort": item.country.code,
        "orderId": item.order_id,
        "country": item.country.name,
        "service": item.service.name,
        "carrier": item.carrier,
        "phoneNumber": item.phone,
        "purchasePrice": item.price_cents,
        "status": item.status(now),
        "createdAtUTC": stamp(item.bought_at),
        "expiredAtUTC": stamp(item.expires_at),
        "sms": [{"text": m.text, "code": m.code, "receivedAtUTC": stamp(m.at)} for m in item.received(now)],
    }


def inventory(account: Account, limit: int, now: int) -> list[Record]:
    """All active numbers and the newest ``limit`` expired ones, newest first."""
    newest = sorted(account.orders.values(), key=lambda item: (item.bought_at, item.order_id), reverse=True)
    active = [item for item in newest if item.is_active(now)]
    expired = [item for item in newest if not item.is_active(now)]
    return [order(item, now) for item in active + expired[:limit]]


def favourites(account: Account, market: Market) -> list[Record]:
    """The account's favourite services, in order of adding."""
    services = {service.code: service.name for service in market.services}
    countries = {country.code: country.name for country in market.countries}
    return [
        {"sShort": service, "service": services[service], "cShort": country, "country": countries[country]}
        for service, country in account.favourites
    ]


def countries(market: Market) -> list[Record]:
    """Countries with their carriers."""
    return [{"cShort": c.code, "country": c.name, "carriers": list(c.carriers)} for c in market.countries]


def offers(market: Market, lane: int, held: Counter[int], now: int) -> list[Record]:
    """Price (US cents) and stock of every service of one country and carrier."""
    rows = market.lane_rows(lane)
    prices, stock = _prices_and_stock(market, rows, held, now)
    return [
        {"sShort": service.code, "service": service.name, "price": price, "count": count}
        for service, price, count in zip(market.services, prices, stock, strict=True)
    ]


def detail(market: Market, row: int, held: Counter[int], now: int) -> Record:
    """Price, stock and success rate of one row."""
    lane, service = market.describe(row)
    rows = np.array([row])
    prices, stock = _prices_and_stock(market, rows, held, now)
    return {
        "sShort": service.code,
        "service": service.name,
        "cShort": lane.country.code,
        "country": lane.country.name,
        "carrier": lane.carrier,
        "price": prices[0],
        "count": stock[0],
        "successRate": statistics(market, rows, now // TICK_SECONDS)[0]["successRate"],
    }


def popular(market: Market, held: Counter[int], now: int) -> list[Record]:
    """What is bought most, best rank first."""
    rows = market.popular(now // TICK_SECONDS)
    prices, stock = _prices_and_stock(market, rows, held, now)
    return [
        {
            "rank": rank,
            "sShort": service.code,
            "service": service.name,
            "cShort": lane.country.code,
            "country": lane.country.name,
            "price": price,
            "count": count,
        }
        for rank, ((lane, service), price, count) in enumerate(
            zip(map(market.describe, rows), prices, stock, strict=True), start=1
        )
    ]


def statistics(market: Market, rows: Ints, tick: int) -> list[Record]:
    """Claimed success per row: ``successRate`` in percent with two decimals, ``averageSeconds`` the usual wait."""
    total, success = market.attempts(rows, tick), market.successes(rows, tick)
    rates = np.round(100 * success / np.maximum(total, 1), 2)
    columns = (rows, total, success, rates, market.average_seconds(rows, tick))
    return [
        {
            "cShort": lane.country.code,
            "country": lane.country.name,
            "sShort": service.code,
            "service": service.name,
            "carrier": lane.carrier,
            "total": attempts,
            "success": successes,
            "successRate": rate,
            "averageSeconds": seconds,
        }
        for (lane, service), attempts, successes, rate, seconds in _described(market, columns)
    ]


def _described(market: Market, columns: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    rows, *rest = (column.tolist() for column in columns)
    return zip(map(market.describe, rows), *rest, strict=True)


def _prices_and_stock(market: Market, rows: Ints, held: Counter[int], now: int) -> tuple[list[int], list[int]]:
    tick = now // TICK_SECONDS
    on_offer = zip(rows.tolist(), market.stock(rows, tick).tolist(), strict=True)
    return market.price_cents(rows, tick).tolist(), [max(0, count - held[row]) for row, count in on_offer]


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value
