"""The analysts' copy: complete, replaced in one step, incremental, recovered after a crash."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.warehouse.other_processes import is_locked
from tests.warehouse.stored_file import CUT, LOADED, TABLES, WHOLE, StoredFile
from warehouse.database.opening import published_path
from warehouse.errors import WarehouseUnwritable
from warehouse.loading.replay_target import open_replay_target
from warehouse.publishing.publish import publish


@pytest.fixture
def stored_file(warehouse_path: Path) -> StoredFile:
    return StoredFile(warehouse_path)


PRICES = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 3), max_size=4)


@settings(max_examples=12)
@example(steps=[(WHOLE, {"a": 1}, True), (WHOLE, {"a": 1}, False)])
@example(steps=[(CUT, {"a": 1}, True), (CUT, {}, False)])
@given(steps=st.lists(st.tuples(st.sampled_from(LOADED), PRICES, st.booleans()), max_size=6))
def test_copy_equals_the_warehouse_after_any_loads(stored_file: StoredFile, steps: Any) -> None:
    for table, prices, published in steps:
        stored_file.load(table, prices)
        if published:
            publish(stored_file.path, TABLES)
    # A load that changed nothing reaches the copy when it is an hour old, by its last_seen_at.
    copy = published_path(stored_file.path)
    if copy.exists():
        os.utime(copy, (0, 0))
    publish(stored_file.path, TABLES)
    assert stored_file.state(copy) == stored_file.state()


def test_versions_that_a_replay_wrote_again_are_copied_once(stored_file: StoredFile) -> None:
    # DuckDB gives them new row numbers: the deleted ones are free only after a checkpoint.
    for price in (1, 2, 3):
        stored_file.load(WHOLE, {"a": price})
    with open_replay_target(stored_file.path, TABLES) as target:
        target.restore_as_of(WHOLE, datetime.now(UTC), {}, [])
        target.swap_in(WHOLE, [])
    publish(stored_file.path, TABLES)
    stored_file.load(WHOLE, {"a": 4})
    publish(stored_file.path, TABLES)
    assert stored_file.state(published_path(stored_file.path)) == stored_file.state()


def contents(file: Path) -> dict[str, Any]:
    """Every relation of the copy with its columns, comments and rows, but for instant and token of the copy itself."""
    shape = "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    views = "SELECT schema_name, view_name, sql, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
    macros = "SELECT DISTINCT schema_name, function_name FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"
    tables = "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT internal ORDER BY 1"
    with duckdb.connect(str(file), read_only=True) as copy:
        actual = {sql: copy.execute(sql).fetchall() for sql in (shape, views, macros)}
        names = [name for (name,) in copy.execute(tables).fetchall()]
        columns = dict.fromkeys(names, "*") | {"ops.warehouse": "warehouse_id, created_at, source, copy_checksum"}
        del columns["ops.publication"]
        return actual | {n: copy.execute(f"SELECT {c} FROM {n} ORDER BY ALL").fetchall() for n, c in columns.items()}


def test_a_new_copy_equals_one_that_was_updated(stored_file) -> None:
    copy = published_path(stored_file.path)
    for prices in ({"a": 1, "b": 2}, {"a": 3}):
        stored_file.load(WHOLE, prices)
        publish(stored_file.path, TABLES)
    stored_file.load(CUT, {"c": 1})
    publish(stored_file.path, TABLES)
    updated = contents(copy)
    assert updated["store.whole_expired"]
    copy.unlink()
    publish(stored_file.path, TABLES)
    assert contents(copy) == updated


def test_seeded_copy_equals_a_filled_one(stored_file, monkeypatch) -> None:
    copy = published_path(stored_file.path)
    stored_file.load(WHOLE, {"a": 1, "b": 2})
    stored_file.load(WHOLE, {"a": 3})
    stored_file.load(CUT, {"c": 1})
    publish(stored_file.path, TABLES)
    seeded = contents(copy)
    assert seeded["store.whole_expired"]
    copy.unlink()
    monkeypatch.setattr("warehouse.publishing.publish.MAX_SEED_BYTES", 0)
    publish(stored_file.path, TABLES)
    assert contents(copy) == seeded
    for prices in ({"a": 4}, {"a": 4, "b": 5}):
        stored_file.load(WHOLE, prices)
        publish(stored_file.path, TABLES)
        assert stored_file.state(copy) == stored_file.state()


def test_a_copy_by_an_earlier_release_is_replaced(stored_file) -> None:
    copy = published_path(stored_file.path)
    stored_file.load(WHOLE, {"a": 1})
    publish(stored_file.path, TABLES)
    with duckdb.connect(str(copy)) as connection:
        connection.execute("ALTER TABLE ops.schema_fingerprint RENAME TO shape")
        connection.execute("CREATE TABLE store.from_earlier_release AS FROM store.whole_expired")
    stored_file.load(WHOLE, {"a": 2})
    assert publish(stored_file.path, TABLES)
    assert stored_file.state(copy) == stored_file.state()
    assert "store.from_earlier_release" not in contents(copy)


def test_no_other_process_may_write_while_the_copy_is_made(stored_file, monkeypatch) -> None:
    """Closing any handle of a file ends the process's lock on it, also the one that DuckDB holds."""
    stored_file.load(WHOLE, {"a": 1})
    locked = []
    monkeypatch.setattr(
        "warehouse.publishing.publish.failpoint", lambda point: locked.append((point, is_locked(stored_file.path)))
    )
    publish(stored_file.path, TABLES)
    assert locked == [("before publishing", True), ("while publishing", True), ("after publishing", True)]
    assert not is_locked(stored_file.path)


def test_without_a_change_the_copy_is_left_alone(stored_file: StoredFile) -> None:
    stored_file.load(WHOLE, {"a": 1})
    assert publish(stored_file.path, TABLES)
    before = published_path(stored_file.path).stat()
    stored_file.load(WHOLE, {"a": 1})
    assert not publish(stored_file.path, TABLES)
    assert published_path(stored_file.path).stat().st_ino == before.st_ino


def test_a_reader_keeps_the_state_that_it_opened(stored_file: StoredFile) -> None:
    stored_file.load(WHOLE, {"a": 1})
    publish(stored_file.path, TABLES)
    with duckdb.connect(str(published_path(stored_file.path)), read_only=True) as reader:
        stored_file.load(WHOLE, {"a": 2, "b": 1})
        assert publish(stored_file.path, TABLES)
        assert reader.execute("SELECT code, price_cents FROM sms.whole").fetchall() == [("a", 1)]
    assert stored_file.state(published_path(stored_file.path)) == stored_file.state()


def test_missing_or_damaged_copy_is_created_again(stored_file: StoredFile) -> None:
    copy = published_path(stored_file.path)
    stored_file.load(WHOLE, {"a": 1})
    publish(stored_file.path, TABLES)
    copy.unlink()
    assert publish(stored_file.path, TABLES)
    copy.write_bytes(b"no database " * 1000)
    stored_file.load(WHOLE, {"a": 2})
    assert publish(stored_file.path, TABLES)
    assert stored_file.state(copy) == stored_file.state()


def test_failed_copy_leaves_the_old_one_and_no_files(stored_file: StoredFile, monkeypatch: pytest.MonkeyPatch) -> None:
    stored_file.load(WHOLE, {"a": 1})
    publish(stored_file.path, TABLES)
    before = stored_file.state(published_path(stored_file.path))
    stored_file.load(WHOLE, {"a": 2})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(WarehouseUnwritable, match="No space left"):
        publish(stored_file.path, TABLES)
    assert stored_file.state(published_path(stored_file.path)) == before
    assert not [file for file in stored_file.path.parent.iterdir() if ".new" in file.name]
    monkeypatch.undo()
    assert publish(stored_file.path, TABLES)
    assert stored_file.state(published_path(stored_file.path)) == stored_file.state()


def test_raw_responses_and_rejects_are_not_published(stored_file: StoredFile) -> None:
    stored_file.load(WHOLE, {"a": 1})
    publish(stored_file.path, TABLES)
    with duckdb.connect(str(published_path(stored_file.path)), read_only=True) as reader:
        sql = "SELECT schema_name FROM duckdb_tables() UNION SELECT schema_name FROM duckdb_views() WHERE NOT internal"
        schemas = {row[0] for row in reader.execute(sql).fetchall()}
    assert schemas == {"ops", "store", "sms", "marts", "topups"}
