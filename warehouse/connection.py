"""Opens the DuckDB file late, for a short time, and always closes it.

One process writes at a time and excludes readers meanwhile (DuckDB's rule), so a busy file is waited for, within
bounds, and only then reported with the process that holds it.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.errors import NotAWarehouse, WarehouseError, WarehouseLocked, WarehouseUnwritable
from warehouse.instance import Instance, Opener, Reader
from warehouse.turns import turn

LOCK_WAIT_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0
HEADER_BYTES = 3 * 4096
# By another process; or by somebody in this one who did not come through here.
LOCKED = ("Could not set lock", "Unique file handle conflict")
NOT_DUCKDB = "not a valid DuckDB database file"
# How DuckDB tells of a disk that is full or a folder that may not be written, whatever class of error it picks.
FAILED_WRITES = ("Could not write file", "Could not remove file", "Failed to create checkpoint", "has been invalidated")
# What stands behind it, and what helps.
CAUSES = {
    "No space left": "make room, or move the warehouse with SMSONLINE_WAREHOUSE",
    "File too large": "raise the limit on file sizes (ulimit -f), or move the warehouse with SMSONLINE_WAREHOUSE",
    "Permission denied": "let this user write there, or move the warehouse with SMSONLINE_WAREHOUSE",
    "Read-only file system": "move the warehouse with SMSONLINE_WAREHOUSE",
    "Is a directory": "SMSONLINE_WAREHOUSE must name a file",
}
# About twenty loads that changed nothing: their books stay in the write-ahead log beside the file.
LONGEST_LOG_BYTES = 16_384
SQLITE = b"SQLite format 3\0"
# DuckDB calls a database after its file, up to the first dot. One called like a schema makes every `sms.countries`
# ambiguous, and publishing needs `copy` for itself. Its own names it changes, but only in small letters.
RENAMED = frozenset({"main", "temp", "system"})
TAKEN = RENAMED | {"sms", "marts", "ops", "raw", "store", "topups", "copy", "information_schema", "pg_catalog"}
INTERRUPTED = "Query interrupted"


@contextmanager
def opened(
    path: Path,
    *,
    read_only: bool = False,
    wait_seconds: float = LOCK_WAIT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    instance: Instance | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the file at ``path``, closed on every way out.

    With an ``instance`` what was started to write the file runs on, unless there is an error. Raises
    ``WarehouseLocked`` after ``wait_seconds``, ``NotAWarehouse`` or ``WarehouseUnwritable`` at once.
    """
    _refuse_name(path)
    with turn(path, alone=not read_only, wait_seconds=wait_seconds) as first:
        if first and _is_sqlite(path):
            raise NotAWarehouse(_other_format(path))
        if read_only:
            yield from _session(path, Reader(), wait_seconds, sleep)
        else:
            _make_folder(path)
            yield from _session(path, instance or Instance(), wait_seconds, sleep, keep=instance is not None)


def _session(
    path: Path, opener: Opener, wait_seconds: float, sleep: Callable[[float], None], *, keep: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = _connect(path, opener, wait_seconds, sleep)
    stop = True
    try:
        yield connection
        if not isinstance(opener, Reader):
            _checkpoint(connection, path)
        stop = not keep
    except duckdb.Error as error:
        raise _translated(error, path) from error
    except RuntimeError as error:
        if INTERRUPTED in str(error):  # DuckDB's word for Ctrl-C
            raise KeyboardInterrupt from error
        raise
    finally:
        opener.close(connection, stop=stop)


@contextmanager
def unoptimised(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """For hundreds of small statements: DuckDB's optimiser costs a third of each and has nothing to gain there."""
    connection.execute("PRAGMA disable_optimizer")
    try:
        yield
    finally:
        connection.execute("PRAGMA enable_optimizer")


def _checkpoint(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Writes the log into the file, unless it is so short that rewriting tables costs more than reading it again."""
    log = path.with_name(f"{path.name}.wal")
    if log.exists() and log.stat().st_size > LONGEST_LOG_BYTES:
        connection.execute("CHECKPOINT")


def _connect(
    path: Path, opener: Opener, wait_seconds: float, sleep: Callable[[float], None]
) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + wait_seconds
    pause = FIRST_PAUSE_SECONDS
    cleared = False
    while True:
        try:
            return opener.open(path)
        except duckdb.Error as error:
            if not (isinstance(opener, Reader) or _is_lock(error) or cleared) and _is_stillborn(path):
                path.unlink()
                cleared = True  # once: the disk may be full still
                continue
            if not _is_lock(error) or time.monotonic() + pause > deadline:
                raise _translated(error, path) from error
        sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _refuse_name(path: Path) -> None:
    name = path.name.lstrip(".").split(".")[0]
    if name.lower() in TAKEN and name not in RENAMED:
        raise NotAWarehouse(
            f"{path} cannot be called {name}, which names a part of it: set SMSONLINE_WAREHOUSE to another"
        )


def _is_stillborn(path: Path) -> bool:
    """Whether a disk was full before DuckDB had written its headers. Nobody makes the file now: its lock was ours."""
    if not path.is_file() or path.stat().st_size >= HEADER_BYTES:
        return False
    content = path.read_bytes()
    return not content or content[8:12] == b"DUCK"


def _is_sqlite(path: Path) -> bool:
    """DuckDB would look for an extension on the network to read one."""
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError:  # told by DuckDB in its own way
        return False


def _other_format(path: Path) -> str:
    return f"{path} is not a DuckDB file that this version reads: set SMSONLINE_WAREHOUSE to another"


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseUnwritable(f"cannot make the folder {path.parent}: {error.strerror}") from error


def _is_lock(error: duckdb.Error) -> bool:
    return any(sign in str(error) for sign in LOCKED)


def _translated(error: duckdb.Error, path: Path) -> WarehouseError | duckdb.Error:
    """The typed error for what DuckDB says in words; a query's own error (wrong SQL) stays as it is."""
    text = str(error)
    if _is_lock(error):
        holder = re.search(r"held in (.+? \(PID \d+\))", text)
        who = f" by {holder[1]}" if holder else ""
        return WarehouseLocked(f"{path} is held{who}: wait for that process or end it, then try again")
    if NOT_DUCKDB in text or "we can only read" in text:
        return NotAWarehouse(_other_format(path))
    if "does not exist" in text and isinstance(error, duckdb.IOException):
        return NotAWarehouse(f"{path} does not exist yet: run smsonline sync first")
    if isinstance(error, duckdb.IOException) or any(sign in text for sign in FAILED_WRITES):
        cause = next((f"{cause}; {advice}" for cause, advice in CAUSES.items() if cause in text), None)
        return WarehouseUnwritable(f"{path} cannot be used: {cause or text.splitlines()[0]}")
    if "read-only mode" in text:
        return WarehouseUnwritable(f"{path} was opened for reading only")
    return error
