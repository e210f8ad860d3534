"""What the file of a warehouse may be called: DuckDB names the database after it."""

from pathlib import Path

import pytest

from tests.warehouse.mart_support import TABLES
from warehouse.database.opening import open_warehouse, published_path
from warehouse.errors import NotAWarehouse
from warehouse.publishing.publish import publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

TAKEN = ["sms.duckdb", "marts.db", "ops", "raw.duckdb", "store.duckdb", "topups.duckdb", "SMS.duckdb", "sms.v1.duckdb"]
TAKEN += ["copy.duckdb", "information_schema.duckdb", "pg_catalog.duckdb", "MAIN.duckdb", "TEMP.duckdb", ".sms.duckdb"]


@pytest.mark.parametrize("name", TAKEN)
def test_reserved_file_name_is_refused_and_not_created(tmp_path: Path, name: str) -> None:
    path = tmp_path / "folder" / name
    for read_only in (False, True):
        with pytest.raises(NotAWarehouse) as error, open_warehouse(path, read_only=read_only):
            pass
        assert str(error.value).startswith(f"{path} cannot be called ")
        assert str(error.value).endswith("set SMSONLINE_WAREHOUSE to another")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["main.duckdb", "my sms.duckdb", "it's.duckdb"])
def test_any_other_name_works_to_the_published_copy(tmp_path: Path, name: str) -> None:
    with open_warehouse(tmp_path / name) as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
    assert publish(tmp_path / name, TABLES)
    copy = published_path(tmp_path / name)
    assert copy.name == f"{name.removesuffix('.duckdb')}.analytics.duckdb"
    with open_warehouse(copy, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM sms.countries").fetchall() == [(0,)]
