"""What an export holds: the same rows and types for every reader, a manifest that is true, and no work done twice."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

from assets.datasets import DATASETS
from warehouse.database.opening import open_warehouse, published_path
from warehouse.errors import NotAWarehouse
from warehouse.export.manifest import sha256_of
from warehouse.export.parquet_export import export_parquet
from warehouse.export.tables import DAY_COLUMN
from warehouse.publishing.publish import publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

TABLES = [dataset.table for dataset in DATASETS.values()]
PANDAS = {
    "VARCHAR": "string[pyarrow]",
    "BIGINT": "int64[pyarrow]",
    "DOUBLE": "double[pyarrow]",
    "BOOLEAN": "bool[pyarrow]",
    "DATE": "date32[day][pyarrow]",
    "TIMESTAMP WITH TIME ZONE": "timestamp[us, tz=UTC][pyarrow]",
}
POLARS = {
    "VARCHAR": pl.String(),
    "BIGINT": pl.Int64(),
    "DOUBLE": pl.Float64(),
    "BOOLEAN": pl.Boolean(),
    "DATE": pl.Date(),
    "TIMESTAMP WITH TIME ZONE": pl.Datetime("us", "UTC"),
}
LOAD = """
INSERT INTO ops.loads (load_id, dataset, started_at, status, inserted, changed, closed)
VALUES (uuid(), 'statistics', '2026-03-05 00:00:00+00', 'ok', 1, 0, 0)
"""
# Two days that are over, one that is not; the last and the first microsecond of a day; more digits than a float has.
ROWS = """
INSERT INTO store.statistics_expired (country_code, carrier, service_code, country, success_rate, attempts, extra,
    valid_from, valid_to, first_seen_at, last_seen_at)
VALUES ('12', 'any', 'ds', 'Ünited ''States"', 0.1, 9007199254740993, '{"new": [1, null]}',
        '2026-03-03 23:59:59.999999+00', '2026-03-04 00:00:00+00', '2026-03-03 23:59:59.999999+00', NULL),
       ('12', 'any', 'ds', NULL, NULL, NULL, NULL, '2026-03-04 00:00:00+00', '2026-03-05 01:02:03.000004+00',
        '2026-03-03 23:59:59.999999+00', '2026-03-05 00:00:00+00');
INSERT INTO store.statistics (country_code, carrier, service_code, attempts, valid_from, first_seen_at, part)
VALUES ('12', 'any', 'ds', 3, '2026-03-05 01:02:03.000004+00', '2026-03-03 23:59:59.999999+00', '');
INSERT INTO store.balances (account_id, balance_cents, vip_support, valid_from, part)
VALUES ('7', 1234, true, '2026-03-04 08:00:00+00', '');
INSERT INTO ops.watermarks (dataset, part, seen_at)
VALUES ('statistics', '', '2026-03-05 02:00:00.5+00'), ('balances', '', '2026-03-05 02:00:00.5+00');
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    warehouse = tmp_path_factory.mktemp("filled") / "warehouse.duckdb"
    with open_warehouse(warehouse) as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
        connection.execute(ROWS + LOAD)
    publish(warehouse, TABLES)
    return warehouse


@pytest.fixture(scope="module")
def folder(filled: Path) -> Path:
    """An export that no test changes."""
    export_parquet(published_path(filled), filled.parent / "it's an export")
    return filled.parent / "it's an export"


@pytest.fixture(scope="module")
def manifest(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return document


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def stored_file(folder: Path, name: str, table: dict[str, Any]) -> Path:
    return folder / (name if table["partitioned_by"] else f"{name}.parquet")


def plain(rows: Any) -> list[list[str]]:
    """Rows in one order, each value as text that says its instant in UTC whatever class holds it."""
    cells = [[v.isoformat() if hasattr(v, "isoformat") else None if pd.isna(v) else v for v in row] for row in rows]
    return sorted([repr(value) for value in row] for row in cells)


def from_duckdb(duck: duckdb.DuckDBPyConnection, path: Path) -> tuple[list[tuple[str, str]], list[list[str]]]:
    pattern = str(path if path.is_file() else path / "**/*.parquet").replace("'", "''")
    rows = f"read_parquet('{pattern}', hive_partitioning = true)"
    relation = duck.sql(f"SELECT COLUMNS(lambda c: c <> '{DAY_COLUMN}') FROM {rows}")
    types = list(zip(relation.columns, map(str, relation.types), strict=True))
    return types, plain(relation.fetchall())


def test_every_table_opens_alike_in_duckdb_pandas_and_polars(duck, folder, manifest):
    assert len(manifest["tables"]) >= 2 * len(DATASETS) + 3
    for name, table in manifest["tables"].items():
        path = stored_file(folder, name, table)
        columns = {column["name"]: column.get("stored_as", column["type"]) for column in table["columns"]}

        types, rows = from_duckdb(duck, path)
        assert dict(types) == columns, name
        assert len(rows) == table["rows"], name

        frame = pd.read_parquet(path, dtype_backend="pyarrow").drop(columns=DAY_COLUMN, errors="ignore")
        assert {column: str(type_) for column, type_ in frame.dtypes.items()} == {
            c: PANDAS[t] for c, t in columns.items()
        }
        assert plain(frame.astype(object).values.tolist()) == rows, name

        polar = pl.read_parquet(path).drop(DAY_COLUMN, strict=False)
        assert dict(polar.schema) == {c: POLARS[t] for c, t in columns.items()}, name
        assert plain(polar.rows()) == rows, name


def test_the_files_hold_exactly_what_the_copy_shows(duck, filled, folder, manifest):
    with open_warehouse(published_path(filled), read_only=True) as copy:
        shown = "SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE schema_name IN ('sms', 'marts')"
        names = {row[0] for row in copy.execute(shown).fetchall()}
        assert names <= set(manifest["tables"])
        for name in names:
            if name.startswith("sms."):
                relation = copy.sql(f"FROM {name}")
                assert from_duckdb(duck, stored_file(folder, name, manifest["tables"][name]))[1] == plain(
                    relation.fetchall()
                )


def test_growing_tables_are_partitioned_by_utc_day(folder, manifest):
    days = [file["path"].split("/")[1] for file in manifest["tables"]["sms.statistics_history"]["files"]]
    assert days == ["utc_day=2026-03-03", "utc_day=2026-03-04", "utc_day=2026-03-05"]
    assert manifest["tables"]["sms.coupons_history"]["rows"] == 0
    assert list(pd.read_parquet(folder / "sms.coupons_history").columns)[:3] == ["account_id", "code", "status"]


def test_the_manifest_is_true(filled, folder, manifest):
    listed = [file for table in manifest["tables"].values() for file in table["files"]]
    actual = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert actual == {"manifest.json", *(file["path"] for file in listed)}
    for file in listed:
        path = folder / file["path"]
        assert (sha256_of(path), path.stat().st_size) == (file["sha256"], file["bytes"])
    assert all(table["rows"] == sum(file["rows"] for file in table["files"]) for table in manifest["tables"].values())
    rate = {column["name"]: column for column in manifest["tables"]["sms.statistics"]["columns"]}["success_rate"]
    assert (rate["type"], "fraction" in rate["comment"]) == ("DOUBLE", True)
    assert manifest["datasets"]["statistics"]["newest_answer_at"] == "2026-03-05T02:00:00.500000Z"
    age = datetime.now(UTC) - datetime.fromisoformat(manifest["exported_at"])
    assert 0 <= age.total_seconds() < 600
    assert manifest["source"]["schema_version"] >= 1


def test_unchanged_day_keeps_its_file(filled, tmp_path):
    copy = tmp_path / "analytics.duckdb"
    copy.write_bytes(published_path(filled).read_bytes())
    first = export_parquet(copy, tmp_path / "out")
    before = {path: path.stat() for path in (tmp_path / "out").rglob("*.parquet")}
    with open_warehouse(copy) as connection:
        connection.execute("UPDATE store.statistics_expired SET attempts = 5 WHERE attempts IS NULL")
    second = export_parquet(copy, tmp_path / "out")
    after = {path: path.stat() for path in (tmp_path / "out").rglob("*.parquet")}
    fresh = [path.parent.name for path in after if path not in before and path.parent.name.startswith(DAY_COLUMN)]
    assert fresh == ["utc_day=2026-03-04"]
    growing = [table for table in second.manifest["tables"].values() if table["partitioned_by"] and table["rows"]]
    assert (first.reused_files, second.reused_files) == (0, sum(len(table["files"]) for table in growing) - 1)
    locked = [path for path in before if path in after and path.parent.parent.name == "sms.statistics_history"]
    assert [before[path].st_ino for path in locked] == [after[path].st_ino for path in locked]
    assert len(locked) == 2


def test_export_many_days_and_null_partition(tmp_path):
    copy, out = tmp_path / "analytics.duckdb", tmp_path / "out"
    with duckdb.connect(str(copy)) as connection:
        connection.execute(
            "CREATE SCHEMA ops; CREATE SCHEMA sms; CREATE TABLE ops.schema_fingerprint AS SELECT 'abc' AS fingerprint;"
            "CREATE TABLE ops.watermarks AS SELECT 'things' AS dataset, now() AS seen_at;"
            "CREATE TABLE sms.things_history AS FROM (VALUES (0, NULL::TIMESTAMPTZ)) v(id, valid_from) UNION ALL "
            "SELECT i, TIMESTAMPTZ '2025-01-01 00:00:00Z' + to_hours(7 * (i * 911 % 350)::INT) "
            "FROM range(1, 351) r(i)"
        )
    for preserved in (0, 103):
        completed = export_parquet(copy, out)
        table = completed.manifest["tables"]["sms.things_history"]
        assert (table["rows"], len(table["files"]), completed.reused_files) == (351, 103, preserved)
    frame = pl.read_parquet(out / "sms.things_history")
    assert sorted(frame["id"]) == list(range(351))
    dated = frame.drop_nulls("valid_from")
    assert (dated["valid_from"].dt.date() == dated[DAY_COLUMN]).all()


def test_damaged_file_is_written_again(filled, tmp_path):
    copy, out = published_path(filled), tmp_path / "out"
    export_parquet(copy, out)
    victim = next((out / "sms.statistics_history").rglob("*.parquet"))
    good = victim.read_bytes()
    victim.write_bytes(good[:-1] + b"?")
    export_parquet(copy, out)
    assert victim.read_bytes() == good


def test_export_without_data_says_what_to_run(tmp_path):
    with pytest.raises(NotAWarehouse, match="run smsonline sync first"):
        export_parquet(tmp_path / "analytics.duckdb", tmp_path / "out")
    duckdb.connect(str(tmp_path / "analytics.duckdb")).close()
    with pytest.raises(NotAWarehouse, match="run smsonline sync first"):
        export_parquet(tmp_path / "analytics.duckdb", tmp_path / "out")
    assert not (tmp_path / "out").exists()
