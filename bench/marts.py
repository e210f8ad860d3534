"""Time to read each mart after a year, against a full scan of the history it reads, interleaved in one run.

Runs in its own process: ``python -m bench.marts FOLDER SNAPSHOTS`` prints one JSON document. A scan reads every
column of every row, and so does the query of a mart. The refresh is measured too: the first, after an ordinary sync,
and the one after midnight that materializes one more day.
"""

import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from bench.synthetic_year import TABLES, fill, last_snapshot
from bench.targets import TargetResult
from warehouse.database.opening import open_warehouse, published_path
from warehouse.publishing.materialized_days import materialize_closed_days
from warehouse.publishing.publish import publish
from warehouse.schema.mart_views import marts

ROUNDS = 7
MAX_SCANS = 3.0
# The histories that a mart reads. A mart of current rows only is compared with the history of those rows.
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
    """Seconds to materialize closed days and to publish the copy, and the number of days added."""

    materialize_seconds: float
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
    materialized_bytes: int
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
                scan[name].append(sum(_seconds(connection, relation) for relation in HISTORY[name]))
                read[name].append(_seconds(connection, f"marts.{name}"))
        counted = {name: _count(connection, f"marts.{name}") for name in marts()}
        versions = _count(connection, "sms.statistics_history")
        recomputed = _seconds(connection, "marts.success_rates_by_day(DATE '2026-01-01', DATE '9999-12-31')")
    return Marts(
        snapshots, versions, _medians(read), _medians(scan), counted, first, ordinary, midnight, size, grown, recomputed
    )


def mart_targets(measured: Marts) -> list[TargetResult]:
    """The target for each mart."""
    return [
        TargetResult(
            f"marts.{name}: reading it all", f"<= {MAX_SCANS:g} full scans of its history", f"{ratio:.1f}", met
        )
        for name in measured.read
        for ratio in (measured.read[name] / measured.scan[name],)
        for met in (ratio <= MAX_SCANS,)
    ]


def mart_rows(measured: Marts) -> list[tuple[str, ...]]:
    """Rows of the report: mart, rows, relations read, milliseconds of their scan and of the mart, ratio."""
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
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def _refresh(file: Path, response_at: object = None) -> Refresh:
    """Materializes and publishes; ``response_at`` is the time of one more response, which changed one row."""
    if response_at:
        with open_warehouse(file) as connection:
            connection.execute("UPDATE ops.watermarks SET seen_at = ? WHERE dataset = 'statistics'", [response_at])
            connection.execute(
                "INSERT INTO ops.loads BY NAME SELECT 'statistics' AS dataset, uuid()::VARCHAR AS load_id, "
                "1 AS inserted, 0 AS changed, 0 AS closed, 'ok' AS status, now() AS finished_at"
            )
    with open_warehouse(file) as connection:
        began = time.perf_counter()
        days = materialize_closed_days(connection)
        materialized = time.perf_counter() - began
    began = time.perf_counter()
    publish(file, TABLES)
    return Refresh(materialized, time.perf_counter() - began, days)


def _seconds(connection: duckdb.DuckDBPyConnection, relation: str) -> float:
    """Seconds to read every column of every row."""
    columns = [row[0] for row in connection.execute(f"DESCRIBE FROM {relation}").fetchall()]
    aggregates = ", ".join(f'max("{column}")' for column in columns)
    began = time.perf_counter()
    connection.execute(f"SELECT {aggregates} FROM {relation}").fetchall()
    return time.perf_counter() - began


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(measure(Path(sys.argv[1]), int(sys.argv[2])))))
