"""Every endpoint of the vendor as data: one record each, V3 first, then the deprecated V2.

No other module contains a vendor path.
"""

import dataclasses
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, Literal

DOCS = "https://pkpd2wflur.apidog.io/"
ASSUMED = "assumed: no readable page"
MAX_LISTED_NAMES = 30
OVERRIDABLE = ("path", "records")


@dataclass(frozen=True)
class Endpoint:
    """One call of the vendor's API.

    ``path`` is relative to the version's base URL; ``{names}`` are filled from the account (``user_id``) and the call's
    parameters. ``page`` is the documentation page of the path, empty if none is readable; ``response_assumed`` marks a
    page without the response. ``query_fields`` and ``body_fields`` map the vendor's field to the call's parameter.
    ``records_path`` is the dotted path of the data in the response. ``mutates`` marks a call that spends or commits
    money, or must not be repeated for another reason: it is sent once, without retries or redirects, whatever its HTTP
    method. Responses with ``contains_pii`` carry phone numbers and messages.
    """

    name: str
    method: Literal["GET", "PUT", "PATCH", "POST"]
    path: str
    page: str = ""
    version: Literal["v3", "v2"] = "v3"
    records_path: str = "body"
    query_fields: tuple[tuple[str, str], ...] = ()
    body_fields: tuple[tuple[str, str], ...] = ()
    mutates: bool = False
    contains_pii: bool = False
    response_assumed: bool = False

    @property
    def assumed(self) -> bool:
        """Whether the path or the response is not documented."""
        return not self.page or self.response_assumed

    @property
    def source(self) -> str:
        """Address or description of the documentation page; a label where there is none."""
        if not self.page:
            return ASSUMED
        return self.page if " " in self.page else DOCS + self.page

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


COUPON_FIELDS = (("couponCode", "coupon_code"),)
ORDER_FIELDS = tuple((name, name) for name in ("country", "service", "carrier", "maximumPrice", "m", "n", "failover"))
ORDERS, LOOKUP = "numbers/{user_id}/order", "numbers/{user_id}/lookup/{country}/{carrier}"
FAVOURITES = "customers/{user_id}/favourites"
INVOICE = "customers/{user_id}/cryptomus/invoice/{amount}"
WALLET = "customers/{user_id}/cryptomus/direct/{currency}/{network}/{amount}"
TRANSACTION = "customers/{user_id}/cryptomus/transaction/{order_id}"
CARD_INVOICE = "customers/{user_id}/pay4bit/invoice/{amount}"

_creates = partial(Endpoint, mutates=True)

V3: tuple[Endpoint, ...] = (
    Endpoint("balance", "GET", "customers/{user_id}/balance", "get-account-balance-17003197e0"),
    Endpoint("invoices", "GET", "customers/{user_id}/payments", "get-invoices-17003213e0"),
    Endpoint("coupons", "GET", "customers/{user_id}/coupons", "get-coupons-17003219e0", records_path="body.codes"),
    Endpoint("favourites", "GET", FAVOURITES),
    _creates("toggle_favourite", "PATCH", FAVOURITES + "/{service}"),
    Endpoint("countries", "GET", "numbers/{user_id}/countries"),
    Endpoint("popular", "GET", "numbers/{user_id}/popular"),
    Endpoint("services", "GET", LOOKUP),
    Endpoint("service_detail", "GET", LOOKUP + "/{service}"),
    Endpoint("statistics", "GET", "statistics/{user_id}"),
    Endpoint("inventory", "GET", "numbers/{user_id}/inventory/{limit}", "get-inventory-17003724e0", contains_pii=True),
    Endpoint("order", "GET", ORDERS + "/{order_id}", "get-order-data-17003546e0", contains_pii=True),
    _creates("create_order", "PUT", ORDERS, "order-a-number-17003419e0", body_fields=ORDER_FIELDS, contains_pii=True),
    _creates(
        "change_order", "PATCH", ORDERS + "/{order_id}/{next}", "change-order-status-17003700e0", contains_pii=True
    ),
    _creates("create_invoice", "PUT", INVOICE, "create-new-payment-17003237e0", body_fields=COUPON_FIELDS),
    _creates("create_wallet", "PUT", WALLET, "get-direct-wallet-17529628e0", body_fields=COUPON_FIELDS),
    Endpoint("transaction", "GET", TRANSACTION, "get-transaction-status-17529702e0"),
    _creates("create_card_invoice", "PUT", CARD_INVOICE, "create-new-payment-17003258e0"),
)

USER = (("userId", "user_id"),)
COUNTRY, SERVICE, ORDER_ID = ("country", "country"), ("service", "service"), ("orderId", "order_id")
AMOUNT, CURRENCY, NETWORK = ("amount", "amount"), ("currency", "currency"), ("network", "network")
PURCHASE_FIELDS = tuple((name, name) for name in ("country", "service", "maximumPrice", "m", "n", "carrier"))
CRYPTO_PAGE = "the project's own document, page 'Make a top-up with crypto'"
WALLET_PAGE = "get-direct-wallet-address-make-a-top-up-with-crypto-16501728e0"
STATUS_PAGE = "get-status-of-a-single-number-15988942e0"
BULK_STATUS_PAGE = "get-bulk-status-of-numbers-with-conditions-16068105e0"
_v2 = partial(Endpoint, version="v2")
_v2_creates = partial(Endpoint, version="v2", mutates=True)

V2: tuple[Endpoint, ...] = (
    _v2("v2_balance", "GET", "getBalance", "get-balance-14017127e0", records_path="", query_fields=USER),
    _v2_creates("v2_create_invoice", "GET", "checkout/crypto", CRYPTO_PAGE, query_fields=(*USER, AMOUNT)),
    _v2_creates(
        "v2_create_wallet",
        "GET",
        "checkout/cryptoV2",
        WALLET_PAGE,
        query_fields=(*USER, CURRENCY, NETWORK, AMOUNT),
        response_assumed=True,
    ),
    _v2("v2_countries", "GET", "getCountries", query_fields=USER),
    _v2("v2_services", "GET", "getServices", query_fields=(*USER, COUNTRY)),
    _v2("v2_service_detail", "GET", "getServiceDetails", query_fields=(*USER, COUNTRY, SERVICE)),
    _v2("v2_country_statistics", "GET", "getCountryStats", query_fields=(*USER, SERVICE)),
    _v2_creates(
        "v2_purchase",
        "POST",
        "purchase",
        "purchase-number-14018127e0",
        records_path="",
        body_fields=USER + PURCHASE_FIELDS,
        contains_pii=True,
    ),
    _v2_creates(
        "v2_refund", "POST", "refund", "return-number-14018262e0", records_path="", body_fields=(*USER, ORDER_ID)
    ),
    _v2("v2_phone_status", "GET", "getPhoneStatus", STATUS_PAGE, query_fields=(*USER, ORDER_ID), contains_pii=True),
    _v2("v2_bulk_phone_status", "GET", "getBulkPhoneStatus", BULK_STATUS_PAGE, query_fields=USER, contains_pii=True),
)

Endpoints = Mapping[str, Endpoint]
ENDPOINTS: Endpoints = {endpoint.name: endpoint for endpoint in V3 + V2}


def suggest_name(name: str, names: Iterable[str], prefix: str = "") -> str:
    """The end of a line about an unknown name: the nearest of ``names``, compared without ``prefix``, or all if few."""
    by_lower_case = {candidate.removeprefix(prefix).lower(): candidate for candidate in names}
    if near := get_close_matches(name.removeprefix(prefix).lower(), by_lower_case, 1, cutoff=0.5):
        return f"did you mean {by_lower_case[near[0]]}?"
    return (
        f"there are {', '.join(by_lower_case.values())}"
        if len(by_lower_case) <= MAX_LISTED_NAMES
        else "the README lists them"
    )


def with_overrides(overrides: Mapping[str, Mapping[str, Any]], endpoints: Endpoints = ENDPOINTS) -> Endpoints:
    """The endpoints with ``{name: {"path" | "records": value}}`` of smsonline.toml applied.

    Raises ``ValueError`` naming the entry when an endpoint is unknown, a property may not be overridden, or a path has
    a placeholder that the call cannot fill.
    """
    overridden = dict(endpoints)
    for name, properties in overrides.items():
        if name not in endpoints:
            raise ValueError(f"[endpoints.{name}]: no such endpoint; {suggest_name(name, endpoints)}")
        for key, value in properties.items():
            if key not in OVERRIDABLE:
                raise ValueError(f"[endpoints.{name}] {key}: no such setting; {suggest_name(key, OVERRIDABLE)}")
            if not isinstance(value, str):
                raise ValueError(f"[endpoints.{name}] {key}: only path and records, as text, can be overridden")
        endpoint = endpoints[name]
        path, records_path = properties.get("path", endpoint.path), properties.get("records", endpoint.records_path)
        overridden[name] = dataclasses.replace(endpoint, path=path, records_path=records_path)
        try:
            placeholders = overridden[name].path_parameters
        except ValueError as error:
            raise ValueError(f"[endpoints.{name}] path: {error}") from error
        for placeholder in placeholders:
            if placeholder not in {*endpoint.parameters, "user_id"}:
                raise ValueError(f"[endpoints.{name}] path: nothing fills {{{placeholder}}}")
    return overridden
