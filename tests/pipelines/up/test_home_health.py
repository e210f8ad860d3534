"""Which problems of a Dagster home are found, and what is set aside before a start."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from pipelines.up import home_health
from pipelines.up.home_health import DATABASES, RUN_LOGS, find_problem, set_aside_leftovers

PAGE = 4096


@pytest.fixture
def home(tmp_path):
    """A home with Dagster's databases."""
    for name in DATABASES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE entries (entry TEXT)")
            connection.executemany("INSERT INTO entries VALUES (hex(randomblob(?)))", [(2000,)] * 20)
            connection.commit()
    return tmp_path


@pytest.mark.parametrize("thorough", [False, True])
def test_a_healthy_home_has_no_problem_and_no_trace_of_the_check(home, thorough):
    before = sorted(home.rglob("*"))
    assert find_problem(home, thorough=thorough) is None
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("thorough", [False, True])
def test_a_home_that_dagster_never_used_has_no_problem(tmp_path, thorough):
    assert find_problem(tmp_path, thorough=thorough) is None


@pytest.mark.parametrize("name", DATABASES)
def test_another_header_is_damage_without_reading_the_database(home, name):
    (home / name).write_bytes(bytes((home / name).stat().st_size))
    problem = find_problem(home)
    assert problem.is_damage
    assert problem.line.startswith(f"{home / name} is damaged (it is no SQLite database): rename it")
    assert DATABASES[name] in problem.line


@pytest.mark.parametrize("name", DATABASES)
def test_a_damaged_page_is_found_by_the_thorough_check(home, name):
    content = bytearray((home / name).read_bytes())
    content[2 * PAGE : 3 * PAGE] = b"\xff" * PAGE
    (home / name).write_bytes(content)
    assert find_problem(home) is None
    problem = find_problem(home, thorough=True)
    assert problem.is_damage
    assert f"{home / name} is damaged (" in problem.line
    assert "\n" not in problem.line


def test_an_empty_database_is_damage_at_the_start_only(home):
    """Dagster makes an empty file before it writes to it."""
    path = home / next(iter(DATABASES))
    path.write_bytes(b"")
    assert find_problem(home) is None
    assert "it is empty" in find_problem(home, thorough=True).line


def test_what_cannot_be_opened_is_a_matter_of_permissions(home):
    path = home / next(iter(DATABASES))
    path.unlink()
    path.mkdir()
    problem = find_problem(home, thorough=True)
    assert problem.is_damage
    assert problem.line.startswith(f"{path} cannot be used (unable to open")
    assert problem.line.endswith("change its permissions")


def test_a_database_that_is_being_written_is_not_damaged(home, monkeypatch):
    monkeypatch.setattr(home_health, "LOCK_SECONDS", 0)
    with closing(sqlite3.connect(home / next(iter(DATABASES)))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert find_problem(home, thorough=True) is None


@pytest.mark.parametrize("user", [0, 1000])
def test_a_full_disk_passes(home, monkeypatch, user):
    """Blocks are kept for the administrator, who can still write then."""
    free = {"f_bfree": 0 if user == 0 else 10**9, "f_bavail": 10**9 if user == 0 else 0}
    monkeypatch.setattr(home_health.os, "geteuid", lambda: user)
    monkeypatch.setattr(home_health.os, "statvfs", lambda _: SimpleNamespace(f_frsize=PAGE, **free))
    problem = find_problem(home)
    assert not problem.is_damage
    assert problem.line == f"the disk of {home} is full (0.0 MB free): make room"


def test_a_home_that_cannot_be_written_passes(home):
    (home / home_health.PROBE).mkdir()
    problem = find_problem(home)
    assert not problem.is_damage
    assert problem.line.startswith(f"{home} cannot be written: ")


def test_the_journal_of_a_renamed_database_is_set_aside(home):
    name = next(iter(DATABASES))
    (home / name).rename(home / f"{name}.old")
    (home / f"{name}-wal").write_bytes(b"journal")
    assert set_aside_leftovers(home) == []
    assert not (home / f"{name}-wal").exists()
    assert (home / f"{name}-wal.orphaned").read_bytes() == b"journal"


def test_the_journal_of_a_database_stays(home):
    name = next(iter(DATABASES))
    (home / f"{name}-wal").write_bytes(b"journal")
    assert set_aside_leftovers(home) == []
    assert (home / f"{name}-wal").exists()


def test_the_damaged_log_of_one_run_is_set_aside_with_a_line(home):
    damaged, healthy = (home / RUN_LOGS / f"{name}.db" for name in ("damaged", "healthy"))
    damaged.write_bytes(bytes(PAGE))
    healthy.write_bytes((home / next(iter(DATABASES))).read_bytes())
    (line,) = set_aside_leftovers(home)
    assert f"{damaged}.damaged" in line
    assert (damaged.exists(), healthy.exists()) == (False, True)
    assert set_aside_leftovers(home) == []
