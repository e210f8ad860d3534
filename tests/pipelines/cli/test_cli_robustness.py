"""Wrong paths, full disks, Ctrl-C and control characters: one line each, and no damage."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from assets.datasets import DATASETS
from warehouse.database.opening import open_warehouse
from warehouse.publishing.publish import publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

INTERRUPTED_SCRIPT = """
import os, signal, sys, threading
from pipelines.cli import query
from pipelines.cli.app import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process may ignore it
threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT)).start()
main()
"""
ENDLESS = "SELECT count(*) FROM range(100000) a, range(100000000) b WHERE (a.range * b.range) % 7 = 1"
TABLES = [dataset.table for dataset in DATASETS.values()]
FULL = Path("/dev/full")
PROGRAM = [sys.executable, "-c", "from pipelines.cli.app import main; main()"]


@pytest.fixture
def empty_warehouse(home: Path) -> Path:
    """A working folder with a warehouse that has every table and no row, and its copy."""
    with open_warehouse(home / "data/warehouse.duckdb") as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
    publish(home / "data/warehouse.duckdb", TABLES)
    return home


def test_warehouse_cannot_be_named_like_the_copy(home, vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "data/analytics.duckdb")
    for arguments in (("sync", "countries"), ("status",), ("query", "SELECT 1"), ("report",), ("export", "out")):
        result = command(*arguments)
        assert (result.code, result.out) == (2, "")
        assert result.err == "error: SMSONLINE_WAREHOUSE: analytics.duckdb is what the analysts' copy is called\n"
    assert not (home / "data").exists()


def test_warehouse_without_a_name_is_one_line(home, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", ".")
    assert command("status").err == "error: SMSONLINE_WAREHOUSE: it must name a file\n"


def test_warehouse_named_like_a_schema_is_one_line(home, vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "data/sms.duckdb")
    (home / "data").mkdir()
    (home / "data/sms.duckdb").touch()
    for arguments in (("sync", "countries"), ("status",), ("query", "SELECT 1"), ("report",), ("prune",), ("replay",)):
        result = command(*arguments)
        assert result.code == 2, arguments
        assert result.error_lines == [
            "error: data/sms.duckdb cannot be called sms, which names a part of it: set SMSONLINE_WAREHOUSE to another"
        ]


def test_inaccessible_folder_is_one_line_in_every_command(home, vendor, command, monkeypatch):
    def closed(self: Path, **_: object) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", closed)
    monkeypatch.setenv("SMSONLINE_CONFIG", "")
    monkeypatch.setattr("pipelines.settings.read_config_file", dict)
    for arguments in (("status",), ("status", "--json"), ("query", "SELECT 1"), ("report",), ("export", "out")):
        result = command(*arguments)
        assert result.code == 2, arguments
        assert len(result.error_lines) == 1
        assert result.error_lines[0].endswith(".duckdb cannot be used: Permission denied")
        assert result.out == "" or "error" in result.document


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [["query", "SELECT 1"], ["query", "SELECT 1", "--format", "csv"], ["status"]])
def test_full_disk_behind_stdout_is_one_line(empty_warehouse, arguments):
    with FULL.open("w") as full:
        result = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert [line for line in result.stderr.splitlines() if not line.startswith(("note", "nothing"))] == [
        "error: the output cannot be used: No space left on device"
    ]


@pytest.mark.parametrize("format", ["table", "csv"])
def test_ctrl_c_ends_a_long_query_with_one_line(empty_warehouse, format):
    # In a process of its own: DuckDB's threads continue an endless query until their process ends.
    interrupted = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_SCRIPT, "query", ENDLESS, "--format", format],
        cwd=empty_warehouse,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    output = (interrupted.returncode, interrupted.stdout, interrupted.stderr)
    assert output == (130, "", "error: interrupted; what was loaded before stays\n")


def test_query_output_replaces_no_database_and_no_folder(empty_warehouse, command):
    before = (empty_warehouse / "data/warehouse.duckdb").read_bytes()
    (empty_warehouse / "ledger.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    for out in ("data/warehouse.duckdb", "data/analytics.duckdb", "ledger.db", "data", "", "."):
        result = command("query", "SELECT 1", "--out", out)
        assert (result.code, len(result.error_lines)) == (2, 1), out
    assert (empty_warehouse / "data/warehouse.duckdb").read_bytes() == before
    assert sorted(path.name for path in empty_warehouse.iterdir()) == ["data", "ledger.db"]


def test_escape_sequences_do_not_reach_the_terminal(empty_warehouse, command):
    result = command("query", "SELECT 'a' || chr(27) || '[31mred' || chr(155) || chr(7) AS \"x\x1b[2J\"")
    assert result.code == 0
    assert "a\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}" in result.out
    assert not set(result.out) & {"\x1b", "\x9b", "\x07"}


def test_row_count_is_not_folded_with_a_narrow_table(empty_warehouse, command):
    assert command("query", "SELECT 1").out.splitlines()[0].rstrip() == "1 rows"


def test_long_table_is_fast_and_looks_the_same(empty_warehouse, command, monkeypatch):
    sql = "SELECT i * i AS square, 'Å 中 ' || i AS \"name\", NULL AS none FROM range(40) t(i)"
    by_rich = command("query", sql).out
    monkeypatch.setattr("pipelines.cli.console.MAX_RICH_ROWS", 39)
    assert [line.rstrip() for line in command("query", sql).out.splitlines()] == [
        line.rstrip() for line in by_rich.rstrip().splitlines()
    ]
    monkeypatch.setattr("pipelines.cli.console.MAX_RICH_ROWS", 1000)
    began = time.process_time()
    result = command("query", "SELECT i, i AS b, i AS c, 'x' AS d FROM range(50_000) t(i)")
    assert (result.code, len(result.out.splitlines())) == (0, 50_004)
    assert time.process_time() - began < 15  # rich: over a minute
