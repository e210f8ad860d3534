"""The world's state under neutral names, so that what a client stored can be held against what was true."""

from __future__ import annotations

from typing import Any

import numpy as np

from smsonline.sandbox.simulation.account import OPENING_CENTS, Account
from smsonline.sandbox.simulation.clock import iso
from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.state import World

Rows = list[dict[str, Any]]


def truth(world: World) -> dict[str, Any]:
    """One document: the money, and a list of rows per dataset, keyed by the dataset's name.

    Money in US cents, rates as fractions 0..1, times as ISO 8601 in UTC.
    """
    now = world.settle()
    tick = now // TICK_SECONDS
    return {
        "now": iso(now),
        "money": money(world.account),
        "countries": _countries(world.market),
        "services": _services(world, tick, now),
        "popular": _popular(world, tick, now),
        "statistics": _statistics(world.market, tick),
        "inventory": _inventory(world.account, now),
        "invoices": _invoices(world.account, now),
        "coupons": [{"code": c.code, "percentage": c.percent, "status": c.status(now)} for c in world.account.coupons],
        "favourites": [
            {"service_code": service, "country_code": country} for service, country in world.account.favourites
        ],
    }


def money(account: Account) -> dict[str, int]:
    """US cents; opening + credited - purchased + refunded = balance."""
    return {
        "opening_cents": OPENING_CENTS,
        "credited_cents": account.credited_cents,
        "purchased_cents": account.purchased_cents,
        "refunded_cents": account.refunded_cents,
        "balance_cents": account.balance_cents,
        "total_charges_cents": account.total_charges_cents,
    }


def _key(market: Market, row: int) -> dict[str, str]:
    lane, service = market.describe(row)
    return {"country_code": lane.country.code, "carrier": lane.carrier, "service_code": service.code}


def _countries(market: Market) -> Rows:
    return [
        {"country_code": lane.country.code, "country": lane.country.name, "carrier": lane.carrier}
        for lane in market.lanes
    ]


def _services(world: World, tick: int, now: int) -> Rows:
    market, held = world.market, world.account.held(now)
    prices, stock = market.price_cents(market.rows, tick).tolist(), market.stock(market.rows, tick).tolist()
    return [
        {**_key(market, row), "price_cents": price, "stock": max(0, count - held[row])}
        for row, (price, count) in enumerate(zip(prices, stock, strict=True))
    ]


def _popular(world: World, tick: int, now: int) -> Rows:
    market, held = world.market, world.account.held(now)
    rows = market.popular(tick)
    columns = zip(
        rows.tolist(), market.price_cents(rows, tick).tolist(), market.stock(rows, tick).tolist(), strict=True
    )
    return [
        {**_key(market, row), "rank": rank, "price_cents": price, "stock": max(0, count - held[row])}
        for rank, (row, price, count) in enumerate(columns, start=1)
    ]


def _statistics(market: Market, tick: int) -> Rows:
    total, success = market.attempts(market.rows, tick), market.successes(market.rows, tick)
    rates = np.round(success / np.maximum(total, 1), 4)
    waits = market.average_seconds(market.rows, tick)
    columns = zip(total.tolist(), success.tolist(), rates.tolist(), waits.tolist(), strict=True)
    return [
        {**_key(market, row), "attempts": a, "successes": s, "success_rate": rate, "average_seconds": wait}
        for row, (a, s, rate, wait) in enumerate(columns)
    ]


def _inventory(account: Account, now: int) -> Rows:
    return [
        {
            "order_id": order.order_id,
            "country_code": order.country.code,
            "carrier": order.carrier,
            "service_code": order.service.code,
            "purchase_price_cents": order.price_cents,
            "status": order.status(now),
            "created_at": iso(order.bought_at),
            "expires_at": iso(order.expires_at),
            "sms_count": len(order.received(now)),
        }
        for order in account.orders.values()
    ]


def _invoices(account: Account, now: int) -> Rows:
    return [
        {
            "payment_id": invoice.order_id,
            "session_id": invoice.uuid,
            "url": invoice.url,
            "method": invoice.method,
            "amount_cents": invoice.amount_cents,
            "received_cents": invoice.received_cents(now),
            "credited_cents": invoice.credited_cents,
            "status": invoice.status(now),
            "created_at": iso(invoice.created_at),
            "expires_at": iso(invoice.expires_at),
        }
        for invoice in account.invoices
    ]
