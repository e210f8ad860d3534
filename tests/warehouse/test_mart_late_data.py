"""Marts when datasets of a sync are late or missing."""

from collections.abc import Iterator

import pytest

from tests.warehouse.mart_support import KEY, NOON, Store, at, stored


@pytest.fixture
def store() -> Iterator[Store]:
    with stored() as store:
        yield store


def test_movers_use_a_price_synced_just_after_the_rates(store: Store) -> None:
    store.claim(0.5, 100, since=NOON)
    store.offer(8)
    store.connection.execute("UPDATE store.services SET valid_from = ?", [at(1 / 3600)])
    store.seen("statistics", NOON)
    store.seen("services", at(1 / 3600))
    assert store.only("FROM marts.success_rate_movers")["price_after_cents"] == 8


def test_movers_show_a_price_that_changed_in_the_same_sync(store: Store) -> None:
    offer = {name: KEY[name] for name in ("country_code", "carrier", "service_code", "service")}
    store.claim(0.5, 100, since=at(-30))
    store.version("services", at(-30), at(1 / 3600), **offer, price_cents=8)
    store.version("services", at(1 / 3600), **offer, price_cents=12)
    store.seen("statistics", NOON)
    store.seen("services", at(1 / 3600))
    row = store.only("FROM marts.success_rate_movers")
    assert (row["price_before_cents"], row["price_after_cents"]) == (8, 12)


def test_window_ends_at_a_stopped_inventory(store: Store) -> None:
    """The inventory failed for 40 hours: the window ends where it ended, and still begins 24 hours before."""
    store.balance(1000, at(-80), at(-50))
    store.balance(900, at(-50), at(-30))
    store.balance(700, at(-30))
    store.order("known", at(-50), purchase_price_cents=100, status="complete")
    store.seen("balances", NOON, "7")
    store.seen("inventory", at(-40), "7")
    row = store.only("FROM marts.balance_reconciliation")
    assert (row["opening_at"], row["closing_at"]) == (at(-64), at(-40))
    assert (row["opening_cents"], row["purchases_cents"], row["closing_cents"]) == (1000, 100, 900)
    assert row["unexplained_cents"] == 0
    assert store.only("FROM marts.balance_runway")["unexplained_cents"] == 0


def test_success_rates_row_count_ignores_offers_and_orders(store: Store) -> None:
    """Offers without a claim add no row, claims without an offer have no price, orders of two accounts count once."""
    store.claim(0.5, 100)
    store.claim(0.0, 100, carrier="verizon")
    store.claim(None, None, service_code="tg", service="Telegram")
    store.offer(8)
    store.offer(9, carrier="verizon")
    store.offer(3, country_code="99")
    store.offer(3, carrier="Any")
    for account in ("7", "8"):
        store.order("1", account_id=account, sms_count=1)
        store.order("2", account_id=account, carrier="verizon", status="refunded")
    rows = store.rows("FROM marts.success_rates ORDER BY service_code, carrier")
    reported = [(r["carrier"], r["service_code"], r["price_cents"], r["expected_cents_per_success"]) for r in rows]
    assert reported == [("any", "ds", 8, 16.0), ("verizon", "ds", 9, None), ("any", "tg", None, None)]
    assert [(r["observed_orders"], r["observed_rate"]) for r in rows] == [(4, 0.5), (2, 0.0), (0, None)]
