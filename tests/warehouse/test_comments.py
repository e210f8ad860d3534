"""Every relation and column of the analysts' copy has a comment."""

from dataclasses import replace
from typing import Any

import duckdb
import pytest

from assets.datasets import DATASETS
from warehouse.database.opening import open_warehouse, published_path
from warehouse.publishing.publish import publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

TABLES = [dataset.table for dataset in DATASETS.values()]
COLUMNS = "SELECT schema_name, table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"


@pytest.fixture
def connection() -> Any:
    with duckdb.connect() as connection:
        migrate(connection)
        sync_schema(connection, TABLES, with_comments=True)
        yield connection


def test_view_columns_have_the_declared_comments(connection) -> None:
    actual = set(connection.execute(COLUMNS).fetchall())
    for table in TABLES:
        for name in (table.name, f"{table.name}_history"):
            assert {("sms", name, column.name, column.comment) for column in table.columns} <= actual


def test_a_description_may_contain_quotes(connection) -> None:
    quoted = replace(
        TABLES[0], columns=(replace(TABLES[0].columns[0], comment='The vendor\'s "own".'), *TABLES[0].columns[1:])
    )
    sync_schema(connection, [quoted, *TABLES[1:]], with_comments=True)
    column = ("sms", quoted.name, quoted.columns[0].name, 'The vendor\'s "own".')
    assert column in connection.execute(COLUMNS).fetchall()


def test_comments_are_written_again_only_with_new_definitions(connection) -> None:
    before = connection.execute(COLUMNS).fetchall()
    connection.execute("COMMENT ON COLUMN sms.statistics.country IS 'left alone'")
    sync_schema(connection, TABLES, with_comments=True)
    assert ("sms", "statistics", "country", "left alone") in connection.execute(COLUMNS).fetchall()
    connection.execute("DELETE FROM ops.schema_fingerprint")
    sync_schema(connection, TABLES, with_comments=True)
    assert connection.execute(COLUMNS).fetchall() == before


def test_every_column_has_a_comment(warehouse_path) -> None:
    with open_warehouse(warehouse_path) as warehouse:
        migrate(warehouse)
        sync_schema(warehouse, TABLES)
        own_columns = warehouse.execute(f"{COLUMNS} AND schema_name = 'raw' AND comment IS NULL").fetchall()
    assert own_columns == []
    publish(warehouse_path, TABLES)
    with duckdb.connect(str(published_path(warehouse_path)), read_only=True) as copy:
        silent = copy.execute(f"{COLUMNS} AND schema_name <> 'store' AND comment IS NULL").fetchall()
    assert silent == []
