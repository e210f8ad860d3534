"""Odd folders, full disks, Ctrl-C and odd names: one clear line, and nothing that anybody would miss."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.report.data import ReportData
from pipelines.report.formatting import short_count, unit_price
from pipelines.report.sections.best_value import best_value
from pipelines.report.sections.vendor_claims import vendor_claims
from tests.warehouse.mart_store import NOON, TABLES
from warehouse.connection import opened
from warehouse.migrate import migrate, shape
from warehouse.publish import publish

PRESSED = """
import os, signal, sys, threading
from pipelines.cli import query
from pipelines.cli.app import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may have it ignored
threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT)).start()
main()
"""
ENDLESS = "SELECT count(*) FROM range(100000) a, range(100000000) b WHERE (a.range * b.range) % 7 = 1"
FULL = Path("/dev/full")
PROGRAM = [sys.executable, "-c", "from pipelines.cli.app import main; main()"]


@pytest.fixture
def made(home: Path) -> Path:
    """A working folder with a warehouse that has every table and no row, and its copy."""
    with opened(home / "data/warehouse.duckdb") as connection:
        migrate(connection)
        shape(connection, TABLES)
    publish(home / "data/warehouse.duckdb", TABLES)
    return home


def test_the_name_of_the_copy_is_no_name_for_a_warehouse(home, vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "data/analytics.duckdb")
    for arguments in (("sync", "countries"), ("status",), ("query", "SELECT 1"), ("report",), ("export", "out")):
        done = command(*arguments)
        assert (done.code, done.out) == (2, "")
        assert done.err == "error: SMSONLINE_WAREHOUSE: analytics.duckdb is what the analysts' copy is called\n"
    assert not (home / "data").exists()


def test_an_empty_name_for_the_warehouse_is_one_line(home, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "")
    assert command("status").err == "error: SMSONLINE_WAREHOUSE: it must name a file\n"


def test_a_warehouse_called_like_a_schema_is_one_line_in_every_command(home, vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "data/sms.duckdb")
    (home / "data").mkdir()
    (home / "data/sms.duckdb").touch()
    for arguments in (("sync", "countries"), ("status",), ("query", "SELECT 1"), ("report",), ("prune",), ("replay",)):
        done = command(*arguments)
        assert done.code == 2, arguments
        assert done.error_lines == [
            "error: data/sms.duckdb cannot be called sms, which names a part of it: set SMSONLINE_WAREHOUSE to another"
        ]


def test_a_folder_that_nobody_may_enter_is_one_line_in_every_command(home, vendor, command, monkeypatch):
    def closed(self: Path, **_: object) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", closed)
    monkeypatch.setenv("SMSONLINE_CONFIG", "")
    monkeypatch.setattr("pipelines.settings._from_file", dict)
    for arguments in (("status",), ("status", "--json"), ("query", "SELECT 1"), ("report",), ("export", "out")):
        done = command(*arguments)
        assert done.code == 2, arguments
        assert len(done.error_lines) == 1
        assert done.error_lines[0].endswith(".duckdb cannot be used: Permission denied")
        assert done.out == "" or "error" in done.document


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [["query", "SELECT 1"], ["query", "SELECT 1", "--format", "csv"], ["status"]])
def test_a_full_disk_behind_the_output_is_one_line(made, arguments):
    with FULL.open("w") as full:
        done = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if not line.startswith(("note", "nothing"))] == [
        "error: the output cannot be used: No space left on device"
    ]


@pytest.mark.parametrize("format", ["table", "csv"])
def test_ctrl_c_ends_a_long_query_with_one_line(made, format):
    # In a process of its own: DuckDB's threads go on with an endless query for as long as theirs lives.
    pressed = subprocess.run(
        [sys.executable, "-c", PRESSED, "query", ENDLESS, "--format", format],
        cwd=made,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = (pressed.returncode, pressed.stdout, pressed.stderr)
    assert told == (130, "", "error: interrupted; what was loaded before stays\n")


def test_an_answer_takes_the_place_of_no_database_and_lands_in_no_folder(made, command):
    before = (made / "data/warehouse.duckdb").read_bytes()
    (made / "ledger.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    for out in ("data/warehouse.duckdb", "data/analytics.duckdb", "ledger.db", "data", "", "."):
        done = command("query", "SELECT 1", "--out", out)
        assert (done.code, len(done.error_lines)) == (2, 1), out
    assert (made / "data/warehouse.duckdb").read_bytes() == before
    assert sorted(path.name for path in made.iterdir()) == ["data", "ledger.db"]


def test_a_name_with_an_escape_sequence_does_not_steer_the_terminal(made, command):
    done = command("query", "SELECT 'a' || chr(27) || '[31mred' || chr(155) || chr(7) AS \"x\x1b[2J\"")
    assert done.code == 0
    assert "a\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}" in done.out
    assert not set(done.out) & {"\x1b", "\x9b", "\x07"}


def test_the_number_of_rows_stays_on_one_line_however_narrow_the_table(made, command):
    assert command("query", "SELECT 1").out.splitlines()[0].rstrip() == "1 rows"


def test_a_price_is_never_a_hundred_cents():
    assert [unit_price(cents) for cents in (99.94, 99.96, 100.0)] == ["99.9 ¢", "$1.00", "$1.00"]


def test_a_section_that_needs_two_datasets_names_the_one_that_is_missing():
    loads = [{"dataset": name, "first_at": NOON, "last_at": NOON} for name in ("services", "inventory")]
    facts = ReportData(NOON, {"loads": loads})
    for section in (best_value(facts), vendor_claims(facts)):
        assert section.empty == "No statistics have been loaded yet."
        assert section.command == "smsonline sync statistics"


def test_a_short_count_is_never_in_powers_of_ten():
    told = [short_count(number) for number in (999, 999_499, 999_500, 999_999, 999_950_000, 1_234)]
    assert told == ["999", "999k", "1m", "1m", "1bn", "1.23k"]


def test_a_table_of_very_many_rows_is_there_at_once_and_looks_the_same(made, command, monkeypatch):
    sql = "SELECT i * i AS square, 'Å 中 ' || i AS \"name\", NULL AS none FROM range(40) t(i)"
    by_rich = command("query", sql).out
    monkeypatch.setattr("pipelines.cli.console.MANY_ROWS", 39)
    assert [line.rstrip() for line in command("query", sql).out.splitlines()] == [
        line.rstrip() for line in by_rich.rstrip().splitlines()
    ]
    monkeypatch.setattr("pipelines.cli.console.MANY_ROWS", 1000)
    began = time.process_time()
    done = command("query", "SELECT i, i AS b, i AS c, 'x' AS d FROM range(50_000) t(i)")
    assert (done.code, len(done.out.splitlines())) == (0, 50_004)
    assert time.process_time() - began < 15  # rich: over a minute
