import math
from collections.abc import Iterator
from importlib import resources

import duckdb
import pytest

from assets.datasets import DATASETS
from tests.warehouse.mart_support import TABLES, stored
from warehouse.schema.definitions import sync_schema
from warehouse.schema.mart_views import MACRO_FILES, Mart, _parse, marts, upstream_datasets
from warehouse.schema.migrations import migrate

SUCCESS_RATES = [
    "country_code",
    "country",
    "carrier",
    "service_code",
    "service",
    "success_rate",
    "attempts",
    "price_cents",
    "stock",
    "observed_rate",
    "observed_low",
    "observed_high",
    "observed_orders",
    "expected_cents_per_success",
]
CONTRACT = {
    "success_rates": SUCCESS_RATES,
    "spend_daily": ["day", "account_id", "orders", "spend_cents", "refunded_cents"],
    "balance_runway": [
        *("account_id", "as_of", "balance_cents", "burn_cents_per_hour", "hours_to_empty", "unexplained_cents"),
    ],
}


UNITS = {
    "_cents": "US cents",
    "_at": "UTC",
    "_seconds": "seconds",
    "_rate": "fraction",
    "_low": "fraction",
    "_high": "fraction",
    "_value": "probability",
    "_per_hour": "per hour",
    "_per_success": "US cents",
    "hours_to_empty": "hours",
    "minutes_to_credit": "minutes",
    "day": "UTC",
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with stored() as store:
        yield store.connection


@pytest.fixture(scope="module")
def described() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        migrate(connection)
        sync_schema(connection, TABLES, with_comments=True)
        yield connection


def columns(connection: duckdb.DuckDBPyConnection, mart: str) -> list[str]:
    return [row[0] for row in connection.execute(f"DESCRIBE marts.{mart}").fetchall()]


def statistic(connection: duckdb.DuckDBPyConnection, carrier: str, service: str, rate: float | None) -> None:
    connection.execute(
        "INSERT INTO store.statistics (country_code, country, carrier, service_code, service, success_rate, attempts) "
        "VALUES ('12', 'United States', ?, ?, 'Discord', ?, 100)",
        [carrier, service, rate],
    )


def order(connection: duckdb.DuckDBPyConnection, carrier: str, sms: int | None, status: str, ends: str) -> None:
    connection.execute(
        "INSERT INTO store.inventory (account_id, order_id, country_code, carrier, service_code, sms_count, status, "
        f"expires_at, last_seen_at) VALUES ('7', uuid(), '12', ?, 'ds', ?, ?, now() {ends}, now())",
        [carrier, sms, status],
    )


def rates(connection: duckdb.DuckDBPyConnection, carrier: str, service: str = "ds") -> dict[str, object]:
    actual = connection.execute(
        "SELECT * FROM marts.success_rates WHERE carrier = ? AND service_code = ?", [carrier, service]
    ).fetchall()
    assert len(actual) == 1
    return dict(zip(SUCCESS_RATES, actual[0], strict=True))


@pytest.mark.parametrize("mart", CONTRACT)
def test_marts_have_their_contracted_columns(connection: duckdb.DuckDBPyConnection, mart: str) -> None:
    assert columns(connection, mart) == CONTRACT[mart]


def test_marts_are_ordered_by_dependency() -> None:
    files = {f.name[:-4] for f in resources.files("warehouse").joinpath("marts").iterdir() if f.name.endswith(".sql")}
    assert set(marts()) == files - set(MACRO_FILES)
    order = list(marts())
    for name, mart in marts().items():
        for read in files:
            assert f"marts.{read} " not in mart.query + " " or order.index(read) < order.index(name)


@pytest.mark.parametrize("mart", marts().values(), ids=lambda mart: mart.name)
def test_the_head_of_a_mart_documents_every_column_and_no_other(
    connection: duckdb.DuckDBPyConnection, mart: Mart
) -> None:
    assert list(mart.columns) == columns(connection, mart.name)
    assert set(mart.key) <= set(mart.columns)
    assert mart.summary.endswith(".")
    assert mart.notes


@pytest.mark.parametrize("mart", marts().values(), ids=lambda mart: mart.name)
def test_mart_columns_state_their_unit(described: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    actual = described.execute(
        "SELECT column_name, comment, data_type FROM duckdb_columns() WHERE schema_name = 'marts' AND table_name = ? "
        "ORDER BY column_index",
        [mart.name],
    ).fetchall()
    assert {name: comment for name, comment, _ in actual} == mart.columns
    for name, comment, kind in actual:
        units = [unit for end, unit in UNITS.items() if name.endswith(end)]
        assert not units or any(unit in comment for unit in units), f"{name}: {comment}"
        assert kind != "DOUBLE" or units or "fraction" in comment, f"{name} has no unit"
    reported = described.execute("SELECT comment FROM duckdb_views() WHERE view_name = ?", [mart.name]).fetchall()
    assert reported == [(mart.summary,)]


def test_invalid_mart_head_is_refused_with_its_line() -> None:
    with pytest.raises(ValueError, match=r"marts/odd.sql: not a column and its description: what is this"):
        _parse("odd", "-- odd: a mart.\n-- One row per: a\n--\n-- what is this\nSELECT 1 AS a")


def test_upstream_datasets_of_marts() -> None:
    read = {name: upstream_datasets(mart, TABLES) for name, mart in marts().items()}
    assert read["success_rate_movers"] == ["services", "statistics"]
    assert read["success_rates_daily"] == ["statistics"]
    assert read["best_value"] == ["inventory", "services", "statistics"]
    assert read["balance_runway"] == ["balances", "inventory", "invoices"]
    assert read["topups"] == ["invoices"]
    assert read["freshness"] == sorted(DATASETS)


def test_the_marts_do_not_depend_on_the_reader_s_time_zone(connection: duckdb.DuckDBPyConnection) -> None:
    for zone in ("Asia/Tokyo", "America/Los_Angeles"):
        connection.execute(f"SET TimeZone = '{zone}'")
        connection.execute("DELETE FROM store.inventory; DELETE FROM store.statistics_expired")
        connection.execute(
            "INSERT INTO store.inventory (account_id, order_id, created_at) VALUES "
            "('7', '1', TIMESTAMPTZ '2026-03-04 00:00:00+00'), ('7', '2', TIMESTAMPTZ '2026-03-04 23:59:59+00')"
        )
        connection.execute(
            "INSERT INTO store.statistics_expired (country_code, carrier, service_code, valid_from, valid_to) VALUES "
            "('12', 'any', 'ds', TIMESTAMPTZ '2026-03-04 00:00:00+00', TIMESTAMPTZ '2026-03-05 00:00:00+00')"
        )
        days = connection.execute("SELECT day::VARCHAR, orders FROM marts.spend_daily").fetchall()
        assert days == [("2026-03-04", 2)]
        claimed = "SELECT day::VARCHAR, in_force_seconds FROM marts.success_rates_daily"
        assert connection.execute(claimed).fetchall() == [("2026-03-04", 86400.0)]
    connection.execute("SET TimeZone = 'UTC'")


def test_success_rates_has_one_row_per_statistics_row(connection: duckdb.DuckDBPyConnection) -> None:
    for carrier in ("any", "o2"):
        for service in ("ds", "tg"):
            statistic(connection, carrier, service, 0.5)
    connection.execute(
        "INSERT INTO store.services (country_code, carrier, service_code, price_cents) VALUES "
        "('12', 'any', 'ds', 16), ('12', 'any', 'wa', 55)"
    )
    for _ in range(3):
        order(connection, "o2", 1, "received", "- INTERVAL 1 HOUR")
    assert connection.execute("SELECT count(*) FROM marts.success_rates").fetchall() == [(4,)]


def test_price_stock_and_own_orders_stand_beside_the_claim(connection: duckdb.DuckDBPyConnection) -> None:
    statistic(connection, "any", "ds", 0.8)
    connection.execute(
        "INSERT INTO store.services (country_code, carrier, service_code, price_cents, stock) "
        "VALUES ('12', 'any', 'ds', 16, 420)"
    )
    for carrier, sms, status, ends in [
        ("any", 1, "received", "+ INTERVAL 1 HOUR"),  # a message came: a success, although it still runs
        ("o2", 2, "received", "- INTERVAL 1 HOUR"),
        ("any", 1, "refunded", "- INTERVAL 1 HOUR"),
        ("o2", 0, "waiting", "- INTERVAL 1 HOUR"),  # ended without one: a failure
        ("any", None, "Refunded", "+ INTERVAL 1 HOUR"),
        ("any", 0, "waiting", "+ INTERVAL 1 HOUR"),  # may still receive one: does not count
    ]:
        order(connection, carrier, sms, status, ends)
    actual = rates(connection, "any")
    assert (actual["price_cents"], actual["stock"], actual["observed_orders"]) == (16, 420, 5)
    assert actual["observed_rate"] == pytest.approx(0.6)
    assert actual["expected_cents_per_success"] == pytest.approx(20.0)
    # Wilson by hand: n = 5, p = 0.6, z = 1.959964
    centre = (0.6 + 3.841459 / 10) / (1 + 3.841459 / 5)
    reach = 1.959964 * math.sqrt(0.6 * 0.4 / 5 + 3.841459 / 100) / (1 + 3.841459 / 5)
    assert actual["observed_low"] == pytest.approx(centre - reach, abs=1e-6) == pytest.approx(0.2307, abs=1e-4)
    assert actual["observed_high"] == pytest.approx(centre + reach, abs=1e-6) == pytest.approx(0.8824, abs=1e-4)


def test_a_named_carrier_counts_only_its_own_orders(connection: duckdb.DuckDBPyConnection) -> None:
    statistic(connection, "o2", "ds", 0.5)
    order(connection, "o2", 1, "received", "- INTERVAL 1 HOUR")
    order(connection, "any", 0, "expired", "- INTERVAL 1 HOUR")
    actual = rates(connection, "o2")
    assert (actual["observed_orders"], actual["observed_rate"]) == (1, 1.0)
    assert actual["observed_high"] == 1.0


def test_where_nothing_matches_price_and_observation_are_null(connection: duckdb.DuckDBPyConnection) -> None:
    statistic(connection, "any", "ds", 0.5)
    actual = rates(connection, "any")
    empty = ("price_cents", "stock", "observed_rate", "observed_low", "observed_high", "expected_cents_per_success")
    assert [actual[name] for name in empty] == [None] * 6
    assert actual["observed_orders"] == 0


@pytest.mark.parametrize("rate", [0.0, None])
def test_what_never_succeeds_has_no_price_per_success(
    connection: duckdb.DuckDBPyConnection, rate: float | None
) -> None:
    statistic(connection, "any", "ds", rate)
    connection.execute(
        "INSERT INTO store.services (country_code, carrier, service_code, price_cents) VALUES ('12', 'any', 'ds', 16)"
    )
    assert rates(connection, "any")["expected_cents_per_success"] is None
