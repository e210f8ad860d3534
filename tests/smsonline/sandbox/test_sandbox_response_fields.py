"""Every response has the documented fields where they are documented, and the assumed ones elsewhere."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from smsonline.endpoints import ENDPOINTS, Endpoint
from smsonline.response_fields import RESPONSE_FIELDS
from smsonline.sandbox import Sandbox
from smsonline.sandbox.api.actions import ACTIONS

CallEndpoint = Callable[..., httpx.Response]
# Documentation pages that show no field of the response.
RESPONSE_NOT_DOCUMENTED = {
    "inventory",
    "change_order",
    "v2_balance",
    "v2_refund",
    "v2_phone_status",
    "v2_bulk_phone_status",
}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
PAYMENT_PAGE = re.compile(r"https://pay\.cryptomus\.com/pay/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def prerequisites(call_endpoint: CallEndpoint, endpoint: Endpoint) -> dict[str, Any]:
    """Parameters naming an object that the endpoint requires, which is created here."""
    if endpoint.name == "transaction":
        return {"order_id": call_endpoint("create_wallet", amount="5.15").json()["body"]["order_id"]}
    if (
        "order_id" in endpoint.path_parameters
        or "order_id" in dict(endpoint.query_fields + endpoint.body_fields).values()
    ):
        return {"order_id": call_endpoint("create_order").json()["body"]["orderId"]}
    return {}


def records(endpoint: Endpoint, payload: Any) -> list[Any]:
    for step in filter(None, endpoint.records_path.split(".")):
        payload = payload[step]
    return payload if isinstance(payload, list) else [payload]


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_response_has_declared_fields(endpoint: Endpoint, call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    response = call_endpoint(endpoint.name, **prerequisites(call_endpoint, endpoint))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    payload = response.json()
    assert payload["ok"] is True if endpoint.version == "v3" else payload["error"] is False
    rows = records(endpoint, payload)
    assert rows
    for record in rows:
        assert (
            isinstance(record, str)
            if not RESPONSE_FIELDS[endpoint.name].fields
            else set(record) == RESPONSE_FIELDS[endpoint.name].fields
        )


def test_sandbox_implements_every_endpoint() -> None:
    assert set(ACTIONS) == set(ENDPOINTS) == set(RESPONSE_FIELDS)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_documented_fields_require_documented_response(endpoint: Endpoint) -> None:
    if endpoint.assumed or endpoint.name in RESPONSE_NOT_DOCUMENTED:
        assert not RESPONSE_FIELDS[endpoint.name].documented
    elif RESPONSE_FIELDS[endpoint.name].fields:
        assert RESPONSE_FIELDS[endpoint.name].documented


def test_balance_has_documented_types(call_endpoint: CallEndpoint) -> None:
    body = call_endpoint("balance").json()["body"]
    types = {name: type(value).__name__ for name, value in body.items()}
    assert types == {
        "userId": "str",
        "stripeId": "str",
        "cryptomusId": "NoneType",
        "balance": "int",
        "status": "NoneType",
        "lang": "NoneType",
        "referral": "NoneType",
        "totalCharges": "str",
        "couponCount": "int",
        "currentDiscountRate": "str",
        "vipSupport": "bool",
        "vipTelegram": "str",
        "discountRates": "list",
    }
    assert body["discountRates"][0] == [8000, 0.8, "-20%"]
    assert call_endpoint("balance").content.endswith(b'[0,1,"0%"]]}}')


def test_invoices_and_coupons_have_documented_types(call_endpoint: CallEndpoint) -> None:
    for row in call_endpoint("invoices").json()["body"]:
        assert isinstance(row.pop("amount"), int)
        assert all(isinstance(value, str) for value in row.values())
        assert TIMESTAMP.fullmatch(row["created"])
        assert TIMESTAMP.fullmatch(row["expires_at"])
    coupons = call_endpoint("coupons").json()["body"]
    assert isinstance(coupons["totalReceived"], int)
    for row in coupons["codes"]:
        assert {type(row.pop("timing")), type(row.pop("percentage"))} == {int}
        assert all(isinstance(value, str) for value in row.values())


def test_bought_number_has_documented_types(call_endpoint: CallEndpoint) -> None:
    body = call_endpoint("create_order").json()["body"]
    assert [type(value) for value in body.values()] == [str, str, str, int]
    assert body["phoneNumber"].isdecimal()
    assert TIMESTAMP.fullmatch(body["expiredAtUTC"])
    (order,) = call_endpoint("order", order_id=body["orderId"]).json()["body"]
    assert order["purchasePrice"] == body["purchasePrice"]
    assert (order["country"], order["cShort"]) == ("United States", "12")


def test_v2_price_is_decimal_dollars(call_endpoint: CallEndpoint) -> None:
    assert type(call_endpoint("v2_purchase", maximumPrice="9.00").json()["purchasePrice"]) is float


def test_create_invoice_returns_payment_page(call_endpoint: CallEndpoint) -> None:
    for name in ("create_invoice", "v2_create_invoice"):
        assert PAYMENT_PAGE.fullmatch(call_endpoint(name).json()["body"])
    assert call_endpoint("create_card_invoice").json()["body"].startswith("https://api.pay4bit.net/pay?")


def test_wallet_amount_is_dollars_and_network_lower_case(call_endpoint: CallEndpoint) -> None:
    wallet = call_endpoint("create_wallet", amount="5.15").json()["body"]
    assert (wallet["currency"], wallet["network"], wallet["amountInUSD"]) == ("USDT", "bsc", "5.15")
    assert isinstance(wallet["expire_at"], int)
    assert call_endpoint("transaction", order_id=wallet["order_id"]).json()["body"] == wallet


def test_rates_are_percent(call_endpoint: CallEndpoint) -> None:
    rates = [row["successRate"] for row in call_endpoint("statistics").json()["body"]]
    assert max(rates) > 50
    assert all(0 <= rate <= 100 and rate == round(rate, 2) for rate in rates)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_wrong_credentials_are_401_without_echo(
    endpoint: Endpoint, call_endpoint: CallEndpoint, sandbox: Sandbox
) -> None:
    for wrong in ({"key": "canary-1234"}, {"user_id": "somebody"}):
        before = sandbox.truth()
        response = call_endpoint(endpoint.name, order_id="1", **wrong)
        assert response.status_code == 401
        payload = msgspec.json.decode(response.content)
        assert payload["ok"] is False if endpoint.version == "v3" else payload["error"] is True
        assert payload["errorMessage"]
        assert "canary" not in response.text + repr(list(sandbox.requests))
        assert sandbox.truth() == before


def test_key_is_accepted_only_in_documented_location(
    call_endpoint: CallEndpoint, served: Any, client: httpx.Client
) -> None:
    url = f"{served[1].base_url}/customers/sandbox/cryptomus/invoice/500"
    assert client.put(url, json={"apiKey": "sandbox-key"}).status_code == 200
    assert client.put(url, params={"apiKey": "sandbox-key"}).status_code == 401


def test_unknown_and_malformed_parameters_are_rejected(call_endpoint: CallEndpoint) -> None:
    assert call_endpoint("services", country="99999").status_code == 404
    assert call_endpoint("order", order_id="1").status_code == 404
    assert call_endpoint("create_wallet", network="DOGE").status_code == 400
    assert call_endpoint("inventory", limit="many").status_code == 400
    for amount in ("5.15", "0", "-5", "9" * 5000):
        assert call_endpoint("create_invoice", amount=amount).status_code == 400
    for amount in ("0.00", "5.155", "1e9", "nan"):
        assert call_endpoint("create_wallet", amount=amount).status_code == 400
