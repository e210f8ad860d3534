"""What the marts cost after a year, against a full scan of the history that each one reads, taken in turns in one run.

Run in a process of its own: ``python -m bench.marts FOLDER SNAPSHOTS``; prints one JSON document. A scan reads every
column of every row, and so does the reading of a mart. Also measured is the refresh: the first, an ordinary sync's, and
the one after midnight that keeps one more day.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from bench.marts_year import TABLES, fill, last_snapshot
from bench.targets import Line
from warehouse.database.opening import open_warehouse
from warehouse.publishing.materialized_days import materialize_closed_days
from warehouse.publishing.publish import publish, published_path
from warehouse.schema.mart_views import marts

ROUNDS = 7
MOST_SCANS = 3.0
# The histories that a mart reads. One that reads current rows alone is held against that of its rows.
HISTORY = {
    **dict.fromkeys(
        ("success_rates", "success_rates_daily", "success_rate_movers", "best_value", "vendor_vs_observed"),
        ("sms.statistics_history",),
    ),
    "spend_daily": ("sms.inventory_history",),
    "balance_reconciliation": ("sms.balances_history", "sms.inventory_history"),
    "balance_runway": ("sms.balances_history", "sms.inventory_history"),
    "topups": ("sms.invoices_history", "topups.payments"),
    "freshness": ("ops.loads",),
}


@dataclass(frozen=True)
class Refresh:
    """Seconds until the days are kept and the copy is published, and how many days that added."""

    settle_seconds: float
    publish_seconds: float
    days: int


@dataclass(frozen=True)
class Marts:
    """Median seconds; ``read`` and ``scan`` per mart, ``rows`` of each. Sizes in bytes."""

    snapshots: int
    versions: int
    read: Mapping[str, float]
    scan: Mapping[str, float]
    rows: Mapping[str, int]
    first: Refresh
    ordinary: Refresh
    midnight: Refresh
    history_bytes: int
    kept_bytes: int
    recompute_seconds: float


def measure(folder: Path, snapshots: int) -> Marts:
    """Fills a warehouse and measures it."""
    file = folder / "year.duckdb"
    fill(file, snapshots)
    size = file.stat().st_size
    first = _refresh(file)
    grown = file.stat().st_size - size
    ordinary = _refresh(file, last_snapshot(snapshots) + timedelta(seconds=1))
    midnight = _refresh(file, last_snapshot(snapshots) + timedelta(minutes=15))
    with open_warehouse(published_path(file), read_only=True) as connection:
        read: dict[str, list[float]] = {name: [] for name in marts()}
        scan: dict[str, list[float]] = {name: [] for name in marts()}
        for _ in range(ROUNDS):
            for name in marts():
                scan[name].append(sum(_seconds(connection, each) for each in HISTORY[name]))
                read[name].append(_seconds(connection, f"marts.{name}"))
        counted = {name: _count(connection, f"marts.{name}") for name in marts()}
        versions = _count(connection, "sms.statistics_history")
        anew = _seconds(connection, "marts.success_rates_by_day(DATE '2026-01-01', DATE '9999-12-31')")
    return Marts(
        snapshots, versions, _medians(read), _medians(scan), counted, first, ordinary, midnight, size, grown, anew
    )


def lines(measured: Marts) -> list[Line]:
    """The promise for each mart."""
    return [
        Line(f"marts.{name}: reading it all", f"<= {MOST_SCANS:g} full scans of its history", f"{ratio:.1f}", met)
        for name in measured.read
        for ratio in (measured.read[name] / measured.scan[name],)
        for met in (ratio <= MOST_SCANS,)
    ]


def rows(measured: Marts) -> list[tuple[str, ...]]:
    """For the report: mart, rows, what it reads, milliseconds of a scan of that and of the mart, their ratio."""
    return [
        (
            name,
            f"{measured.rows[name]:,}",
            ", ".join(HISTORY[name]),
            f"{measured.scan[name] * 1000:.1f}",
            f"{measured.read[name] * 1000:.1f}",
            f"{measured.read[name] / measured.scan[name]:.1f}",
        )
        for name in measured.read
    ]


def _medians(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(each) for name, each in times.items()}


def _refresh(file: Path, answered: object = None) -> Refresh:
    """Settles and publishes; ``answered`` is the instant of one more answer, which changed one row."""
    if answered:
        with open_warehouse(file) as connection:
            connection.execute("UPDATE ops.watermarks SET seen_at = ? WHERE dataset = 'statistics'", [answered])
            connection.execute(
                "INSERT INTO ops.loads BY NAME SELECT 'statistics' AS dataset, uuid()::VARCHAR AS load_id, "
                "1 AS inserted, 0 AS changed, 0 AS closed, 'ok' AS status, now() AS finished_at"
            )
    with open_warehouse(file) as connection:
        began = time.perf_counter()
        days = materialize_closed_days(connection)
        settled = time.perf_counter() - began
    began = time.perf_counter()
    publish(file, TABLES)
    return Refresh(settled, time.perf_counter() - began, days)


def _seconds(connection: duckdb.DuckDBPyConnection, relation: str) -> float:
    """How long it takes to read every column of every row."""
    columns = [row[0] for row in connection.execute(f"DESCRIBE FROM {relation}").fetchall()]
    every = ", ".join(f'max("{column}")' for column in columns)
    began = time.perf_counter()
    connection.execute(f"SELECT {every} FROM {relation}").fetchall()
    return time.perf_counter() - began


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(measure(Path(sys.argv[1]), int(sys.argv[2])))))
