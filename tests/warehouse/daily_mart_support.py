"""Daily rates computed in plain Python, and a warehouse file that loads claims hour by hour."""

import shutil
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from assets.datasets.definitions import STATISTICS
from tests.warehouse.mart_support import TABLES, Rows, Store, at
from warehouse.database.opening import open_warehouse, published_path
from warehouse.loading.batch import Batch, LoadContext, Partition
from warehouse.loading.merge import load_batch
from warehouse.loading.replay_target import open_replay_target
from warehouse.schema.definitions import sync_schema

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
DAILY = "SELECT * FROM marts.success_rates_daily ORDER BY day, service_code"
Claims = Mapping[str, tuple[float | None, int]]


def expected(history: Rows) -> Rows:
    """The mart worked out in Python, with exact fractions."""
    groups: dict[tuple[date, str], Rows] = defaultdict(list)
    for row in history:
        ended = row["valid_to"] or row["last_seen_at"]
        day = row["valid_from"].date()
        while day <= max(ended - MICROSECOND, row["valid_from"]).date():
            midnight = datetime.combine(day, time(), UTC)
            span = (min(ended, midnight + DAY) - max(row["valid_from"], midnight)) // MICROSECOND
            groups[day, row["service_code"]].append(row | {"span": span})
            day += DAY
    return [_summed(day, code, sorted(rows, key=lambda row: row["valid_from"])) for (day, code), rows in groups.items()]


def _summed(day: date, code: str, rows: Rows) -> dict[str, Any]:
    rates = [(Fraction(row["success_rate"]), row["span"]) for row in rows if row["success_rate"] is not None]
    weight = sum(span for _, span in rates)
    mean = float(sum(rate * span for rate, span in rates) / weight) if weight else None
    return {
        "day": day,
        "service_code": code,
        "success_rate": mean if weight else (float(rates[-1][0]) if rates else None),
        "lowest_rate": float(min(rates)[0]) if rates else None,
        "highest_rate": float(max(rates)[0]) if rates else None,
        "last_rate": rows[-1]["success_rate"],
        "attempts": rows[-1]["attempts"],
        "in_force_seconds": sum(row["span"] for row in rows) / 1e6,
        "versions": len(rows),
    }


class StoredFile:
    """A warehouse file that takes claims at hours after noon."""

    def __init__(self, empty: Path, folder: Path) -> None:
        shutil.copytree(empty.parent, folder, dirs_exist_ok=True)
        self.path = folder / empty.name
        self.loaded: list[tuple[float, Claims]] = []

    def load(self, hours: float, claims: Claims) -> None:
        self.loaded.append((hours, claims))
        with open_warehouse(self.path) as connection:
            load_claims(connection, hours, claims)

    def rebuild(self, loaded: list[tuple[float, Claims]]) -> None:
        """What a replay does that finds other contents in the old answers."""
        self.loaded = loaded
        with open_replay_target(self.path, TABLES) as rebuild:
            for hours, claims in loaded:
                load_claims(rebuild.connection, hours, claims)
            rebuild.swap_in(STATISTICS.table, [])

    def define_otherwise(self) -> None:
        """As if both files came from a program that worked the days out in another way."""
        for file in filter(Path.exists, (self.path, published_path(self.path))):
            with open_warehouse(file) as connection:
                connection.execute(
                    "UPDATE ops.materialized_marts SET definition = 'old'; DELETE FROM ops.schema_fingerprint"
                )
                connection.execute("UPDATE store.success_rates_daily SET success_rate = 0.123")
                sync_schema(connection, TABLES)

    def check(self) -> int:
        """Holds the mart of the warehouse and of the copy against Python; returns how many days are kept."""
        for file in (self.path, published_path(self.path)):
            if file.exists():
                with duckdb.connect(str(file), read_only=True) as connection:
                    connection.execute("SET TimeZone = 'UTC'")
                    store = Store(connection)
                    wanted = sorted(expected(store.rows("FROM sms.statistics_history")), key=day_and_service)
                    _compare(store.rows(DAILY), wanted)
                    preserved = store.only(
                        "SELECT count(*) AS n, count(DISTINCT day) AS days FROM store.success_rates_daily"
                    )
                    assert preserved["n"] == len([row for row in wanted if row["day"] < materialized_until(store)])
        return int(preserved["days"])


def day_and_service(row: Mapping[str, Any]) -> tuple[date, str]:
    return row["day"], row["service_code"]


def _compare(actual: Rows, wanted: Rows) -> None:
    assert len(actual) == len(wanted)
    for row, right in zip(actual, wanted, strict=True):
        assert {name: row[name] for name in right} == right | {"success_rate": pytest.approx(right["success_rate"])}
        if row["success_rate"] is not None:
            assert row["lowest_rate"] <= row["success_rate"] <= row["highest_rate"]


def materialized_until(store: Store) -> date:
    rows = store.rows("FROM ops.materialized_marts")
    return rows[0]["until_day"] if rows else date.min


def load_claims(connection: duckdb.DuckDBPyConnection, hours: float, claims: Claims) -> None:
    names = [column.name for column in STATISTICS.table.columns]
    empty = {name: pa.nulls(len(claims)) for name in names}
    rows = pa.table(
        empty
        | {
            "country_code": pa.array(["12"] * len(claims), pa.string()),
            "carrier": pa.array(["any"] * len(claims), pa.string()),
            "service_code": pa.array(claims, pa.string()),
            "success_rate": pa.array([rate for rate, _ in claims.values()], pa.float64()),
            "attempts": pa.array([attempts for _, attempts in claims.values()], pa.int64()),
            "part": pa.array([""] * len(claims), pa.string()),
        }
    )
    number = f"{hours} {len(claims)}"
    partition = Partition("", number, at(hours), number, "c", fetched=len(claims))
    batch = Batch(STATISTICS.table, "7", [partition], rows, rows.select(list(STATISTICS.key)).slice(0, 0))
    load_batch(connection, batch, LoadContext("run", number, "statistics", "7", at(hours), accept_shrink=True))
