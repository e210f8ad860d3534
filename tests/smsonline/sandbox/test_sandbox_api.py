"""Calls that create really create: orders, invoices and wallets live on in the world."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from smsonline.sandbox import Sandbox

Ask = Callable[..., httpx.Response]
HOUR = 3600


def in_stock(sandbox: Sandbox, wanted: Callable[[int], bool]) -> dict[str, str]:
    row = next(row for row in sandbox.truth()["services"] if wanted(row["stock"]) and row["carrier"] == "any")
    return {"country": row["country_code"], "service": row["service_code"]}


def payment(ask: Ask, url: str) -> dict[str, Any]:
    (row,) = [row for row in ask("invoices").json()["body"] if row["sesid"] == url.rsplit("/", 1)[-1]]
    return dict(row)


def test_an_order_takes_money_and_stock_and_a_return_gives_both_back(ask: Ask, sandbox: Sandbox) -> None:
    where = in_stock(sandbox, lambda stock: 3 < stock < 100)
    count = ask("service_detail", **where).json()["body"]["count"]
    balance = ask("balance").json()["body"]["balance"]
    order = ask("create_order", **where).json()["body"]
    assert ask("balance").json()["body"]["balance"] == balance - order["purchasePrice"]
    assert ask("service_detail", **where).json()["body"]["count"] == count - 1
    assert ask("change_order", order_id=order["orderId"], next="refund").json()["body"]["status"] == "refunded"
    assert ask("balance").json()["body"]["balance"] == balance
    assert ask("service_detail", **where).json()["body"]["count"] == count
    assert ask("change_order", order_id=order["orderId"], next="refund").status_code == 400


def test_v2_buys_and_returns_too(ask: Ask, sandbox: Sandbox) -> None:
    balance = ask("v2_balance").json()["balance"]
    order_id = ask("v2_purchase", maximumPrice="9.00").json()["orderId"]
    assert ask("v2_phone_status", order_id=order_id).json()["body"]["status"] == "pending"
    assert ask("v2_refund", order_id=order_id).json() == {"error": False, "orderId": order_id}
    assert ask("v2_balance").json()["balance"] == balance


def test_sold_out_and_too_dear_are_said_in_the_vendors_word(ask: Ask, sandbox: Sandbox) -> None:
    sold_out = in_stock(sandbox, lambda stock: stock == 0)
    assert ask("v2_purchase", **sold_out, maximumPrice="9").json() == {"error": True, "errorMessage": "NO_NUMBERS"}
    assert ask("create_order", **sold_out).json() == {"ok": False, "errorMessage": "NO_NUMBERS"}
    dear = in_stock(sandbox, lambda stock: stock > 10)
    assert ask("create_order", **dear, maximumPrice="1").json()["errorMessage"] == "PRICE_TOO_HIGH"


def test_orders_end_complete_or_refunded_and_messages_arrive(ask: Ask, sandbox: Sandbox) -> None:
    where = in_stock(sandbox, lambda stock: stock > 100)
    ids = [ask("create_order", **where).json()["body"]["orderId"] for _ in range(12)]
    assert {ask("order", order_id=i).json()["body"][0]["status"] for i in ids} == {"pending"}
    sandbox.advance(HOUR)
    orders = [ask("order", order_id=i).json()["body"][0] for i in ids]
    assert {(order["status"], bool(order["sms"])) for order in orders} <= {("complete", True), ("refunded", False)}
    assert any(order["sms"] for order in orders)


def test_inventory_limits_only_expired_numbers(ask: Ask, sandbox: Sandbox) -> None:
    where = in_stock(sandbox, lambda stock: stock > 100)
    active = {ask("create_order", **where).json()["body"]["orderId"] for _ in range(2)}
    short, long = (ask("inventory", limit=limit).json()["body"] for limit in ("0", "50"))
    assert active <= {order["orderId"] for order in short}
    assert len(long) == len(short) + 50


def test_an_invoice_lives_from_check_to_paid_and_is_credited_once(ask: Ask, sandbox: Sandbox) -> None:
    url = ask("create_invoice", amount="2500").json()["body"]
    assert payment(ask, url)["status"] == "check"
    charged = int(ask("balance").json()["body"]["totalCharges"])
    sandbox.pay(url, 2500)
    assert payment(ask, url)["status"] == "process"
    sandbox.advance(60)
    assert payment(ask, url)["status"] == "confirm_check"
    assert int(ask("balance").json()["body"]["totalCharges"]) == charged
    sandbox.advance(240)
    assert payment(ask, url)["status"] == "paid"
    sandbox.advance(3 * HOUR)
    assert int(ask("balance").json()["body"]["totalCharges"]) == charged + 2500


@pytest.mark.parametrize(
    ("paid", "soon", "later"),
    [(None, "check", "cancel"), (1100, "paid_over", "paid_over"), (900, "wrong_amount_waiting", "wrong_amount")],
)
def test_an_invoice_ends_by_what_was_paid(ask: Ask, sandbox: Sandbox, paid: int | None, soon: str, later: str) -> None:
    url = ask("v2_create_invoice", amount="1000").json()["body"]
    if paid:
        sandbox.pay(url, paid)
    sandbox.advance(600)
    assert payment(ask, url)["status"] == soon
    sandbox.advance(3000)
    assert payment(ask, url)["status"] == later


def test_late_money_turns_an_expired_wallet_into_a_paid_one(ask: Ask, sandbox: Sandbox) -> None:
    wallet = ask("create_wallet", amount="9.99").json()["body"]
    sandbox.advance(2 * HOUR)
    assert ask("transaction", order_id=wallet["order_id"]).json()["body"]["status"] == "cancel"
    sandbox.pay(wallet["order_id"], 999)
    sandbox.advance(300)
    assert ask("transaction", order_id=wallet["order_id"]).json()["body"]["status"] == "paid"


def test_a_coupon_adds_its_percentage_once(ask: Ask, sandbox: Sandbox, served: Any, client: httpx.Client) -> None:
    code = next(c["code"] for c in ask("coupons").json()["body"]["codes"] if c["status"] == "issued")
    path = f"{served[1].base_url}/customers/sandbox/cryptomus/invoice/1000"
    body = {"apiKey": "sandbox-key", "couponCode": code}
    url = client.put(path, json=body).json()["body"]
    charged = int(ask("balance").json()["body"]["totalCharges"])
    sandbox.pay(url, 1000)
    sandbox.advance(HOUR)
    assert int(ask("balance").json()["body"]["totalCharges"]) == charged + 1100
    assert client.put(path, json=body).status_code == 400


def test_history_has_several_methods_and_outcomes() -> None:
    invoices = Sandbox(now=lambda: datetime(2026, 3, 4, tzinfo=UTC)).truth()["invoices"]
    assert {row["method"] for row in invoices} >= {"cryptomus", "pay4bit"}
    assert {row["status"] for row in invoices} >= {"paid", "paid_over", "wrong_amount", "cancel"}


def test_a_favourite_comes_and_goes(ask: Ask) -> None:
    before = ask("favourites").json()["body"]
    assert ask("toggle_favourite", service="tg").json()["body"]["favourite"] is True
    assert len(ask("favourites").json()["body"]) == len(before) + 1
    assert ask("toggle_favourite", service="tg").json()["body"]["favourite"] is False
    assert ask("favourites").json()["body"] == before


def test_every_create_is_counted(ask: Ask, sandbox: Sandbox) -> None:
    ask("create_invoice")
    ask("create_invoice", key="wrong")
    ask("balance")
    assert sandbox.requests.count("create_invoice") == 2
    assert sandbox.requests[0] == ("PUT", "create_invoice", {"user_id": "sandbox", "amount": "500"})
    assert sandbox.requests.counts() == {"create_invoice": 2, "balance": 1}


def test_served_records_are_the_truth_at_every_tick(ask: Ask, sandbox: Sandbox) -> None:
    for _ in range(3):
        truth = sandbox.truth()
        served = [
            (row["cShort"], row["carrier"], row["sShort"], row["total"]) for row in ask("statistics").json()["body"]
        ]
        true = [
            (row["country_code"], row["carrier"], row["service_code"], row["attempts"]) for row in truth["statistics"]
        ]
        assert served == true
        orders = {row["orderId"]: row["status"] for row in ask("inventory", limit="9999").json()["body"]}
        assert orders == {row["order_id"]: row["status"] for row in truth["inventory"]}
        assert ask("balance").json()["body"]["balance"] == truth["money"]["balance_cents"]
        sandbox.advance(HOUR)
