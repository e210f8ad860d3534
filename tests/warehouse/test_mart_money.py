"""Marts of the account: spend, reconciliation, runway, top-ups; per account, to the cent."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.pii_policy import pii_policy
from assets.sync import SyncPipeline
from smsonline.client import Client
from smsonline.config import Credentials
from smsonline.sandbox import Sandbox
from tests.warehouse.mart_support import NOON, Store, at, stored
from warehouse.database.opening import open_warehouse

MONEY = ("balances", "inventory", "invoices")


@pytest.fixture
def store() -> Iterator[Store]:
    with stored() as store:
        yield store


def test_daily_spend_is_purchases_less_refunds(store: Store) -> None:
    store.order(1, at(0), purchase_price_cents=16, status="complete")
    store.order(2, at(1), purchase_price_cents=20, status="Refunded")
    store.order(3, at(2), purchase_price_cents=7, status="pending")
    store.order(4, at(13), purchase_price_cents=5, status="canceled")
    store.order(5, at(0), account_id="8", purchase_price_cents=100, status="expired")
    store.order(6, at(0), created_at=None, purchase_price_cents=None, status=None)
    rows = store.rows("SELECT * FROM marts.spend_daily ORDER BY day, account_id")
    assert [tuple(row.values()) for row in rows] == [
        (date(2026, 3, 4), "7", 3, 23, 20),
        (date(2026, 3, 4), "8", 1, 100, 0),
        (date(2026, 3, 5), "7", 1, 0, 5),
        (None, "7", 1, 0, 0),
    ]


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["7", "8"]),
        st.integers(0, 72),
        st.one_of(st.none(), st.integers(0, 500)),
        st.sampled_from(["complete", "refunded", "pending", "returned", "expired", None]),
    ),
    max_size=12,
)


@given(orders=ORDERS)
def test_spend_and_refunds_add_up_to_all_purchases(orders: list[tuple[str, int, int | None, str | None]]) -> None:
    with stored() as store:
        for number, (account, hours, price, status) in enumerate(orders):
            store.order(number, at(hours), account_id=account, purchase_price_cents=price, status=status)
        for account in ("7", "8"):
            sql = "SELECT sum(orders) AS n, sum(spend_cents + refunded_cents) AS cents FROM marts.spend_daily"
            row = store.only(f"{sql} WHERE account_id = ?", account)
            prices = [price or 0 for owner, _, price, _ in orders if owner == account]
            assert (row["n"] or 0, row["cents"] or 0) == (len(prices), sum(prices))


def a_day_of_two_accounts(store: Store) -> None:
    """Account 7: 1000 + 500 topped up - 16 - 20 - 30 bought + 20 back = 1454, but it has 1444: 10 are missing."""
    store.balance(1000, at(-30), at(-20), total_charges_cents=2000)
    store.balance(984, at(-20), at(-10), total_charges_cents=2000)
    store.balance(1484, at(-10), at(-1), total_charges_cents=2500)
    store.balance(1444, at(-1), total_charges_cents=2500)
    store.order("before", at(-29), purchase_price_cents=99, status="complete", expires_at=at(-28))
    store.order("kept", at(-21), purchase_price_cents=16, status="complete")
    store.order("back", at(-5), at(-4), purchase_price_cents=20, expires_at=at(-4.5), created_at=at(-5))
    store.order("back", at(-4), purchase_price_cents=20, status="refunded", expires_at=at(-4.5), created_at=at(-5))
    store.order("late", at(-2), purchase_price_cents=30, status="pending")
    store.seen("balances", NOON, "7")
    store.seen("inventory", at(1), "7")
    store.balance(50, at(-2), account_id="8")
    store.order("kept", at(-1), account_id="8", purchase_price_cents=1000)
    store.seen("balances", NOON, "8")


def test_balances_are_reconciled_per_account(store: Store) -> None:
    a_day_of_two_accounts(store)
    seven, eight = store.rows("SELECT * FROM marts.balance_reconciliation ORDER BY account_id")
    assert seven == {
        "account_id": "7",
        "opening_at": at(-24),
        "opening_cents": 1000,
        "topups_cents": 500,
        "purchases_cents": 16 + 20 + 30,
        "refunded_cents": 20,
        "unexplained_cents": -10,
        "closing_at": NOON,
        "closing_cents": 1444,
    }
    assert (eight["opening_at"], eight["opening_cents"], eight["closing_cents"]) == (at(-2), 50, 50)
    assert eight["unexplained_cents"] is None  # its inventory was never loaded


def test_runway_is_balance_over_burn_rate(store: Store) -> None:
    a_day_of_two_accounts(store)
    seven, eight = store.rows("SELECT * FROM marts.balance_runway ORDER BY account_id")
    assert (seven["as_of"], seven["balance_cents"], seven["unexplained_cents"]) == (NOON, 1444, -10)
    assert seven["burn_cents_per_hour"] == pytest.approx((1000 + 500 - 1444) / 24)
    assert seven["hours_to_empty"] == pytest.approx(1444 / (56 / 24))
    assert (eight["burn_cents_per_hour"], eight["hours_to_empty"], eight["unexplained_cents"]) == (0, None, None)


def test_one_balance_gives_no_burn_rate(store: Store) -> None:
    store.balance(500, NOON)
    store.seen("balances", NOON, "7")
    row = store.only("FROM marts.balance_runway")
    assert (row["balance_cents"], row["burn_cents_per_hour"], row["hours_to_empty"]) == (500, None, None)


def test_reconciliation_ends_at_the_inventory(store: Store) -> None:
    store.balance(500, at(-3), at(-1), last_seen_at=at(-2))
    store.balance(440, at(-1))
    store.seen("balances", NOON, "7")
    store.seen("inventory", at(-1.5), "7")
    assert store.only("FROM marts.balance_runway")["burn_cents_per_hour"] == pytest.approx(60 / 3)
    row = store.only("FROM marts.balance_reconciliation")
    assert (row["closing_at"], row["closing_cents"], row["unexplained_cents"]) == (at(-2), 500, 0)


def test_a_rise_without_a_top_up_is_unexplained(store: Store) -> None:
    store.balance(500, at(-2), at(-1))
    store.balance(800, at(-1))
    for dataset in ("balances", "inventory"):
        store.seen(dataset, NOON, "7")
    row = store.only("FROM marts.balance_runway")
    assert (row["burn_cents_per_hour"], row["hours_to_empty"], row["unexplained_cents"]) == (0, None, 300)


def test_topups_fall_back_to_paid_invoices(store: Store) -> None:
    store.balance(500, at(-3), at(-1))
    store.balance(1700, at(-1))
    for number, (cents, before, after) in enumerate(
        [(1000, "check", "paid"), (200, "process", "Paid_Over"), (77, "check", "cancel"), (55, "paid", "paid")]
    ):
        row = {"account_id": "7", "payment_id": str(number), "amount_cents": cents}
        store.version("invoices", at(-9), at(-2), **row, status=before)
        store.version("invoices", at(-2), **row, status=after)
    for dataset in ("balances", "inventory"):
        store.seen(dataset, NOON, "7")
    row = store.only("FROM marts.balance_reconciliation")
    assert (row["topups_cents"], row["unexplained_cents"]) == (1200, 0)


@pytest.mark.parametrize(("seconds", "counted"), [(0, 0), (1, 200)])
def test_an_invoice_paid_at_the_opening_is_in_the_opening_balance(store: Store, seconds: int, counted: int) -> None:
    store.balance(500, at(-3), at(-1))
    store.balance(500 + counted, at(-1))
    for dataset in ("balances", "inventory"):
        store.seen(dataset, NOON, "7")
    opening_at = store.only("FROM marts.balance_reconciliation")["opening_at"]
    paid_at = opening_at + timedelta(seconds=seconds)
    store.version("invoices", paid_at, account_id="7", payment_id="a", amount_cents=200, status="paid")
    row = store.only("FROM marts.balance_reconciliation")
    assert (row["topups_cents"], row["unexplained_cents"]) == (counted, 0)


BALANCES = st.lists(st.tuples(st.integers(1, 600), st.integers(0, 3000), st.integers(0, 900)), min_size=1, max_size=6)
EVENTS = st.lists(st.tuples(st.integers(-2000, 0), st.integers(0, 90), st.booleans()), max_size=8)


@given(steps=BALANCES, events=EVENTS, lag=st.integers(-120, 120))
def test_reconciliation_adds_up_to_the_closing_balance(
    steps: list[tuple[int, int, int]], events: list[tuple[int, int, bool]], lag: int
) -> None:
    """Balances that changed at some minutes before noon, orders at others, the inventory seen earlier or later."""
    with stored() as store:
        minutes, charges = -sum(length for length, _, _ in steps), 0
        for length, cents, topped in steps:
            charges += topped
            began, ended = at(minutes / 60), at((minutes + length) / 60)
            store.balance(cents, began, ended if minutes + length else None, total_charges_cents=charges)
            minutes += length
        for number, (minute, cents, back) in enumerate(events):
            began = at(minute / 60)
            store.order(number, began, purchase_price_cents=cents, status="refunded" if back else "complete")
        store.seen("balances", NOON, "7")
        store.seen("inventory", at(lag / 60), "7")
        row = store.only("FROM marts.balance_reconciliation")
        explained = row["topups_cents"] - row["purchases_cents"] + row["refunded_cents"] + row["unexplained_cents"]
        assert row["opening_cents"] + explained == row["closing_cents"]
        assert row["opening_at"] <= row["closing_at"] <= NOON


def test_nothing_is_unexplained_in_the_sandbox(vendor_client: Client, sandbox: Sandbox, warehouse_path: Path) -> None:
    """Two days of syncs, in both orders, with purchases, refunds and an overpaid top-up in between."""
    account = sandbox.state.account
    data_path = SyncPipeline(
        vendor_client, sandbox.user_id, warehouse_path, pii_policy(Credentials(sandbox.user_id, sandbox.api_key))
    )
    rows = []
    for turn in range(9):
        for name in MONEY if turn % 2 else reversed(MONEY):
            assert [result.outcome.status for result in data_path.sync([name])] == ["ok"]
            sandbox.advance(20)
        if turn == 5:
            now = sandbox.state.clock.instant()
            account.receive_payment(account.create_invoice("cryptomus", 500, now), 523, now + 60)
        sandbox.advance(6 * 3600)
        if turn > 4:
            rows.append(reconciled(data_path))
    assert [row["unexplained_cents"] for row in rows] == [0] * 4
    assert min(row["closing_at"] - row["opening_at"] for row in rows) >= timedelta(hours=18)
    assert min(row["purchases_cents"] for row in rows) > 0
    assert max(row["refunded_cents"] for row in rows) > 0
    assert max(row["topups_cents"] for row in rows) == 523


def reconciled(data_path: SyncPipeline) -> dict[str, Any]:
    with open_warehouse(data_path.warehouse, read_only=True) as connection:
        return Store(connection).only("FROM marts.balance_reconciliation")


def test_automated_and_manual_top_ups_are_listed(store: Store) -> None:
    payment = {"account_id": "7", "amount_cents": 1000, "rail": "v3_wallet", "currency": "USDT", "network": "TRON"}
    store.put(
        "topups.payments",
        **payment,
        payment_id="p1",
        vendor_payment_id="v1",
        state="CREDITED",
        created_at=at(0),
        credited_at=at(0.5),
    )
    store.put("topups.payments", **payment, payment_id="p2", state="UNKNOWN", exception="late", created_at=at(1))
    for account, number, status, since in [
        ("7", "v1", "paid", at(0)),
        ("7", "v2", "paid", at(3)),
        ("7", "v3", "cancel", at(3)),
        ("8", "v1", "paid", at(2)),
    ]:
        row = {"account_id": account, "payment_id": number, "amount_cents": 500, "method": "stripe"}
        row |= {"created_at": at(2), "first_seen_at": at(2)}
        if since > at(2):
            store.version("invoices", at(2), since, **row, status="check")
        store.version("invoices", since, **row, status=status)
    rows = store.rows("SELECT * FROM marts.topups ORDER BY account_id, created_at, vendor_payment_id")
    listed = [(r["source"], r["payment_id"], r["vendor_payment_id"], r["state"], r["minutes_to_credit"]) for r in rows]
    assert listed == [
        ("automation", "p1", "v1", "CREDITED", 30),
        ("automation", "p2", None, "UNKNOWN", None),
        ("vendor", None, "v2", "paid", 60),
        ("vendor", None, "v3", "cancel", None),
        ("vendor", None, "v1", "paid", None),  # of account 8, and paid when it was first seen
    ]
    assert [(r["rail"], r["currency"], r["network"], r["exception"]) for r in rows[:3]] == [
        ("v3_wallet", "USDT", "TRON", None),
        ("v3_wallet", "USDT", "TRON", "late"),
        ("stripe", None, None, None),
    ]
    assert rows[2]["credited_at"] == at(3)


def test_manual_top_ups_are_listed_without_a_ledger_copy(store: Store) -> None:
    store.version("invoices", NOON, account_id="7", payment_id="v1", amount_cents=500, status="check", created_at=NOON)
    assert store.only("FROM marts.topups")["source"] == "vendor"
