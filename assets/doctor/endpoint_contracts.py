"""What the doctor expects of endpoints: contracts of those that no table is loaded from, and known status words.

``smsonline.response_fields`` says which of these fields are documented and which are assumed.
"""

import dataclasses
from collections.abc import Mapping

from assets.datasets import Dataset, Field
from assets.datasets.definitions import (
    CARRIER,
    COUNTRIES,
    COUNTRY,
    COUNTRY_CODE,
    INVENTORY,
    PRICE,
    SERVICE,
    SERVICE_CODE,
    STATISTICS,
    STOCK,
)

KnownValues = Mapping[str, Mapping[str, frozenset[str]]]


def _like(dataset: Dataset, endpoint: str, *, is_object: bool = False) -> Dataset:
    return dataclasses.replace(dataset, name=endpoint, endpoint=endpoint, params={}, fan_out=None, is_object=is_object)


RATE = Field("success_rate", ("successRate",), "rate")
DETAIL = Dataset(
    "service_detail",
    "service_detail",
    key=("country_code", "carrier", "service_code"),
    fields=(COUNTRY_CODE, COUNTRY, CARRIER, SERVICE_CODE, SERVICE, PRICE, STOCK, RATE),
    cadence_minutes=1440,
    is_object=True,
)
OFFERS = Dataset(
    "v2_services",
    "v2_services",
    key=("service_code",),
    fields=(SERVICE_CODE, SERVICE, PRICE, STOCK),
    cadence_minutes=1440,
    nesting_keys=("sShort",),
)
TRANSACTION = Dataset(
    "transaction",
    "transaction",
    key=("order_id",),
    fields=(
        Field("order_id", ("order_id",), presence="required"),
        Field("status", ("status",)),
        Field("amount_cents", ("amountInUSD",), "cents", unit="usd", numeric_text=True),
        Field("amount_in_crypto", ("amountInCrypto",)),
        Field("currency", ("currency",)),
        Field("network", ("network",)),
        Field("address", ("to_address",)),
        Field("url", ("url",)),
        Field("expires_at", ("expire_at",), "instant"),
    ),
    cadence_minutes=1440,
    is_object=True,
)
V2_BALANCE = Dataset(
    "v2_balance",
    "v2_balance",
    key=("balance_cents",),
    fields=(
        Field("balance_cents", ("balance",), "cents", presence="required"),
        Field("total_charges_cents", ("total",), "cents"),
    ),
    cadence_minutes=1440,
    ignored_fields=("error",),
    is_object=True,
)

# Each has the name of its endpoint.
UNSYNCED_ENDPOINTS: Mapping[str, Dataset] = {
    contract.name: contract
    for contract in (
        DETAIL,
        _like(INVENTORY, "order"),
        TRANSACTION,
        V2_BALANCE,
        _like(COUNTRIES, "v2_countries"),
        OFFERS,
        _like(dataclasses.replace(DETAIL, is_object=False), "v2_service_detail"),
        _like(STATISTICS, "v2_country_statistics"),
        _like(INVENTORY, "v2_phone_status", is_object=True),
        _like(INVENTORY, "v2_bulk_phone_status"),
    )
}

# Assumed, but for "complete".
ORDER_STATUSES = frozenset(
    {"pending", "complete", "completed", "refunded", "cancelled", "canceled", "expired", "timeout"}
)
COUPON_STATUSES = frozenset({"issued", "used", "expired"})


def known_values(payment_statuses: frozenset[str]) -> KnownValues:
    """The known values of enumerated columns, by dataset and column."""
    orders = ("inventory", "order", "v2_phone_status", "v2_bulk_phone_status")
    return {
        "invoices": {"status": payment_statuses},
        "transaction": {"status": payment_statuses},
        "coupons": {"status": COUPON_STATUSES},
        **{name: {"status": ORDER_STATUSES} for name in orders},
    }
