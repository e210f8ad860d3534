"""Ground truth of the sandbox under neutral names, to compare a client's stored data with."""

from typing import Any

import numpy as np

from smsonline.sandbox.simulation.account import OPENING_CENTS, SimulatedAccount
from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.seeded_random import Ints
from smsonline.sandbox.simulation.state import SandboxState, iso

Rows = list[dict[str, Any]]


def ground_truth(state: SandboxState) -> dict[str, Any]:
    """The account's money, and a list of rows per dataset, keyed by the dataset's name.

    Money in US cents (opening + credited - purchased + refunded = balance), rates as fractions 0..1, times as ISO 8601
    in UTC.
    """
    now, account, market = state.process_due_events(), state.account, state.market
    tick = now // TICK_SECONDS
    return {
        "now": iso(now),
        "money": {
            "opening_cents": OPENING_CENTS,
            "credited_cents": account.credited_cents,
            "purchased_cents": account.purchased_cents,
            "refunded_cents": account.refunded_cents,
            "balance_cents": account.balance_cents,
            "total_charges_cents": account.total_charges_cents,
        },
        "countries": [
            {"country_code": country.code, "country": country.name, "carrier": carrier}
            for country, carrier in market.country_carriers
        ],
        "services": _offers(state, market.offers, now),
        "popular": [
            {**row, "rank": rank} for rank, row in enumerate(_offers(state, market.popular(tick), now), start=1)
        ],
        "statistics": _statistics(market, tick),
        "inventory": _inventory(account, now),
        "invoices": _invoices(account, now),
        "coupons": [{"code": c.code, "percentage": c.percent, "status": c.status(now)} for c in account.coupons],
        "favourites": [{"service_code": service, "country_code": country} for service, country in account.favourites],
    }


def _key(market: Market, offer: int) -> dict[str, str]:
    (country, carrier), service = market.describe(offer)
    return {"country_code": country.code, "carrier": carrier, "service_code": service.code}


def _offers(state: SandboxState, offers: Ints, now: int) -> Rows:
    prices = state.market.price_cents(offers, now // TICK_SECONDS).tolist()
    return [
        {**_key(state.market, offer), "price_cents": price, "stock": count}
        for offer, price, count in zip(offers.tolist(), prices, state.available_stock(offers, now), strict=True)
    ]


def _statistics(market: Market, tick: int) -> Rows:
    total, success = market.attempts(market.offers, tick), market.successes(market.offers, tick)
    rates = np.round(success / np.maximum(total, 1), 4)
    waits = market.average_seconds(market.offers, tick)
    columns = zip(total.tolist(), success.tolist(), rates.tolist(), waits.tolist(), strict=True)
    return [
        {**_key(market, offer), "attempts": a, "successes": s, "success_rate": rate, "average_seconds": wait}
        for offer, (a, s, rate, wait) in enumerate(columns)
    ]


def _inventory(account: SimulatedAccount, now: int) -> Rows:
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


def _invoices(account: SimulatedAccount, now: int) -> Rows:
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
