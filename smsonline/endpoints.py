"""Every endpoint of the vendor as data: one record each, V3 first, then the deprecated V2.

``assumed=True`` marks a path or shape that no readable page of the documentation states; ``source`` names the page of a
documented one. No other module contains a vendor path.
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

DOCS = "https://pkpd2wflur.apidog.io/"
ASSUMED = "assumed: no readable page"

Method = Literal["GET", "PUT", "PATCH", "POST"]


@dataclass(frozen=True)
class Endpoint:
    """One call of the vendor's API.

    ``path`` is relative to the version's base URL; ``{names}`` are filled from the account (``user_id``) and the call's
    parameters. ``query_fields`` and ``body_fields`` map the vendor's field to the name of the call's parameter.
    ``records_path`` is the dotted path of the data in the response. ``mutates`` marks a call that spends or commits
    money, or must not be repeated for another reason: it is sent once, without retries or redirects, whatever its HTTP
    method. Responses with ``contains_pii`` carry phone numbers and messages.
    """

    name: str
    method: Method
    path: str
    source: str
    version: Literal["v3", "v2"] = "v3"
    records_path: str = "body"
    query_fields: tuple[tuple[str, str], ...] = ()
    body_fields: tuple[tuple[str, str], ...] = ()
    mutates: bool = False
    contains_pii: bool = False
    assumed: bool = False

    @property
    def key_name(self) -> str:
        """The field that carries the API key: ``apiKey`` in V3, ``key`` in V2."""
        return "apiKey" if self.version == "v3" else "key"

    @property
    def key_location(self) -> Literal["query", "body"]:
        """Query of a GET, JSON body of any other method (documented for PUT and POST; assumed for PATCH)."""
        return "query" if self.method == "GET" else "body"

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """Parameters of the path, including ``user_id``."""
        return tuple(name for _, name, _, _ in string.Formatter().parse(self.path) if name is not None)

    @property
    def parameters(self) -> frozenset[str]:
        """All parameters of a call: of path, query and body, without ``user_id``."""
        mapped = (name for _, name in (*self.query_fields, *self.body_fields))
        return frozenset({*self.path_parameters, *mapped}) - {"user_id"}


COUPON = (("couponCode", "coupon_code"),)
ORDER = tuple((name, name) for name in ("country", "service", "carrier", "maximumPrice", "m", "n", "failover"))
LOOKUP = "numbers/{user_id}/lookup/{country}/{carrier}"
CRYPTOMUS = "customers/{user_id}/cryptomus"

V3: tuple[Endpoint, ...] = (
    Endpoint("balance", "GET", "customers/{user_id}/balance", DOCS + "get-account-balance-17003197e0"),
    Endpoint("invoices", "GET", "customers/{user_id}/payments", DOCS + "get-invoices-17003213e0"),
    Endpoint(
        "coupons", "GET", "customers/{user_id}/coupons", DOCS + "get-coupons-17003219e0", records_path="body.codes"
    ),
    Endpoint("favourites", "GET", "customers/{user_id}/favourites", ASSUMED, assumed=True),
    Endpoint(
        "toggle_favourite", "PATCH", "customers/{user_id}/favourites/{service}", ASSUMED, mutates=True, assumed=True
    ),
    Endpoint("countries", "GET", "numbers/{user_id}/countries", ASSUMED, assumed=True),
    Endpoint("popular", "GET", "numbers/{user_id}/popular", ASSUMED, assumed=True),
    Endpoint("services", "GET", LOOKUP, ASSUMED, assumed=True),
    Endpoint("service_detail", "GET", LOOKUP + "/{service}", ASSUMED, assumed=True),
    Endpoint("statistics", "GET", "statistics/{user_id}", ASSUMED, assumed=True),
    Endpoint(
        "inventory", "GET", "numbers/{user_id}/inventory/{limit}", DOCS + "get-inventory-17003724e0", contains_pii=True
    ),
    Endpoint(
        "order", "GET", "numbers/{user_id}/order/{order_id}", DOCS + "get-order-data-17003546e0", contains_pii=True
    ),
    Endpoint(
        "create_order",
        "PUT",
        "numbers/{user_id}/order",
        DOCS + "order-a-number-17003419e0",
        body_fields=ORDER,
        mutates=True,
        contains_pii=True,
    ),
    Endpoint(
        "change_order",
        "PATCH",
        "numbers/{user_id}/order/{order_id}/{next}",
        DOCS + "change-order-status-17003700e0",
        mutates=True,
        contains_pii=True,
    ),
    Endpoint(
        "create_invoice",
        "PUT",
        CRYPTOMUS + "/invoice/{amount}",
        DOCS + "create-new-payment-17003237e0",
        body_fields=COUPON,
        mutates=True,
    ),
    Endpoint(
        "create_wallet",
        "PUT",
        CRYPTOMUS + "/direct/{currency}/{network}/{amount}",
        DOCS + "get-direct-wallet-17529628e0",
        body_fields=COUPON,
        mutates=True,
    ),
    Endpoint("transaction", "GET", CRYPTOMUS + "/transaction/{order_id}", DOCS + "get-transaction-status-17529702e0"),
    Endpoint(
        "create_card_invoice",
        "PUT",
        "customers/{user_id}/pay4bit/invoice/{amount}",
        DOCS + "create-new-payment-17003258e0",
        mutates=True,
    ),
)

SERVICE_QUERY = (("country", "country"), ("service", "service"))
PURCHASE = tuple((name, name) for name in ("country", "service", "maximumPrice", "m", "n", "carrier"))
USER = (("userId", "user_id"),)

V2: tuple[Endpoint, ...] = (
    Endpoint(
        "v2_balance", "GET", "getBalance", DOCS + "get-balance-14017127e0", "v2", records_path="", query_fields=USER
    ),
    Endpoint(
        "v2_create_invoice",
        "GET",
        "checkout/crypto",
        "the project's own document, page 'Make a top-up with crypto'",
        "v2",
        query_fields=(*USER, ("amount", "amount")),
        mutates=True,
    ),
    Endpoint(
        "v2_create_wallet",
        "GET",
        "checkout/cryptoV2",
        DOCS + "get-direct-wallet-address-make-a-top-up-with-crypto-16501728e0",
        "v2",
        query_fields=(*USER, ("currency", "currency"), ("network", "network"), ("amount", "amount")),
        mutates=True,
        assumed=True,
    ),
    Endpoint("v2_countries", "GET", "getCountries", ASSUMED, "v2", query_fields=USER, assumed=True),
    Endpoint("v2_services", "GET", "getServices", ASSUMED, "v2", query_fields=(*USER, SERVICE_QUERY[0]), assumed=True),
    Endpoint(
        "v2_service_detail", "GET", "getServiceDetails", ASSUMED, "v2", query_fields=USER + SERVICE_QUERY, assumed=True
    ),
    Endpoint(
        "v2_country_statistics",
        "GET",
        "getCountryStats",
        ASSUMED,
        "v2",
        query_fields=(*USER, SERVICE_QUERY[1]),
        assumed=True,
    ),
    Endpoint(
        "v2_purchase",
        "POST",
        "purchase",
        DOCS + "purchase-number-14018127e0",
        "v2",
        records_path="",
        body_fields=USER + PURCHASE,
        mutates=True,
        contains_pii=True,
    ),
    Endpoint(
        "v2_refund",
        "POST",
        "refund",
        DOCS + "return-number-14018262e0",
        "v2",
        records_path="",
        body_fields=(*USER, ("orderId", "order_id")),
        mutates=True,
    ),
    Endpoint(
        "v2_phone_status",
        "GET",
        "getPhoneStatus",
        DOCS + "get-status-of-a-single-number-15988942e0",
        "v2",
        query_fields=(*USER, ("orderId", "order_id")),
        contains_pii=True,
    ),
    Endpoint(
        "v2_bulk_phone_status",
        "GET",
        "getBulkPhoneStatus",
        DOCS + "get-bulk-status-of-numbers-with-conditions-16068105e0",
        "v2",
        query_fields=USER,
        contains_pii=True,
    ),
)

Endpoints = Mapping[str, Endpoint]
ENDPOINTS: Endpoints = {endpoint.name: endpoint for endpoint in V3 + V2}


def with_overrides(overrides: Mapping[str, Mapping[str, Any]], endpoints: Endpoints = ENDPOINTS) -> Endpoints:
    """The endpoints with ``{name: {"path" | "records": value}}`` of smsonline.toml applied.

    Raises ``ValueError`` naming the entry when an endpoint is unknown, a property may not be overridden, or a path has
    a placeholder that the call cannot fill.
    """
    overridden = dict(endpoints)
    for name, properties in overrides.items():
        if name not in endpoints:
            raise ValueError(f"[endpoints.{name}]: no such endpoint")
        for key, value in properties.items():
            if key not in ("path", "records") or not isinstance(value, str):
                raise ValueError(f"[endpoints.{name}] {key}: only path and records, as text, can be overridden")
        overridden[name] = _with_override(endpoints[name], properties)
    return overridden


def _with_override(endpoint: Endpoint, properties: Mapping[str, str]) -> Endpoint:
    path = properties.get("path", endpoint.path)
    records_path = properties.get("records", endpoint.records_path)
    overridden = dataclasses.replace(endpoint, path=path, records_path=records_path)
    try:
        placeholders = overridden.path_parameters
    except ValueError as error:
        raise ValueError(f"[endpoints.{endpoint.name}] path: {error}") from error
    for name in placeholders:
        if name not in {*endpoint.parameters, "user_id"}:
            raise ValueError(f"[endpoints.{endpoint.name}] path: nothing fills {{{name}}}")
    return overridden
