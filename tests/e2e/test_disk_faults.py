"""A full disk and read-only files: one clear line, the old state intact, and the next normal sync makes up for it."""

import json
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.datasets import DATASETS


def on_a_small_disk(site: Any, size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The system answers "File too large" at the same places as "No space left on device"."""
    completed: subprocess.CompletedProcess[str] = site.command(*arguments, file_bytes=size).run()
    return completed


def without_privilege(site: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """By a process that first gave up the right to files of others."""
    completed: subprocess.CompletedProcess[str] = site.command(*arguments, humble=True).run()
    return completed


def state(file: Path, at: datetime) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every dataset as of an instant."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return {
            name: connection.execute(
                f"SELECT {', '.join(dataset.table.column_names)} FROM sms.{name}_as_of(?) ORDER BY ALL", [at]
            ).fetchall()
            for name, dataset in DATASETS.items()
        }


def assert_one_clear_line(completed: subprocess.CompletedProcess[str], *causes: str) -> None:
    assert completed.returncode in (1, 2), completed.stderr
    lines = completed.stderr.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    # The warehouse and the analysts' copy may each have theirs.
    assert 1 <= len(set(errors)) == len(errors) <= 2, completed.stderr
    for line in errors:
        assert any(cause in line for cause in causes), line
    # Otherwise only retries, and where to read more: a note and the command.
    for line in set(lines) - set(errors):
        assert line.startswith(("warning: attempt ", "note: ", "  smsonline query ")), line


@pytest.fixture(scope="module")
def filled(site, tmp_path_factory):
    """A working folder after a sync, to copy."""
    home = tmp_path_factory.mktemp("filled")
    replace(site, home=home).sync()
    return home


@pytest.fixture
def new_site(site, tmp_path):
    return replace(site, home=tmp_path)


@pytest.fixture
def old_site(new_site, filled):
    """A site that was synced, and has news waiting at the vendor."""
    shutil.copytree(filled / "data", new_site.home / "data")
    new_site.sandbox.advance(2 * 3600)
    return new_site


@pytest.mark.parametrize("size", [0, 4_096, 20_000, 600_000])
def test_full_disk_at_the_first_sync_is_one_error_line(new_site, size):
    assert_one_clear_line(on_a_small_disk(new_site, size, "sync", "statistics"), "File too large")
    new_site.sync()
    new_site.assert_equals_the_vendor()


@pytest.mark.parametrize(
    ("room", "arguments"),
    [
        ("none", "sync statistics inventory --json"),
        ("a little", "sync statistics inventory"),
        ("for the tables but not for the copy", "sync statistics inventory"),
        ("a little", "replay statistics countries"),
    ],
)
def test_full_disk_leaves_the_old_state_and_copy(old_site, room, arguments):
    now, copy = datetime.now(UTC), old_site.warehouse.with_name("analytics.duckdb")
    before = state(old_site.warehouse, now)
    more = old_site.warehouse.stat().st_size + 300_000
    size = {"none": 0, "a little": 60_000, "for the tables but not for the copy": more}[room]
    completed = on_a_small_disk(old_site, size, *arguments.split())
    assert_one_clear_line(completed, "File too large")
    if "--json" in arguments:
        json.loads(completed.stdout)
    assert state(old_site.warehouse, now) == state(copy, now) == before
    names = {file.name.removesuffix(".wal") for file in copy.parent.iterdir()}
    assert names <= {"warehouse.duckdb", "analytics.duckdb", "smsonline.log"}
    old_site.sync()
    assert state(old_site.warehouse, now) == before
    old_site.assert_equals_the_vendor()


@contextmanager
def read_only(*paths: Path) -> Iterator[None]:
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.mark.parametrize(
    ("stored_file", "writer", "table"),
    [
        ("data/warehouse.duckdb", "sync statistics", "store.statistics"),
        ("data/warehouse.duckdb", "prune", "ops.loads"),
        ("data", "sync statistics --json", "sms.statistics"),
    ],
)
def test_read_only_warehouse_can_be_read(old_site, stored_file, writer, table):
    now = datetime.now(UTC)
    before = state(old_site.warehouse, now)
    with read_only(old_site.home / stored_file):
        assert_one_clear_line(without_privilege(old_site, *writer.split()), "Permission denied")
        completed = without_privilege(old_site, "query", f"FROM {table}", "--format", "csv")
    assert (completed.returncode, completed.stderr) == (0, "")
    assert len(completed.stdout.splitlines()) > 5
    old_site.sync("statistics", "countries")
    assert state(old_site.warehouse, now) == before


def test_a_folder_that_cannot_be_made_is_one_line(new_site):
    with read_only(new_site.home):
        assert_one_clear_line(without_privilege(new_site, "sync"), "cannot make the folder data")
    new_site.sync("countries")


def test_a_read_only_copy_for_analysts_is_replaced(old_site):
    with read_only(old_site.warehouse.with_name("analytics.duckdb")):
        completed = without_privilege(old_site, "sync", "statistics")
    assert (completed.returncode, completed.stderr) == (0, "")
    rows = "SELECT * EXCLUDE (last_seen_at) FROM sms.statistics_history ORDER BY ALL"
    assert old_site.query(rows, old_site.warehouse.with_name("analytics.duckdb")) == old_site.query(rows)


def test_a_log_that_cannot_be_written_changes_nothing_else(old_site):
    log = old_site.home / "data/smsonline.log"
    log.write_text("old\n")
    old_site.sandbox.faults.add("popular", "http_500", times=20)
    try:
        with read_only(log):
            completed = without_privilege(old_site, "sync", "popular")
    finally:
        old_site.sandbox.faults.clear()
    assert_one_clear_line(completed, "popular")
    assert log.read_text() == "old\n"
