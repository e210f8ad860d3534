"""Vendor JSON of accounts, offers, orders and invoices; ``smsonline.response_fields`` lists the assumed fields."""

from typing import Any

import msgspec
import numpy as np

from smsonline.sandbox.simulation.account import DISCOUNTS, SimulatedAccount, SimulatedCoupon
from smsonline.sandbox.simulation.invoices import Invoice
from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.orders import SimulatedOrder
from smsonline.sandbox.simulation.seeded_random import Ints
from smsonline.sandbox.simulation.state import SandboxState, vendor_timestamp

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
        "discountRates": [[cents, percent / 100 if percent < 100 else 1, tag] for cents, percent, tag in DISCOUNTS],
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


def services(state: SandboxState, offers: Ints, now: int) -> list[Record]:
    """Price (US cents) and stock of the services of one country and carrier."""
    return [_selected(offer, "sShort", "service", "price", "count") for offer in _offers(state, offers, now)]


def detail(state: SandboxState, offer: int, now: int) -> Record:
    """Price, stock and success rate of one offer."""
    offers = np.array([offer])
    success_rate = statistics(state.market, offers, now // TICK_SECONDS)[0]["successRate"]
    return {**_offers(state, offers, now)[0], "successRate": success_rate}


def popular(state: SandboxState, now: int) -> list[Record]:
    """The offers that are bought most, best rank first."""
    offers = _offers(state, state.market.popular(now // TICK_SECONDS), now)
    names = ("sShort", "service", "cShort", "country", "price", "count")
    return [{"rank": rank, **_selected(offer, *names)} for rank, offer in enumerate(offers, start=1)]


def _offers(state: SandboxState, offers: Ints, now: int) -> list[Record]:
    prices = state.market.price_cents(offers, now // TICK_SECONDS).tolist()
    return [
        {
            "sShort": service.code,
            "service": service.name,
            "cShort": country.code,
            "country": country.name,
            "carrier": carrier,
            "price": price,
            "count": count,
        }
        for ((country, carrier), service), price, count in zip(
            map(state.market.describe, offers), prices, state.available_stock(offers, now), strict=True
        )
    ]


def _selected(record: Record, *names: str) -> Record:
    return {name: record[name] for name in names}


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


def encoded_statistics(state: SandboxState, tick: int) -> msgspec.Raw:
    """Statistics of every offer as JSON, encoded once per tick."""
    if state.encoded_statistics is None or state.encoded_statistics[0] != tick:
        state.encoded_statistics = tick, msgspec.json.encode(statistics(state.market, state.market.offers, tick))
    return msgspec.Raw(state.encoded_statistics[1])
