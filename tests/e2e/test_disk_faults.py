"""A full disk and read-only files: one clear line, the old state intact, and the next normal sync makes up for it."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.datasets import DATASETS

COMMAND = "import sys; from pipelines.cli.app import app; app(sys.argv[1:])"
# No file may grow beyond a size: the system answers "File too large" at the same places as "No space left on device".
SMALL_DISK = (
    "import os, resource, sys; size = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))"
)
# Root writes to read-only files by a privilege (CAP_DAC_OVERRIDE) that it can do without.
NO_PRIVILEGE = "import ctypes, os, sys; os.geteuid() or ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)"
BECOME = "; os.execv(sys.executable, [sys.executable, '-c', sys.argv[2], *sys.argv[3:]])"


def command(site: Any, prelude: str, value: object, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command in a process that first gave up the right to large files, or to files of others."""
    line = [sys.executable, "-c", prelude + BECOME, str(value), COMMAND, *arguments]
    return subprocess.run(
        line, cwd=site.home, env=site.environment, capture_output=True, text=True, timeout=120, check=False
    )


def state(file: Path, at: datetime) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every dataset as of an instant."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return {
            name: connection.execute(
                f"SELECT {', '.join(dataset.table.business)} FROM sms.{name}_as_of(?) ORDER BY ALL", [at]
            ).fetchall()
            for name, dataset in DATASETS.items()
        }


def assert_one_clear_line(done: subprocess.CompletedProcess[str], *causes: str) -> None:
    assert done.returncode in (1, 2), done.stderr
    lines = done.stderr.splitlines()
    # The warehouse and the analysts' copy may each have theirs.
    assert 1 <= len(set(lines)) == len(lines) <= 2, done.stderr
    for line in lines:
        assert line.startswith("error: ")
        assert any(cause in line for cause in causes), line


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
def test_a_disk_that_is_full_at_the_first_sync_is_one_line_and_made_up_for_later(new_site, size):
    assert_one_clear_line(command(new_site, SMALL_DISK, size, "sync", "statistics"), "File too large")
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
def test_a_disk_that_fills_up_leaves_the_old_state_and_the_analysts_copy(old_site, room, arguments):
    now, copy = datetime.now(UTC), old_site.warehouse.with_name("analytics.duckdb")
    before = state(old_site.warehouse, now)
    more = old_site.warehouse.stat().st_size + 300_000
    size = {"none": 0, "a little": 60_000, "for the tables but not for the copy": more}[room]
    done = command(old_site, SMALL_DISK, size, *arguments.split())
    assert_one_clear_line(done, "File too large")
    if "--json" in arguments:
        json.loads(done.stdout)
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
    ("place", "writer", "table"),
    [
        ("data/warehouse.duckdb", "sync statistics", "store.statistics"),
        ("data/warehouse.duckdb", "prune", "ops.loads"),
        ("data", "sync statistics --json", "sms.statistics"),
    ],
)
def test_a_read_only_warehouse_is_one_line_and_can_still_be_read(old_site, place, writer, table):
    now = datetime.now(UTC)
    before = state(old_site.warehouse, now)
    with read_only(old_site.home / place):
        assert_one_clear_line(command(old_site, NO_PRIVILEGE, "", *writer.split()), "Permission denied")
        done = command(old_site, NO_PRIVILEGE, "", "query", f"FROM {table}", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 5
    old_site.sync("statistics", "countries")
    assert state(old_site.warehouse, now) == before


def test_a_folder_that_cannot_be_made_is_one_line(new_site):
    with read_only(new_site.home):
        assert_one_clear_line(command(new_site, NO_PRIVILEGE, "", "sync"), "cannot make the folder data")
    new_site.sync("countries")


def test_a_read_only_copy_for_analysts_is_replaced(old_site):
    with read_only(old_site.warehouse.with_name("analytics.duckdb")):
        done = command(old_site, NO_PRIVILEGE, "", "sync", "statistics")
    assert (done.returncode, done.stderr) == (0, "")
    rows = "SELECT * EXCLUDE (last_seen_at) FROM sms.statistics_history ORDER BY ALL"
    assert old_site.query(rows, old_site.warehouse.with_name("analytics.duckdb")) == old_site.query(rows)


def test_a_log_that_cannot_be_written_changes_nothing_else(old_site):
    log = old_site.home / "data/smsonline.log"
    log.write_text("old\n")
    old_site.sandbox.faults.add("popular", "http_500", times=20)
    try:
        with read_only(log):
            done = command(old_site, NO_PRIVILEGE, "", "sync", "popular")
    finally:
        old_site.sandbox.faults.clear()
    assert_one_clear_line(done, "popular")
    assert log.read_text() == "old\n"
