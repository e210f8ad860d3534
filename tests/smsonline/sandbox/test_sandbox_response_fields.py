"""Every endpoint answers in the documented shape where there is one, and in the assumed one elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from smsonline.endpoints import ENDPOINTS, Endpoint
from smsonline.response_fields import SHAPES
from smsonline.sandbox import Sandbox
from smsonline.sandbox.http.routes import ACTIONS

Ask = Callable[..., httpx.Response]
# Pages that were read, but without any field of their answer.
ANSWER_NOT_READ = {"inventory", "change_order", "v2_balance", "v2_refund", "v2_phone_status", "v2_bulk_phone_status"}
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
PAGE = re.compile(r"https://pay\.cryptomus\.com/pay/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def existing(ask: Ask, endpoint: Endpoint) -> dict[str, Any]:
    """What the endpoint needs to exist first."""
    if endpoint.name == "transaction":
        return {"order_id": ask("create_wallet", amount="5.15").json()["body"]["order_id"]}
    if "order_id" in endpoint.path_parameters or "order_id" in dict(endpoint.query + endpoint.json).values():
        return {"order_id": ask("create_order").json()["body"]["orderId"]}
    return {}


def records(endpoint: Endpoint, answer: Any) -> list[Any]:
    for step in filter(None, endpoint.records.split(".")):
        answer = answer[step]
    return answer if isinstance(answer, list) else [answer]


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_each_endpoint_answers_in_its_shape(endpoint: Endpoint, ask: Ask, sandbox: Sandbox) -> None:
    response = ask(endpoint.name, **existing(ask, endpoint))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert answer["ok"] is True if endpoint.version == "v3" else answer["error"] is False
    found = records(endpoint, answer)
    assert found
    for record in found:
        assert (
            isinstance(record, str) if not SHAPES[endpoint.name].fields else set(record) == SHAPES[endpoint.name].fields
        )


def test_sandbox_acts_every_endpoint_of_the_catalogue() -> None:
    assert set(ACTIONS) == set(ENDPOINTS) == set(SHAPES)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_no_field_passes_for_documented_where_no_answer_was_read(endpoint: Endpoint) -> None:
    if endpoint.assumed or endpoint.name in ANSWER_NOT_READ:
        assert not SHAPES[endpoint.name].documented
    elif SHAPES[endpoint.name].fields:
        assert SHAPES[endpoint.name].documented


def test_balance_has_the_documented_types(ask: Ask) -> None:
    body = ask("balance").json()["body"]
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
    assert ask("balance").content.endswith(b'[0,1,"0%"]]}}')


def test_invoices_and_coupons_have_the_documented_types(ask: Ask) -> None:
    for row in ask("invoices").json()["body"]:
        assert isinstance(row.pop("amount"), int)
        assert all(isinstance(value, str) for value in row.values())
        assert STAMP.fullmatch(row["created"])
        assert STAMP.fullmatch(row["expires_at"])
    coupons = ask("coupons").json()["body"]
    assert isinstance(coupons["totalReceived"], int)
    for row in coupons["codes"]:
        assert {type(row.pop("timing")), type(row.pop("percentage"))} == {int}
        assert all(isinstance(value, str) for value in row.values())


def test_bought_number_has_the_documented_types(ask: Ask) -> None:
    body = ask("create_order").json()["body"]
    assert [type(value) for value in body.values()] == [str, str, str, int]
    assert body["phoneNumber"].isdecimal()
    assert STAMP.fullmatch(body["expiredAtUTC"])
    (order,) = ask("order", order_id=body["orderId"]).json()["body"]
    assert order["purchasePrice"] == body["purchasePrice"]
    assert (order["country"], order["cShort"]) == ("United States", "12")


def test_v2_price_is_a_decimal_of_dollars(ask: Ask) -> None:
    assert type(ask("v2_purchase", maximumPrice="9.00").json()["purchasePrice"]) is float


def test_invoice_calls_answer_only_a_payment_page(ask: Ask) -> None:
    for name in ("create_invoice", "v2_create_invoice"):
        assert PAGE.fullmatch(ask(name).json()["body"])
    assert ask("create_card_invoice").json()["body"].startswith("https://api.pay4bit.net/pay?")


def test_wallet_takes_dollars_and_tells_the_network_in_lower_case(ask: Ask) -> None:
    wallet = ask("create_wallet", amount="5.15").json()["body"]
    assert (wallet["currency"], wallet["network"], wallet["amountInUSD"]) == ("USDT", "bsc", "5.15")
    assert isinstance(wallet["expire_at"], int)
    assert ask("transaction", order_id=wallet["order_id"]).json()["body"] == wallet


def test_rates_are_percent(ask: Ask) -> None:
    rates = [row["successRate"] for row in ask("statistics").json()["body"]]
    assert max(rates) > 50
    assert all(0 <= rate <= 100 and rate == round(rate, 2) for rate in rates)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_a_wrong_key_or_user_is_refused_and_not_echoed(endpoint: Endpoint, ask: Ask, sandbox: Sandbox) -> None:
    for wrong in ({"key": "canary-1234"}, {"user_id": "somebody"}):
        before = sandbox.truth()
        response = ask(endpoint.name, order_id="1", **wrong)
        assert response.status_code == 401
        answer = msgspec.json.decode(response.content)
        assert answer["ok"] is False if endpoint.version == "v3" else answer["error"] is True
        assert answer["errorMessage"]
        assert "canary" not in response.text + repr(list(sandbox.requests))
        assert sandbox.truth() == before


def test_key_counts_only_where_the_vendor_looks_for_it(ask: Ask, served: Any, client: httpx.Client) -> None:
    url = f"{served[1].base_url}/customers/sandbox/cryptomus/invoice/500"
    assert client.put(url, json={"apiKey": "sandbox-key"}).status_code == 200
    assert client.put(url, params={"apiKey": "sandbox-key"}).status_code == 401


def test_unknown_things_are_refused(ask: Ask) -> None:
    assert ask("services", country="99999").status_code == 404
    assert ask("order", order_id="1").status_code == 404
    assert ask("create_wallet", network="DOGE").status_code == 400
    assert ask("inventory", limit="many").status_code == 400
    for amount in ("5.15", "0", "-5", "9" * 5000):
        assert ask("create_invoice", amount=amount).status_code == 400
    for amount in ("0.00", "5.155", "1e9", "nan"):
        assert ask("create_wallet", amount=amount).status_code == 400
