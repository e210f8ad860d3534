"""Vendor JSON of accounts, offers, orders and invoices; ``smsonline.response_fields`` lists the assumed fields."""

from typing import Any

import numpy as np

from smsonline.sandbox.simulation.account import DISCOUNTS, SimulatedAccount, SimulatedCoupon
from smsonline.sandbox.simulation.clock import vendor_timestamp
from smsonline.sandbox.simulation.invoices import Invoice
from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.orders import SimulatedOrder
from smsonline.sandbox.simulation.seeded_random import Ints
from smsonline.sandbox.simulation.state import SandboxState

Record = dict[str, Any]


def balance(account: SimulatedAccount, user_id: str, now: int) -> Record:
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
        "created": vendor_timestamp(item.created_at),
        "expires_at": vendor_timestamp(item.expires_at),
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


def coupon(item: SimulatedCoupon, user_id: str, now: int) -> Record:
    """A coupon; the meaning of ``timing`` is not documented, here it is the coupon's life in days."""
    return {
        "userId": user_id,
        "code": item.code,
        "issuedAt": vendor_timestamp(item.issued_at),
        "expiredAt": vendor_timestamp(item.expires_at),
        "status": item.status(now),
        "timing": 30,
        "percentage": item.percent,
        "targetPay": "crypto",
    }


def purchase(order: SimulatedOrder) -> Record:
    """The response to ordering a number; ``purchasePrice`` in US cents."""
    return {
        "orderId": order.order_id,
        "phoneNumber": order.phone,
        "expiredAtUTC": vendor_timestamp(order.expires_at),
        "purchasePrice": order.price_cents,
    }


def order(item: SimulatedOrder, now: int) -> Record:
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
        "createdAtUTC": vendor_timestamp(item.bought_at),
        "expiredAtUTC": vendor_timestamp(item.expires_at),
        "sms": [{"text": m.text, "code": m.code, "receivedAtUTC": vendor_timestamp(m.at)} for m in item.received(now)],
    }


def inventory(account: SimulatedAccount, limit: int, now: int) -> list[Record]:
    """All active numbers and the newest ``limit`` expired ones, newest first."""
    newest = sorted(account.orders.values(), key=lambda item: (item.bought_at, item.order_id), reverse=True)
    active = [item for item in newest if item.is_active(now)]
    expired = [item for item in newest if not item.is_active(now)]
    return [order(item, now) for item in active + expired[:limit]]


def favourites(account: SimulatedAccount, market: Market) -> list[Record]:
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


def offers(state: SandboxState, country_carrier: int, now: int) -> list[Record]:
    """Price (US cents) and stock of every service of one country and carrier."""
    prices, stock = _prices_and_stock(state, state.market.offers_of(country_carrier), now)
    return [
        {"sShort": service.code, "service": service.name, "price": price, "count": count}
        for service, price, count in zip(state.market.services, prices, stock, strict=True)
    ]


def detail(state: SandboxState, offer: int, now: int) -> Record:
    """Price, stock and success rate of one offer."""
    (country, carrier), service = state.market.describe(offer)
    numbers = np.array([offer])
    prices, stock = _prices_and_stock(state, numbers, now)
    return {
        "sShort": service.code,
        "service": service.name,
        "cShort": country.code,
        "country": country.name,
        "carrier": carrier,
        "price": prices[0],
        "count": stock[0],
        "successRate": statistics(state.market, numbers, now // TICK_SECONDS)[0]["successRate"],
    }


def popular(state: SandboxState, now: int) -> list[Record]:
    """The offers that are bought most, best rank first."""
    numbers = state.market.popular(now // TICK_SECONDS)
    prices, stock = _prices_and_stock(state, numbers, now)
    return [
        {
            "rank": rank,
            "sShort": service.code,
            "service": service.name,
            "cShort": country.code,
            "country": country.name,
            "price": price,
            "count": count,
        }
        for rank, (((country, _), service), price, count) in enumerate(
            zip(map(state.market.describe, numbers), prices, stock, strict=True), start=1
        )
    ]


def statistics(market: Market, offers: Ints, tick: int) -> list[Record]:
    """Claimed success per offer: ``successRate`` in percent with two decimals, ``averageSeconds`` the usual wait."""
    total, success = market.attempts(offers, tick), market.successes(offers, tick)
    rates = np.round(100 * success / np.maximum(total, 1), 2)
    columns = (total, success, rates, market.average_seconds(offers, tick))
    return [
        {
            "cShort": country.code,
            "country": country.name,
            "sShort": service.code,
            "service": service.name,
            "carrier": carrier,
            "total": attempts,
            "success": successes,
            "successRate": rate,
            "averageSeconds": seconds,
        }
        for ((country, carrier), service), attempts, successes, rate, seconds in zip(
            map(market.describe, offers.tolist()), *(column.tolist() for column in columns), strict=True
        )
    ]


def _prices_and_stock(state: SandboxState, offers: Ints, now: int) -> tuple[list[int], list[int]]:
    return state.market.price_cents(offers, now // TICK_SECONDS).tolist(), state.available_stock(offers, now)


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value
