from __future__ import annotations

import math
import re
from collections.abc import Iterator
from importlib import resources

import duckdb
import pytest

from assets.datasets import DATASETS
from warehouse.migrate import migrate, shape

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
MARTS = sorted(f.name[:-4] for f in resources.files("warehouse").joinpath("marts").iterdir() if f.name.endswith(".sql"))


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        migrate(connection)
        shape(connection, [dataset.table for dataset in DATASETS.values()])
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
        f"expires_at) VALUES ('7', uuid(), '12', ?, 'ds', ?, ?, now() {ends})",
        [carrier, sms, status],
    )


def rates(connection: duckdb.DuckDBPyConnection, carrier: str, service: str = "ds") -> dict[str, object]:
    found = connection.execute(
        "SELECT * FROM marts.success_rates WHERE carrier = ? AND service_code = ?", [carrier, service]
    ).fetchall()
    assert len(found) == 1
    return dict(zip(SUCCESS_RATES, found[0], strict=True))


def test_success_rates_has_exactly_the_columns_of_the_contract_in_order(connection: duckdb.DuckDBPyConnection) -> None:
    assert columns(connection, "success_rates") == SUCCESS_RATES


@pytest.mark.parametrize("mart", MARTS)
def test_the_head_of_a_mart_documents_every_column_and_no_other(
    connection: duckdb.DuckDBPyConnection, mart: str
) -> None:
    text = resources.files("warehouse").joinpath("marts", f"{mart}.sql").read_text("utf-8")
    head = [line[3:] for line in text.splitlines() if line.startswith("-- ")]
    assert head[0].startswith(f"{mart}: ")
    named = [match[1] for line in head[1:] if (match := re.match(r"([a-z_, ]+): ", line))]
    documented = [name for names in named for name in names.split(", ")]
    assert documented == columns(connection, mart)


def test_there_is_one_row_per_row_of_statistics_whatever_else_is_known(connection: duckdb.DuckDBPyConnection) -> None:
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
    found = rates(connection, "any")
    assert (found["price_cents"], found["stock"], found["observed_orders"]) == (16, 420, 5)
    assert found["observed_rate"] == pytest.approx(0.6)
    assert found["expected_cents_per_success"] == pytest.approx(20.0)
    # Wilson by hand: n = 5, p = 0.6, z = 1.959964
    centre = (0.6 + 3.841459 / 10) / (1 + 3.841459 / 5)
    reach = 1.959964 * math.sqrt(0.6 * 0.4 / 5 + 3.841459 / 100) / (1 + 3.841459 / 5)
    assert found["observed_low"] == pytest.approx(centre - reach, abs=1e-6) == pytest.approx(0.2307, abs=1e-4)
    assert found["observed_high"] == pytest.approx(centre + reach, abs=1e-6) == pytest.approx(0.8824, abs=1e-4)


def test_a_named_carrier_counts_only_its_own_orders(connection: duckdb.DuckDBPyConnection) -> None:
    statistic(connection, "o2", "ds", 0.5)
    order(connection, "o2", 1, "received", "- INTERVAL 1 HOUR")
    order(connection, "any", 0, "expired", "- INTERVAL 1 HOUR")
    found = rates(connection, "o2")
    assert (found["observed_orders"], found["observed_rate"]) == (1, 1.0)
    assert found["observed_high"] == 1.0


def test_where_nothing_matches_price_and_observation_are_null(connection: duckdb.DuckDBPyConnection) -> None:
    statistic(connection, "any", "ds", 0.5)
    found = rates(connection, "any")
    empty = ("price_cents", "stock", "observed_rate", "observed_low", "observed_high", "expected_cents_per_success")
    assert [found[name] for name in empty] == [None] * 6
    assert found["observed_orders"] == 0


@pytest.mark.parametrize("rate", [0.0, None])
def test_what_never_succeeds_has_no_price_per_success(
    connection: duckdb.DuckDBPyConnection, rate: float | None
) -> None:
    statistic(connection, "any", "ds", rate)
    connection.execute(
        "INSERT INTO store.services (country_code, carrier, service_code, price_cents) VALUES ('12', 'any', 'ds', 16)"
    )
    assert rates(connection, "any")["expected_cents_per_success"] is None
