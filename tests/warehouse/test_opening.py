import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.other_processes import is_locked, locked_by_another_process, opens_in_another_process
from warehouse.database.opening import Writer, open_warehouse, published_path
from warehouse.database.reading import open_readable
from warehouse.errors import NotAWarehouse, WarehouseError, WarehouseLocked, WarehouseUnwritable
from warehouse.sql import transaction


def refusal(path: Path, *, read_only: bool = False) -> WarehouseError:
    with (
        pytest.raises(WarehouseError) as error,
        open_warehouse(path, read_only=read_only, wait_seconds=0) as connection,
    ):
        connection.execute("SELECT 1")
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value) or str(path.parent) in str(error.value)
    return error.value


def test_folders_are_made_and_times_are_utc(warehouse_path: Path) -> None:
    with open_warehouse(warehouse_path) as connection:
        assert connection.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
    assert warehouse_path.is_file()


def test_locked_file_is_awaited_and_its_process_named(warehouse_path: Path) -> None:
    pauses: list[float] = []
    warehouse_path.parent.mkdir()
    with (
        locked_by_another_process(warehouse_path) as holder,
        pytest.raises(WarehouseLocked) as error,
        open_warehouse(warehouse_path, wait_seconds=0.1, sleep=pauses.append) as _,
    ):
        pass
    assert f"(PID {holder.pid})" in str(error.value)
    assert "wait for that process or end it" in str(error.value)
    assert len(pauses) >= 1
    assert max(pauses) <= 1.0


@pytest.mark.parametrize("read_only", [True, False])
def test_threads_wait_for_a_writer_that_locks_out_processes(warehouse_path: Path, read_only: bool) -> None:
    with open_warehouse(warehouse_path) as _:
        with (
            pytest.raises(WarehouseLocked, match="held by another part of this program"),
            open_warehouse(warehouse_path, read_only=read_only, wait_seconds=0) as _,
        ):
            pass
        assert is_locked(warehouse_path)
    assert not is_locked(warehouse_path)


def test_idle_writer_locks_no_file(warehouse_path: Path) -> None:
    instance = Writer()
    for number in range(3):
        with open_warehouse(warehouse_path, writer=instance) as connection:
            connection.execute(f"CREATE TABLE t{number} AS SELECT 1 AS i")
            connection.execute("CREATE TEMP TABLE own AS SELECT 1 AS i")
        assert not is_locked(warehouse_path)
    with pytest.raises(ZeroDivisionError), open_warehouse(warehouse_path, writer=instance) as connection:
        connection.execute("BEGIN; CREATE TABLE lost (i INT)")
        raise ZeroDivisionError
    assert not is_locked(warehouse_path)
    with open_warehouse(warehouse_path, writer=instance) as connection:
        assert connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall() == [
            ("t0",),
            ("t1",),
            ("t2",),
        ]
    instance.stop()


def test_readers_share_the_file_and_block_a_writer(warehouse_path: Path) -> None:
    with open_warehouse(warehouse_path) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS i")
    with (
        open_warehouse(warehouse_path, read_only=True) as first,
        open_warehouse(warehouse_path, read_only=True) as second,
    ):
        assert first.execute("FROM t").fetchall() == second.execute("FROM t").fetchall()
        with pytest.raises(WarehouseLocked), open_warehouse(warehouse_path, wait_seconds=0) as _:
            pass
        assert is_locked(warehouse_path)
    with ThreadPoolExecutor(1) as pool, open_warehouse(warehouse_path) as first:
        waiting = pool.submit(_written, warehouse_path)
        first.execute("INSERT INTO t VALUES (2)")
        assert not waiting.done()
    assert waiting.result() == 3


def _written(path: Path) -> int:
    with open_warehouse(path) as connection:
        connection.execute("INSERT INTO t VALUES (3)")
        return len(connection.execute("FROM t").fetchall())


def test_file_released_during_the_wait_is_opened(warehouse_path: Path) -> None:
    warehouse_path.parent.mkdir()
    with locked_by_another_process(warehouse_path) as holder:

        def let_go(_: float) -> None:
            if holder.poll() is None:
                holder.communicate()

        with open_warehouse(warehouse_path, sleep=let_go) as connection:
            assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_a_reader_waits_for_a_writer_too(warehouse_path: Path) -> None:
    warehouse_path.parent.mkdir()
    with locked_by_another_process(warehouse_path):
        assert isinstance(refusal(warehouse_path, read_only=True), WarehouseLocked)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, duckdb.Error])
def test_the_file_is_free_again_whatever_happened(warehouse_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), open_warehouse(warehouse_path) as connection, transaction(connection):
        connection.execute("CREATE TABLE t (i INTEGER)")
        raise failure
    assert opens_in_another_process(warehouse_path)
    with open_warehouse(warehouse_path, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]


def test_a_transaction_that_ends_well_is_committed(warehouse_path: Path) -> None:
    with open_warehouse(warehouse_path) as connection, transaction(connection):
        connection.execute("CREATE TABLE t AS SELECT 1 AS i")
    with open_warehouse(warehouse_path, read_only=True) as connection:
        assert connection.execute("SELECT * FROM t").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "content", [b"hi", b"not a database " * 1000, b"SQLite format 3\0" + b"\0" * 5000, b"PAR1" * 9]
)
def test_other_file_formats_are_refused_unchanged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(content)
    error = refusal(path)
    assert isinstance(error, NotAWarehouse)
    assert "SMSONLINE_WAREHOUSE" in str(error)
    assert path.read_bytes() == content


def test_empty_file_becomes_a_warehouse(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.touch()
    assert isinstance(refusal(path, read_only=True), NotAWarehouse)
    with open_warehouse(path) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_reading_a_file_that_is_not_there_says_what_to_run(tmp_path: Path) -> None:
    error = refusal(tmp_path / "none.duckdb", read_only=True)
    assert isinstance(error, NotAWarehouse)
    assert "run smsonline sync first" in str(error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [True, False])
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, read_only: bool) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert isinstance(refusal(tmp_path / "file" / "w.duckdb", read_only=read_only), WarehouseUnwritable)
    assert isinstance(refusal(tmp_path), WarehouseUnwritable)


def test_writing_through_a_reader_is_refused(warehouse_path: Path) -> None:
    with open_warehouse(warehouse_path):
        pass
    with (
        pytest.raises(WarehouseUnwritable, match="opened for reading only"),
        open_warehouse(warehouse_path, read_only=True) as connection,
    ):
        connection.execute("CREATE TABLE t (i INTEGER)")


def test_wrong_sql_stays_duckdbs_own_error(warehouse_path: Path) -> None:
    with pytest.raises(duckdb.ParserException, match="selec"), open_warehouse(warehouse_path) as connection:
        connection.execute("selec 1")


class SlowClock:
    """Time passes by sleeping alone, without waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("warehouse.database.opening.time.monotonic", lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("read_only", [True, False])
def test_wait_is_reported_once_with_its_holder(
    warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, read_only: bool
) -> None:
    warehouse_path.parent.mkdir()
    with locked_by_another_process(warehouse_path) as holder:
        for wait_seconds, lines in ((0.5, 0), (8, 1)):
            caplog.clear()
            clock = SlowClock(monkeypatch)
            with (
                pytest.raises(WarehouseLocked),
                open_warehouse(warehouse_path, read_only=read_only, wait_seconds=wait_seconds, sleep=clock.sleep),
            ):
                pass
            assert len(caplog.messages) == lines
        assert re.fullmatch(rf"waiting for {warehouse_path}, in use by \S+ \(PID {holder.pid}\)", caplog.messages[0])
        assert caplog.records[0].name == "smsonline.warehouse"


def test_wait_for_another_thread_is_reported(
    warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("warehouse.database.opening.SHORT_WAIT_SECONDS", 0.001)
    with (
        open_warehouse(warehouse_path),
        pytest.raises(WarehouseLocked),
        open_warehouse(warehouse_path, wait_seconds=0.01),
    ):
        pass
    assert caplog.messages == [f"waiting for {warehouse_path}, in use by another part of this program"]


def test_copy_is_read_at_once_while_the_warehouse_is_locked(warehouse_path: Path) -> None:
    warehouse_path.parent.mkdir()
    copy = published_path(warehouse_path)
    for path, value in ((warehouse_path, 1), (copy, 2)):
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"CREATE TABLE t AS SELECT {value} AS i")
    with open_readable(warehouse_path) as (connection, source, why):
        assert (connection.execute("FROM t").fetchall(), source, why) == ([(1,)], warehouse_path, "")
    with locked_by_another_process(warehouse_path):
        with open_readable(warehouse_path) as (connection, source, why):
            assert (connection.execute("FROM t").fetchall(), source) == ([(2,)], copy)
            assert str(warehouse_path) in why
        copy.unlink()
        with pytest.raises(WarehouseLocked), open_readable(warehouse_path, wait_seconds=0):
            pass
