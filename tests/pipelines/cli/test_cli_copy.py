"""The analysts' copy as the command line's user sees it."""

import shutil

import duckdb
import pytest

ROWS = "SELECT count(*) FROM sms.countries"


def copied_rows(home) -> int:
    with duckdb.connect(str(home / "data/analytics.duckdb"), read_only=True) as copy:
        return copy.execute(ROWS).fetchall()[0][0]


def test_sync_that_could_not_publish_fails(vendor, command, home, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.publishing.publish.flush", full)
        result = command("sync", "countries", "--json")
    assert result.code == 1
    assert result.error_lines == ["error: data/analytics.duckdb cannot be written: No space left on device"]
    assert [entry["status"] for entry in result.document["datasets"]] == ["ok"]
    assert not (home / "data/analytics.duckdb").exists()
    assert command("sync", "countries").code == 0
    assert copied_rows(home) > 0


@pytest.mark.parametrize("arguments", [["query", ROWS], ["export", "out"]], ids=lambda arguments: arguments[0])
@pytest.mark.parametrize("content", [b"", b"no database " * 1000, None], ids=["emptied", "text", "a folder"])
def test_damaged_copy_is_one_line_and_sync_heals_it(vendor, command, home, arguments, content):
    command("sync", "countries")
    copy = home / "data/analytics.duckdb"
    copy.unlink()
    copy.mkdir() if content is None else copy.write_bytes(content)
    result = command(*arguments)
    assert (result.code, result.out) == (1, "")
    line = "error: the analysts' copy data/analytics.duckdb is damaged: run smsonline sync, which makes it anew"
    assert result.error_lines == [line]
    assert command("sync", "countries").code == 0
    assert copied_rows(home) > 0
    assert command(*arguments).code == 0


def test_damaged_block_is_one_line_and_sync_heals_it(vendor, command, home):
    command("sync")
    copy = home / "data/analytics.duckdb"
    healthy = copy.read_bytes()
    copy.write_bytes(healthy[: 3 * 4096] + bytes(len(healthy) - 3 * 4096))
    result = command("query", "FROM sms.statistics_history")
    assert (result.code, len(result.error_lines)) == (1, 1)
    assert "run smsonline sync" in result.error_lines[0]
    assert command("sync").code == 0
    with duckdb.connect(str(copy), read_only=True) as reader:
        assert reader.execute("SELECT count(*) FROM sms.statistics").fetchall() != [(0,)]


def test_demo_and_own_account_have_nothing_in_common(vendor, command, home):
    command("demo")
    assert command("sync").code == 0
    with duckdb.connect() as both:
        both.execute("ATTACH 'data/analytics.duckdb' AS own (READ_ONLY)")
        both.execute("ATTACH 'data/demo/analytics.duckdb' AS demo (READ_ONLY)")
        ids = both.execute(
            "SELECT warehouse_id FROM own.ops.warehouse UNION SELECT warehouse_id FROM demo.ops.warehouse"
        )
        assert len(ids.fetchall()) == 2
        loads = both.execute("SELECT count(*) FROM own.ops.loads JOIN demo.ops.loads USING (load_id)").fetchall()
        assert loads == [(0,)]


def test_file_of_other_times_than_its_log_is_one_line(vendor, command, home):
    warehouse = home / "data/warehouse.duckdb"
    command("sync", "countries")
    shutil.copy(warehouse, home / "backup")
    command("sync")
    command("sync", "balances")
    assert warehouse.with_name("warehouse.duckdb.wal").exists()
    shutil.copy(home / "backup", warehouse)
    for arguments in (["sync"], ["status"], ["query", "FROM raw.requests"], ["prune"]):
        result = command(*arguments)
        assert result.code in (1, 2), arguments
        assert len(result.error_lines) == 1
        assert "put back both from one backup, or move warehouse.duckdb.wal away" in result.error_lines[0]
    warehouse.with_name("warehouse.duckdb.wal").unlink()
    assert command("sync", "countries").code == 0
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert copied_rows(home) == connection.execute(ROWS).fetchall()[0][0]
