from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.datasets import DATASETS
from warehouse.database.opening import open_warehouse
from warehouse.errors import NotAWarehouse
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import all_migrations, migrate, schema_version
from warehouse.schema.tables import Table

TABLES = [dataset.table for dataset in DATASETS.values()]


def objects(connection: duckdb.DuckDBPyConnection) -> list[Any]:
    return connection.execute(
        "SELECT schema_name, table_name, column_name, data_type, comment FROM duckdb_columns() "
        "WHERE NOT internal ORDER BY ALL"
    ).fetchall()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in all_migrations()] == list(range(3, 3 + len(all_migrations())))


def test_migrating_twice_changes_nothing(warehouse_path: Path) -> None:
    with open_warehouse(warehouse_path) as connection:
        assert schema_version(connection) == 0
        migrate(connection)
        sync_schema(connection, TABLES)
        made = objects(connection)
        applied = connection.execute("SELECT * FROM ops.migrations ORDER BY 1").fetchall()
    with open_warehouse(warehouse_path) as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
        assert objects(connection) == made
        assert connection.execute("SELECT * FROM ops.migrations ORDER BY 1").fetchall() == applied
        assert schema_version(connection) == all_migrations()[-1][0]


def test_every_dataset_has_its_view_its_history_and_its_macro(warehouse_path: Path) -> None:
    with open_warehouse(warehouse_path) as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
        for name in DATASETS:
            for source in (name, f"{name}_history", f"{name}_as_of(now())"):
                assert connection.execute(f"SELECT count(*) FROM sms.{source}").fetchall() == [(0,)]


def test_a_file_of_a_newer_program_is_refused_untouched(warehouse_path: Path) -> None:
    with open_warehouse(warehouse_path) as connection:
        migrate(connection)
        connection.execute("INSERT INTO ops.migrations VALUES (999, now())")
    with open_warehouse(warehouse_path) as connection, pytest.raises(NotAWarehouse, match=r"has schema 999 .* upgrade"):
        migrate(connection)


def test_a_duckdb_file_of_another_program_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "foreign.duckdb"
    with duckdb.connect(str(path)) as foreign:
        foreign.execute("CREATE TABLE customers AS SELECT 1 AS id")
    with open_warehouse(path) as connection:
        with pytest.raises(NotAWarehouse, match="another program: set SMSONLINE_WAREHOUSE"):
            migrate(connection)
        assert [row[1] for row in objects(connection)] == ["customers"]


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    warehouse_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [*all_migrations(), (all_migrations()[-1][0] + 1, "CREATE TABLE ops.extra (i INTEGER); SELECT nonsense")]
    monkeypatch.setattr("warehouse.schema.migrations.all_migrations", lambda: broken)
    with pytest.raises(duckdb.Error), open_warehouse(warehouse_path) as connection:
        migrate(connection)
    with open_warehouse(warehouse_path) as connection:
        assert objects(connection) == []


def test_new_column_updates_the_views_and_keeps_the_rows(warehouse_path: Path) -> None:
    table = DATASETS["coupons"].table
    with open_warehouse(warehouse_path) as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
        connection.execute("INSERT INTO store.coupons (account_id, code, valid_from) VALUES ('7', 'A', now())")
        new = replace(table.columns[1], name="novelty", comment="New.")
        remaining = [case for case in TABLES if case.name != "coupons"]
        sync_schema(connection, [*remaining, replace(table, columns=(*table.columns, new))])
        assert connection.execute("SELECT code, novelty FROM sms.coupons_history").fetchall() == [("A", None)]
        assert connection.execute("SELECT count(*) FROM ops.schema_fingerprint").fetchall() == [(1,)]


def test_a_column_declared_with_another_type_keeps_its_values(warehouse_path: Path) -> None:
    with open_warehouse(warehouse_path) as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
        for name in ("coupons", "coupons_expired"):
            connection.execute(f"INSERT INTO store.{name} (account_id, code, percent) VALUES ('7', 'A', 12)")
        sync_schema(connection, declared_as("DOUBLE"))
        actual = connection.execute("SELECT percent, typeof(percent) FROM sms.coupons_history").fetchall()
        assert actual == [(12.0, "DOUBLE")] * 2


def test_values_that_do_not_fit_a_new_type_stay(warehouse_path: Path) -> None:
    with open_warehouse(warehouse_path) as connection:
        migrate(connection)
        sync_schema(connection, declared_as("VARCHAR"))
        connection.execute("INSERT INTO store.coupons (account_id, code, percent) VALUES ('7', 'A', 'a tenth')")
        with pytest.raises(NotAWarehouse, match=r"a tenth.*declare the old one"):
            sync_schema(connection, declared_as("BIGINT"))
        assert connection.execute("SELECT percent FROM sms.coupons").fetchall() == [("a tenth",)]


def declared_as(type_: str) -> list[Table]:
    """All tables, a coupon's percent with another type."""
    table = DATASETS["coupons"].table
    columns = tuple(replace(case, type=type_) if case.name == "percent" else case for case in table.columns)
    return [replace(case, columns=columns) if case is table else case for case in TABLES]
