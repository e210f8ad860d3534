"""The blocks of the notebook page run in order, and its warnings are true."""

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

from warehouse.database.opening import published_path
from warehouse.export.parquet_export import export_parquet

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "notebook.md").read_text("utf-8"), re.S)


@pytest.fixture
def working_folder(synced, tmp_path, monkeypatch):
    """A user's working folder with the analysts' copy and an export of it."""
    (tmp_path / "data").mkdir()
    shutil.copyfile(published_path(synced), tmp_path / "data" / "analytics.duckdb")
    export_parquet(published_path(synced), tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_runs_and_returns_rows(working_folder):
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "notebook.md", "exec"), names)
    for name in ("rates", "daily", "by_carrier", "services"):
        assert isinstance(names[name], pd.DataFrame), name
        assert len(names[name]) > 0, name
    for name in ("best", "history", "recent"):
        assert isinstance(names[name], pl.DataFrame), name
        assert len(names[name]) > 0, name
    assert str(names["rates"].dtypes["price_cents"]) == str(names["services"].dtypes["price_cents"]) == "int64[pyarrow]"
    assert str(names["services"].dtypes["last_seen_at"]) == "timestamp[us, tz=UTC][pyarrow]"
    assert names["history"].schema["valid_from"] == pl.Datetime("us", "UTC")
    names["connection"].close()


def test_integers_with_nulls_stay_integers_through_arrow():
    with duckdb.connect() as connection:
        relation = connection.sql("SELECT unnest([9007199254740993, NULL]) AS id")
        values = relation.to_arrow_table().to_pandas(types_mapper=pd.ArrowDtype)["id"]
    assert (str(values.dtype), values[0]) == ("int64[pyarrow]", 9007199254740993)


def test_connections_read_the_opened_file_until_all_are_closed(working_folder):
    path = working_folder / "data" / "analytics.duckdb"
    count = "SELECT count(*) FROM store.statistics"
    first = duckdb.connect(str(path), read_only=True)
    before = first.execute(count).fetchall()
    changed = path.with_name("changed.duckdb")
    shutil.copyfile(path, changed)
    with duckdb.connect(str(changed)) as writer:
        writer.execute("DELETE FROM store.statistics")
    changed.replace(path)
    with duckdb.connect(str(path), read_only=True) as second:
        assert second.execute(count).fetchall() == before != [(0,)]
    first.close()
    with duckdb.connect(str(path), read_only=True) as third:
        assert third.execute(count).fetchall() == [(0,)]


def test_a_read_only_connection_cannot_write(working_folder):
    copy = str(working_folder / "data" / "analytics.duckdb")
    with duckdb.connect(copy, read_only=True) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("DELETE FROM store.statistics")
