"""Opens the DuckDB file late, for a short time, and always closes it.

One process writes at a time and excludes readers meanwhile (DuckDB's rule), so a locked file is waited for, within
bounds, and only then reported with the process that holds the lock.
"""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.database.file_lock import file_lock
from warehouse.database.writer import Writer, close_quietly
from warehouse.errors import NotAWarehouse, WarehouseError, WarehouseLocked, WarehouseUnwritable

PUBLISHED_NAME = "analytics.duckdb"
LOCK_WAIT_SECONDS = 60.0
MIN_PAUSE_SECONDS = 0.02
MAX_PAUSE_SECONDS = 1.0
HEADER_BYTES = 3 * 4096
# About twenty loads that changed nothing: their rows in the load log stay in the write-ahead log beside the file.
MAX_WAL_BYTES = 16_384
SQLITE_MAGIC = b"SQLite format 3\0"
# Locked by another process; or opened in this one without ``open_warehouse``.
LOCKED = ("Could not set lock", "Unique file handle conflict")
NOT_DUCKDB = "not a valid DuckDB database file"
# What DuckDB reports for a full disk or a read-only folder, whatever class the error has.
FAILED_WRITES = ("Could not write file", "Could not remove file", "Failed to create checkpoint", "has been invalidated")
# The cause as the operating system names it, and what to do.
REMEDIES = {
    "No space left": "make room, or move the warehouse with SMSONLINE_WAREHOUSE",
    "File too large": "raise the limit on file sizes (ulimit -f), or move the warehouse with SMSONLINE_WAREHOUSE",
    "Permission denied": "let this user write there, or move the warehouse with SMSONLINE_WAREHOUSE",
    "Read-only file system": "move the warehouse with SMSONLINE_WAREHOUSE",
    "Is a directory": "SMSONLINE_WAREHOUSE must name a file",
}
# DuckDB names a database after its file, up to the first dot. One named like a schema makes every `sms.countries`
# ambiguous, and publishing needs `copy` for itself. Its own names it changes, but only in small letters.
RENAMED_BY_DUCKDB = frozenset({"main", "temp", "system"})
RESERVED_NAMES = RENAMED_BY_DUCKDB | {"sms", "marts", "ops", "raw", "store", "topups", "copy"}
RESERVED_NAMES |= {"information_schema", "pg_catalog"}


def published_path(warehouse: Path) -> Path:
    """The path of the analysts' copy of ``warehouse``."""
    return warehouse.with_name(PUBLISHED_NAME)


@contextmanager
def open_warehouse(
    path: Path,
    *,
    read_only: bool = False,
    wait_seconds: float = LOCK_WAIT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    writer: Writer | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the file at ``path``, closed on every way out.

    A given ``writer`` runs on afterwards, unless there is an error. Raises ``WarehouseLocked`` after
    ``wait_seconds``, ``NotAWarehouse`` or ``WarehouseUnwritable`` at once.
    """
    _refuse_reserved_name(path)
    with file_lock(path, exclusive=not read_only, wait_seconds=wait_seconds) as is_only_user:
        if is_only_user and _is_sqlite(path):
            raise NotAWarehouse(_other_format(path))
        if read_only:
            yield from _read_session(path, wait_seconds, sleep)
        else:
            yield from _write_session(path, writer, wait_seconds, sleep)


def _read_session(
    path: Path, wait_seconds: float, sleep: Callable[[float], None]
) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = _wait_for_lock(path, lambda: _connect_read_only(path), wait_seconds, sleep)
    try:
        with _typed_errors(path):
            yield connection
    finally:
        close_quietly(connection)


def _write_session(
    path: Path, given: Writer | None, wait_seconds: float, sleep: Callable[[float], None]
) -> Iterator[duckdb.DuckDBPyConnection]:
    _make_folder(path)
    writer = given or Writer()
    connection = _wait_for_lock(path, lambda: _attach(writer, path), wait_seconds, sleep)
    is_complete = False
    try:
        with _typed_errors(path):
            yield connection
            _checkpoint(connection, path)
        is_complete = True
    finally:
        close_quietly(connection)
        if given and is_complete:
            given.detach()
        else:
            writer.stop()


@contextmanager
def optimizer_disabled(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """For hundreds of small statements: DuckDB's optimiser costs a third of each and has nothing to gain there."""
    connection.execute("PRAGMA disable_optimizer")
    try:
        yield
    finally:
        connection.execute("PRAGMA enable_optimizer")


def _connect_read_only(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path), read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _attach(writer: Writer, path: Path) -> duckdb.DuckDBPyConnection:
    """Attaches the file; replaces one that is only the beginning of a DuckDB file, left by a full disk."""
    try:
        return writer.attach(path)
    except duckdb.Error as error:
        if _is_lock(error) or not _is_incomplete_file(path):
            raise
        path.unlink()  # DuckDB had the lock, so nobody else is creating the file
        return writer.attach(path)


def _wait_for_lock(
    path: Path,
    connect: Callable[[], duckdb.DuckDBPyConnection],
    wait_seconds: float,
    sleep: Callable[[float], None],
) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + wait_seconds
    pause = MIN_PAUSE_SECONDS
    while True:
        try:
            return connect()
        except duckdb.Error as error:
            if not _is_lock(error) or time.monotonic() + pause > deadline:
                raise _to_warehouse_error(error, path) from error
        sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
        pause = min(pause * 2, MAX_PAUSE_SECONDS)


def _checkpoint(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Writes the log into the file, unless it is so short that rewriting tables costs more than reading it again."""
    log = path.with_name(f"{path.name}.wal")
    if log.exists() and log.stat().st_size > MAX_WAL_BYTES:
        connection.execute("CHECKPOINT")


def _refuse_reserved_name(path: Path) -> None:
    name = path.name.lstrip(".").split(".")[0]
    if name.lower() in RESERVED_NAMES and name not in RENAMED_BY_DUCKDB:
        raise NotAWarehouse(
            f"{path} cannot be called {name}, which names a part of it: set SMSONLINE_WAREHOUSE to another"
        )


def _is_incomplete_file(path: Path) -> bool:
    """Whether the file is empty or a DuckDB header that was not written to the end."""
    if not path.is_file() or path.stat().st_size >= HEADER_BYTES:
        return False
    content = path.read_bytes()
    return not content or content[8:12] == b"DUCK"


def _is_sqlite(path: Path) -> bool:
    """DuckDB would search the network for an extension that reads one."""
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    except OSError:  # DuckDB reports it
        return False


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseUnwritable(f"cannot make the folder {path.parent}: {error.strerror}") from error


@contextmanager
def _typed_errors(path: Path) -> Iterator[None]:
    """Turns DuckDB's errors about the file into the typed ones, and its report of Ctrl-C into ``KeyboardInterrupt``."""
    try:
        yield
    except duckdb.Error as error:
        raise _to_warehouse_error(error, path) from error
    except RuntimeError as error:
        if "Query interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise


def _other_format(path: Path) -> str:
    return f"{path} is not a DuckDB file that this version reads: set SMSONLINE_WAREHOUSE to another"


def _is_lock(error: duckdb.Error) -> bool:
    return any(text in str(error) for text in LOCKED)


def _to_warehouse_error(error: duckdb.Error, path: Path) -> WarehouseError | duckdb.Error:
    """The typed error for DuckDB's text; a query's own error (wrong SQL) stays as it is."""
    text = str(error)
    if _is_lock(error):
        holder = re.search(r"held in (.+? \(PID \d+\))", text)
        who = f" by {holder[1]}" if holder else ""
        return WarehouseLocked(f"{path} is held{who}: wait for that process or end it, then try again")
    if NOT_DUCKDB in text or "we can only read" in text:
        return NotAWarehouse(_other_format(path))
    if "does not exist" in text and isinstance(error, duckdb.IOException):
        return NotAWarehouse(f"{path} does not exist yet: run smsonline sync first")
    if isinstance(error, duckdb.IOException) or any(failure in text for failure in FAILED_WRITES):
        cause = next((f"{cause}; {remedy}" for cause, remedy in REMEDIES.items() if cause in text), None)
        return WarehouseUnwritable(f"{path} cannot be used: {cause or text.splitlines()[0]}")
    if "read-only mode" in text:
        return WarehouseUnwritable(f"{path} was opened for reading only")
    return error
