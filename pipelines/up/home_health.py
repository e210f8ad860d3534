"""Whether the Dagster home can be used: its databases, and room on its disk.

Dagster itself fails on a damaged or unwritable database with a traceback per attempt, several times a second.
"""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

MAGIC = b"SQLite format 3\0"
# The databases of Dagster on one machine, and what is lost without each.
DATABASES = {
    "history/runs.db": "the list of past runs",
    "history/runs/index.db": "the history of assets and checks",
    "schedules/schedules.db": "the history of ticks, and which schedules and sensors you switched on or off",
}
RUN_LOGS = "history/runs"
NOT_ALLOWED = ("readonly", "unable to open", "Permission denied")
PROBE = "probe.tmp"
PROBE_BYTES = 65_536
MIN_FREE_BYTES = 4 * 2**20
# How long the thorough check waits for a process that writes.
LOCK_SECONDS = 1.0


class HomeProblem(NamedTuple):
    """One line for the user. ``is_damage``: only a person can help; else it passes when there is room again."""

    line: str
    is_damage: bool


def find_problem(home: Path, *, thorough: bool = False) -> HomeProblem | None:
    """The first problem of ``home``. The thorough check reads whole databases, so that of a process in use is brief."""
    if problem := _unwritable(home):
        return problem
    for name, lost in DATABASES.items():
        path = home / name
        if path.exists() and (reason := _damage(path) if thorough else _wrong_header(path)):
            if any(text in reason for text in NOT_ALLOWED):
                return HomeProblem(f"{path} cannot be used ({reason}): change its permissions", is_damage=True)
            line = f"{path} is damaged ({reason}): rename it, then start again. Dagster begins a new one without {lost}"
            return HomeProblem(f"{line}; warehouse and ledger are not part of it", is_damage=True)
    return None


def set_aside_leftovers(home: Path) -> list[str]:
    """Renames what would spoil a healthy home: damaged logs of single runs, and journals whose database is missing.

    Returns a line for each log; a journal is part of a database that was renamed.
    """
    for name in DATABASES:
        for journal in (home / f"{name}-wal", home / f"{name}-shm"):
            if journal.exists() and not (home / name).exists():
                journal.replace(f"{journal}.orphaned")
    lines = []
    for path in (home / RUN_LOGS).glob("*.db"):
        if f"{RUN_LOGS}/{path.name}" not in DATABASES and (reason := _wrong_header(path)):
            aside = path.with_name(f"{path.name}.damaged")
            for journal in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
                journal.unlink(missing_ok=True)
            path.replace(aside)
            lines.append(f"the log of one run was damaged ({reason}) and is now {aside}")
    return lines


def _unwritable(home: Path) -> HomeProblem | None:
    probe = home / PROBE
    try:
        volume = os.statvfs(home)
        free = (volume.f_bavail if os.geteuid() else volume.f_bfree) * volume.f_frsize
        if free < MIN_FREE_BYTES:
            return HomeProblem(f"the disk of {home} is full ({free / 1e6:.1f} MB free): make room", is_damage=False)
        probe.write_bytes(bytes(PROBE_BYTES))
    except OSError as error:
        return HomeProblem(f"{home} cannot be written: {error.strerror}", is_damage=False)
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return None


def _wrong_header(path: Path) -> str | None:
    """An empty file is none: Dagster makes one before it writes to it."""
    try:
        with path.open("rb") as file:
            header = file.read(len(MAGIC))
    except OSError as error:
        return error.strerror
    return None if header in (b"", MAGIC) else "it is no SQLite database"


def _damage(path: Path) -> str | None:
    try:
        if not path.stat().st_size:
            return "it is empty"
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=LOCK_SECONDS)
        ) as connection:
            result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
        return None if result == "ok" else " ".join(str(result).split())
    except OSError as error:
        return error.strerror
    except sqlite3.OperationalError as error:
        return None if "locked" in str(error) else str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
