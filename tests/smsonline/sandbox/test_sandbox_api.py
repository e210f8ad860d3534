"""Effects of creating calls: orders, invoices and wallets change the simulated state."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from smsonline.sandbox import Sandbox

CallEndpoint = Callable[..., httpx.Response]
HOUR = 3600


def in_stock(sandbox: Sandbox, accepts: Callable[[int], bool]) -> dict[str, str]:
    row = next(row for row in sandbox.truth()["services"] if accepts(row["stock"]) and row["carrier"] == "any")
    return {"country": row["country_code"], "service": row["service_code"]}


def payment(call_endpoint: CallEndpoint, url: str) -> dict[str, Any]:
    (row,) = [row for row in call_endpoint("invoices").json()["body"] if row["sesid"] == url.rsplit("/", 1)[-1]]
    return dict(row)


def test_order_and_refund_change_balance_and_stock(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    offer = in_stock(sandbox, lambda stock: 3 < stock < 100)
    count = call_endpoint("service_detail", **offer).json()["body"]["count"]
    balance = call_endpoint("balance").json()["body"]["balance"]
    order = call_endpoint("create_order", **offer).json()["body"]
    assert call_endpoint("balance").json()["body"]["balance"] == balance - order["purchasePrice"]
    assert call_endpoint("service_detail", **offer).json()["body"]["count"] == count - 1
    assert (
        call_endpoint("change_order", order_id=order["orderId"], next="refund").json()["body"]["status"] == "refunded"
    )
    assert call_endpoint("balance").json()["body"]["balance"] == balance
    assert call_endpoint("service_detail", **offer).json()["body"]["count"] == count
    assert call_endpoint("change_order", order_id=order["orderId"], next="refund").status_code == 400


def test_v2_order_and_refund(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    balance = call_endpoint("v2_balance").json()["balance"]
    order_id = call_endpoint("v2_purchase", maximumPrice="9.00").json()["orderId"]
    assert call_endpoint("v2_phone_status", order_id=order_id).json()["body"]["status"] == "pending"
    assert call_endpoint("v2_refund", order_id=order_id).json() == {"error": False, "orderId": order_id}
    assert call_endpoint("v2_balance").json()["balance"] == balance


def test_sold_out_and_too_expensive_are_vendor_codes(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sold_out = in_stock(sandbox, lambda stock: stock == 0)
    assert call_endpoint("v2_purchase", **sold_out, maximumPrice="9").json() == {
        "error": True,
        "errorMessage": "NO_NUMBERS",
    }
    assert call_endpoint("create_order", **sold_out).json() == {"ok": False, "errorMessage": "NO_NUMBERS"}
    expensive = in_stock(sandbox, lambda stock: stock > 10)
    assert call_endpoint("create_order", **expensive, maximumPrice="1").json()["errorMessage"] == "PRICE_TOO_HIGH"


def test_orders_end_complete_or_refunded(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    offer = in_stock(sandbox, lambda stock: stock > 100)
    ids = [call_endpoint("create_order", **offer).json()["body"]["orderId"] for _ in range(12)]
    assert {call_endpoint("order", order_id=i).json()["body"][0]["status"] for i in ids} == {"pending"}
    sandbox.advance(HOUR)
    orders = [call_endpoint("order", order_id=i).json()["body"][0] for i in ids]
    assert {(order["status"], bool(order["sms"])) for order in orders} <= {("complete", True), ("refunded", False)}
    assert any(order["sms"] for order in orders)


def test_inventory_limits_only_expired_numbers(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    offer = in_stock(sandbox, lambda stock: stock > 100)
    active = {call_endpoint("create_order", **offer).json()["body"]["orderId"] for _ in range(2)}
    short, long = (call_endpoint("inventory", limit=limit).json()["body"] for limit in ("0", "50"))
    assert active <= {order["orderId"] for order in short}
    assert len(long) == len(short) + 50


def test_invoice_is_paid_and_credited_once(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    url = call_endpoint("create_invoice", amount="2500").json()["body"]
    assert payment(call_endpoint, url)["status"] == "check"
    charged = int(call_endpoint("balance").json()["body"]["totalCharges"])
    sandbox.pay(url, 2500)
    assert payment(call_endpoint, url)["status"] == "process"
    sandbox.advance(60)
    assert payment(call_endpoint, url)["status"] == "confirm_check"
    assert int(call_endpoint("balance").json()["body"]["totalCharges"]) == charged
    sandbox.advance(240)
    assert payment(call_endpoint, url)["status"] == "paid"
    sandbox.advance(3 * HOUR)
    assert int(call_endpoint("balance").json()["body"]["totalCharges"]) == charged + 2500


@pytest.mark.parametrize(
    ("paid", "soon", "later"),
    [(None, "check", "cancel"), (1100, "paid_over", "paid_over"), (900, "wrong_amount_waiting", "wrong_amount")],
)
def test_final_status_follows_amount_paid(
    call_endpoint: CallEndpoint, sandbox: Sandbox, paid: int | None, soon: str, later: str
) -> None:
    url = call_endpoint("v2_create_invoice", amount="1000").json()["body"]
    if paid:
        sandbox.pay(url, paid)
    sandbox.advance(600)
    assert payment(call_endpoint, url)["status"] == soon
    sandbox.advance(3000)
    assert payment(call_endpoint, url)["status"] == later


def test_late_payment_completes_expired_wallet(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    wallet = call_endpoint("create_wallet", amount="9.99").json()["body"]
    sandbox.advance(2 * HOUR)
    assert call_endpoint("transaction", order_id=wallet["order_id"]).json()["body"]["status"] == "cancel"
    sandbox.pay(wallet["order_id"], 999)
    sandbox.advance(300)
    assert call_endpoint("transaction", order_id=wallet["order_id"]).json()["body"]["status"] == "paid"


def test_coupon_adds_its_percentage_once(
    call_endpoint: CallEndpoint, sandbox: Sandbox, served: Any, client: httpx.Client
) -> None:
    code = next(c["code"] for c in call_endpoint("coupons").json()["body"]["codes"] if c["status"] == "issued")
    path = f"{served[1].base_url}/customers/sandbox/cryptomus/invoice/1000"
    body = {"apiKey": "sandbox-key", "couponCode": code}
    url = client.put(path, json=body).json()["body"]
    charged = int(call_endpoint("balance").json()["body"]["totalCharges"])
    sandbox.pay(url, 1000)
    sandbox.advance(HOUR)
    assert int(call_endpoint("balance").json()["body"]["totalCharges"]) == charged + 1100
    assert client.put(path, json=body).status_code == 400


def test_history_has_several_methods_and_outcomes() -> None:
    invoices = Sandbox(now=lambda: datetime(2026, 3, 4, tzinfo=UTC)).truth()["invoices"]
    assert {row["method"] for row in invoices} >= {"cryptomus", "pay4bit"}
    assert {row["status"] for row in invoices} >= {"paid", "paid_over", "wrong_amount", "cancel"}


def test_favourite_is_added_and_removed(call_endpoint: CallEndpoint) -> None:
    before = call_endpoint("favourites").json()["body"]
    assert call_endpoint("toggle_favourite", service="tg").json()["body"]["favourite"] is True
    assert len(call_endpoint("favourites").json()["body"]) == len(before) + 1
    assert call_endpoint("toggle_favourite", service="tg").json()["body"]["favourite"] is False
    assert call_endpoint("favourites").json()["body"] == before


def test_request_log_counts_every_create(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    call_endpoint("create_invoice")
    call_endpoint("create_invoice", key="wrong")
    call_endpoint("balance")
    assert sandbox.requests.count("create_invoice") == 2
    assert sandbox.requests[0] == ("PUT", "create_invoice", {"user_id": "sandbox", "amount": "500"})
    assert sandbox.requests.by_endpoint() == {"create_invoice": 2, "balance": 1}


def test_responses_equal_ground_truth_at_every_tick(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    for _ in range(3):
        truth = sandbox.truth()
        served = [
            (row["cShort"], row["carrier"], row["sShort"], row["total"])
            for row in call_endpoint("statistics").json()["body"]
        ]
        expected = [
            (row["country_code"], row["carrier"], row["service_code"], row["attempts"]) for row in truth["statistics"]
        ]
        assert served == expected
        orders = {row["orderId"]: row["status"] for row in call_endpoint("inventory", limit="9999").json()["body"]}
        assert orders == {row["order_id"]: row["status"] for row in truth["inventory"]}
        assert call_endpoint("balance").json()["body"]["balance"] == truth["money"]["balance_cents"]
        sandbox.advance(HOUR)
