"""Growth of the history over a year of snapshots, one every 15 minutes: 10,000 keys, 1 % changed each time.

Runs in its own process: ``python -m bench.history_growth FOLDER SNAPSHOTS`` prints one JSON document. The snapshots
go through the load function of every sync, with watermark, row in ``ops.loads`` and reconciled counts; the file is
closed and opened once per simulated day. Raw bodies are left out on both sides: their size depends on the retention
setting.
"""

import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from assets.datasets import DATASETS
from assets.datasets.definitions import STATISTICS
from warehouse.database.opening import open_warehouse
from warehouse.loading.batch import Batch, LoadContext, Partition
from warehouse.loading.merge import load_batch
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

YEAR = 35_040
KEYS, CHANGED = 10_000, 100
PER_DAY = 96
APPENDED_SAMPLE = 960
START = datetime(2026, 1, 1, tzinfo=UTC)
QUERIES = 41


@dataclass(frozen=True)
class Growth:
    """Sizes in bytes, median times in seconds; ``append_only_bytes`` is scaled from ``appended_sample``."""

    snapshots: int
    seconds: float
    history_bytes: int
    versions: int
    append_only_bytes: int
    appended_sample: int
    scan_seconds: float
    as_of_seconds: float
    as_of_worst_seconds: float


class Vendor:
    """The changing snapshot, as the Arrow table of a normalised response."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        self._total = self._random.integers(1, 5_000, KEYS)
        self._success = (self._total * self._random.random(KEYS)).astype("int64")
        numbers = range(KEYS)
        texts = {
            "country_code": [str(n // 100) for n in numbers],
            "country": [f"Country {n // 100}" for n in numbers],
            "carrier": ["any"] * KEYS,
            "service_code": [f"s{n % 100}" for n in numbers],
            "service": [f"Service {n % 100}" for n in numbers],
        }
        self._fixed = pa.table({name: pa.array(values, pa.string()) for name, values in texts.items()})
        self._seconds = pa.array(self._random.integers(0, 3_000, KEYS) / 10)
        self._empty = pa.array([""] * KEYS, pa.string())

    def change(self) -> None:
        """Changes the number of orders in 1 % of the rows."""
        rows = self._random.choice(KEYS, CHANGED, replace=False)
        self._total[rows] += self._random.integers(1, 50, CHANGED)

    def orders(self) -> int:
        """Total of orders, different for each snapshot."""
        return int(self._total.sum())

    def rows(self) -> pa.Table:
        """The current snapshot."""
        rows = self._fixed.append_column("success_rate", pa.array(self._success / self._total))
        rows = rows.append_column("attempts", pa.array(self._total)).append_column("successes", pa.array(self._success))
        rows = rows.append_column("average_seconds", self._seconds)
        return rows.append_column("extra", pa.nulls(KEYS, pa.string())).append_column("part", self._empty)


def measure(folder: Path, snapshots: int) -> Growth:
    """Loads and measures. Raises ``AssertionError`` when a past snapshot is not read back exactly."""
    vendor, file = Vendor(), folder / "history.duckdb"
    orders_at: dict[datetime, int] = {}
    began, at = time.perf_counter(), START
    for first in range(0, snapshots, PER_DAY):
        with open_warehouse(file) as connection:
            connection.execute("SET threads = 1")  # faster on snapshots of this size; no effect on the file
            if not first:
                migrate(connection)
                sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
            for number in range(first, min(first + PER_DAY, snapshots)):
                vendor.change()
                at = START + timedelta(minutes=15 * number)
                outcome = load_batch(connection, _batch(vendor.rows(), at), _load(number, at))
                assert outcome.status == "ok" and outcome.counts.fetched == KEYS, outcome.error
        orders_at[at] = vendor.orders()
    seconds = time.perf_counter() - began
    sampled = min(APPENDED_SAMPLE, snapshots)
    appended = _append_only(folder / "appended.duckdb", sampled) * snapshots // sampled
    with open_warehouse(file, read_only=True) as connection:
        versions = _value(connection, "SELECT count(*) FROM sms.statistics_history")
        scan, as_of, worst = _queries(connection, orders_at)
    return Growth(snapshots, seconds, file.stat().st_size, versions, appended, sampled, scan, as_of, worst)


def _batch(rows: pa.Table, at: datetime) -> Batch:
    partition = Partition("", f"response {at:%s}", at, f"body {at:%s}", STATISTICS.contract_hash, fetched=KEYS)
    return Batch(STATISTICS.table, "bench", [partition], rows, rows.select(list(STATISTICS.key)).slice(0, 0))


def _load(number: int, at: datetime) -> LoadContext:
    return LoadContext(f"run {number}", f"load {number}", "statistics", "bench", at)


def _append_only(file: Path, snapshots: int) -> int:
    """Bytes of a table to which every snapshot is appended with its number; also closed once a day."""
    vendor = Vendor()
    for first in range(0, snapshots, PER_DAY):
        with duckdb.connect(str(file)) as connection:
            for number in range(first, min(first + PER_DAY, snapshots)):
                vendor.change()
                rows = vendor.rows().drop_columns(["extra", "part"])  # noqa: F841 - DuckDB reads the variable by name
                verb = "INSERT INTO appended" if number else "CREATE TABLE appended AS"
                connection.execute(f"{verb} SELECT *, {number}::INTEGER AS snapshot FROM rows")
    return file.stat().st_size


def _queries(connection: duckdb.DuckDBPyConnection, orders_at: dict[datetime, int]) -> tuple[float, float, float]:
    """Median seconds of a scan of the current table and of as-of queries, and the median of the slowest day."""
    whole = "SELECT sum(attempts), avg(success_rate), count(*) FROM "
    scan, as_of = [], []
    days = sorted(orders_at)
    for turn in range(QUERIES):
        scan.append(_timed(connection, whole + "sms.statistics")[0])
        day = days[turn * (len(days) - 1) // (QUERIES - 1)]
        query = whole + f"sms.statistics_as_of(TIMESTAMPTZ '{day.isoformat()}')"
        runs = [_timed(connection, query) for _ in range(3)]
        assert runs[0][1] == (orders_at[day], KEYS), (
            f"the snapshot of {day} reads back as {runs[0][1]}, expected {orders_at[day]}"
        )
        as_of.append(statistics.median(seconds for seconds, _ in runs))
    return statistics.median(scan), statistics.median(as_of), max(as_of)


def _timed(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[float, tuple[int, int]]:
    began = time.perf_counter()
    row = connection.execute(sql).fetchone()
    assert row
    return time.perf_counter() - began, (row[0], row[2])


def _value(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    assert row
    return int(row[0])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(measure(Path(sys.argv[1]), int(sys.argv[2])))))
