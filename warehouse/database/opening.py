"""Opens the DuckDB file late, for a short time, and always closes it.

One process writes at a time and excludes readers meanwhile (DuckDB's rule), so a locked file is waited for, within
bounds, and only then reported with the process that holds the lock.

Within this process threads wait for each other: closing any handle of a file ends all locks that the process has on it,
and DuckDB reads a file's first bytes before it finds out that it has the file open already. So nothing in this process
may touch a file that another thread writes.
"""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from warehouse.database.error_translation import is_lock_error, lock_holder, other_format, to_warehouse_error
from warehouse.database.leftovers import remove_leftovers
from warehouse.database.write_ahead_log import finish_log, log_path, require_own_log
from warehouse.errors import NotAWarehouse, WarehouseLocked, WarehouseUnwritable

log = logging.getLogger("smsonline.warehouse")

ENDING = ".duckdb"
DEFAULT_NAME = "warehouse.duckdb"
COPY_NAME = "analytics"
LOCK_WAIT_SECONDS = 60.0
# A wait that is longer is reported.
SHORT_WAIT_SECONDS = 1.0
MIN_PAUSE_SECONDS = 0.02
MAX_PAUSE_SECONDS = 1.0
HEADER_BYTES = 3 * 4096
SQLITE_MAGIC = b"SQLite format 3\0"
# The name of the file's database while a writer has it attached.
ALIAS = "warehouse"
# DuckDB names a database after its file, up to the first dot. One named like a schema makes every `sms.countries`
# ambiguous, and publishing needs `copy` for itself. Its own names it changes, but only in small letters.
RENAMED_BY_DUCKDB = frozenset({"main", "temp", "system"})
RESERVED_NAMES = RENAMED_BY_DUCKDB | {"sms", "marts", "ops", "raw", "store", "topups", "copy"}
RESERVED_NAMES |= {"information_schema", "pg_catalog"}

_released = threading.Condition()
_writing: set[Path] = set()
_readers: Counter[Path] = Counter()


class Writer:
    """The process's DuckDB for writing: starting one takes longer than attaching a file to one that runs.

    Opens files one at a time; not thread safe. DuckDB starts with the first file, and again after ``stop``.
    """

    def __init__(self) -> None:
        self._duckdb: duckdb.DuckDBPyConnection | None = None

    def attach(self, path: Path) -> duckdb.DuckDBPyConnection:
        """A connection whose database in use is the file at ``path``. Raises ``duckdb.Error``."""
        if not self._duckdb:
            # Loads are small and serial: more threads cost more than they save (measured). Without a file of its own
            # DuckDB would spill into the working folder.
            self._duckdb = duckdb.connect(config={"threads": 1, "temp_directory": f"{path}.tmp"})
            self._duckdb.execute("SET GLOBAL TimeZone = 'UTC'; PRAGMA disable_checkpoint_on_shutdown")
        literal = str(path).replace("'", "''")
        self._duckdb.execute(f"ATTACH '{literal}' AS {ALIAS}")
        connection = self._duckdb.cursor()
        connection.execute(f"USE {ALIAS}")
        return connection

    def detach(self) -> None:
        """Lets the file go, whose connections are closed; DuckDB runs on."""
        if self._duckdb:
            try:
                self._duckdb.execute(f"DETACH {ALIAS}")
            except duckdb.Error:
                self.stop()

    def stop(self) -> None:
        """Ends DuckDB and with it everything that belongs to an attached file."""
        running, self._duckdb = self._duckdb, None
        if running:
            _close_quietly(running)


def real_path(path: Path) -> Path:
    """The file that a symbolic link stands for, so that it has one write-ahead log and one copy; else ``path``."""
    return path.resolve() if path.is_symlink() else path


def published_path(warehouse: Path) -> Path:
    """The path of the analysts' copy of ``warehouse``, which no other warehouse has.

    ``analytics.duckdb`` for ``warehouse.duckdb``, ``X.analytics.duckdb`` for any other ``X.duckdb``, and
    ``X.analytics`` for a file ``X`` with another ending.
    """
    file = real_path(warehouse)
    stem = file.name.removesuffix(ENDING)
    if stem == file.name:
        return file.with_name(f"{stem}.{COPY_NAME}")
    return file.with_name(f"{COPY_NAME}{ENDING}" if file.name == DEFAULT_NAME else f"{stem}.{COPY_NAME}{ENDING}")


def is_copy_name(path: Path) -> bool:
    """Whether a warehouse may not have the name, because the copy of another one has it."""
    return path.name.removesuffix(ENDING).rpartition(".")[2] == COPY_NAME


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

    A given ``writer`` runs on afterwards, unless there is an error. A wait of more than a second is logged. Raises
    ``WarehouseLocked`` after ``wait_seconds``, ``NotAWarehouse``, ``WarehouseUnwritable`` or ``MixedRestore`` at once.
    """
    path = real_path(path)
    name = path.name.lstrip(".").split(".")[0]
    if name.lower() in RESERVED_NAMES and name not in RENAMED_BY_DUCKDB:
        raise NotAWarehouse(
            f"{path} cannot be called {name}, which names a part of it: set SMSONLINE_WAREHOUSE to another"
        )
    with _file_lock(path, exclusive=not read_only, wait_seconds=wait_seconds) as is_only_user:
        if is_only_user and _is_sqlite(path):
            raise other_format(path)
        if read_only:
            connection = _wait_for_lock(path, lambda: _connect_read_only(path), wait_seconds, sleep)
            try:
                with _typed_errors(path):
                    require_own_log(connection, path)
                    yield connection
            finally:
                _close_quietly(connection)
        else:
            yield from _write_session(path, writer, wait_seconds, sleep)


@contextmanager
def optimizer_disabled(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """For hundreds of small statements: DuckDB's optimiser costs a third of each and has nothing to gain there."""
    connection.execute("PRAGMA disable_optimizer")
    try:
        yield
    finally:
        connection.execute("PRAGMA enable_optimizer")


@contextmanager
def _file_lock(path: Path, *, exclusive: bool, wait_seconds: float) -> Iterator[bool]:
    """Waits for this process's other threads; gives whether none has the file open. Raises ``WarehouseLocked``."""
    key = path.resolve()

    def is_free() -> bool:
        return key not in _writing and not (exclusive and _readers[key])

    with _released:
        if not _released.wait_for(is_free, min(wait_seconds, SHORT_WAIT_SECONDS)) and wait_seconds > SHORT_WAIT_SECONDS:
            log.warning("waiting for %s, in use by another part of this program", path)
            _released.wait_for(is_free, wait_seconds - SHORT_WAIT_SECONDS)
        if not is_free():
            raise WarehouseLocked(f"{path} is held by another part of this program: wait for it, then try again")
        is_only_user = not _readers[key]
        if exclusive:
            _writing.add(key)
        else:
            _readers[key] += 1
    try:
        yield is_only_user
    finally:
        with _released:
            if exclusive:
                _writing.discard(key)
            else:
                _readers[key] -= 1
            _released.notify_all()


def _write_session(
    path: Path, given: Writer | None, wait_seconds: float, sleep: Callable[[float], None]
) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseUnwritable(f"cannot make the folder {path.parent}: {error.strerror}") from error
    writer = given or Writer()
    connection = _wait_for_lock(path, lambda: _attach(writer, path), wait_seconds, sleep)
    is_complete = False
    try:
        with _typed_errors(path):
            had_log = log_path(path).exists()
            require_own_log(connection, path)
            remove_leftovers(path, real_path(published_path(path)))
            yield connection
            finish_log(connection, path, ALIAS, is_new=not had_log)
        is_complete = True
    finally:
        _close_quietly(connection)
        if given and is_complete:
            given.detach()
        else:
            writer.stop()


def _connect_read_only(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path), read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _attach(writer: Writer, path: Path) -> duckdb.DuckDBPyConnection:
    """Attaches the file; replaces one that is only the beginning of a DuckDB file, left by a full disk."""
    try:
        return writer.attach(path)
    except duckdb.Error as error:
        if is_lock_error(error) or not path.is_file() or path.stat().st_size >= HEADER_BYTES:
            raise
        content = path.read_bytes()
        if content and content[8:12] != b"DUCK":
            raise
        path.unlink()  # DuckDB had the lock, so nobody else is creating the file
        return writer.attach(path)


def _wait_for_lock(
    path: Path,
    connect: Callable[[], duckdb.DuckDBPyConnection],
    wait_seconds: float,
    sleep: Callable[[float], None],
) -> duckdb.DuckDBPyConnection:
    began = time.monotonic()
    pause = MIN_PAUSE_SECONDS
    is_reported = False
    while True:
        try:
            return connect()
        except duckdb.Error as error:
            waited = time.monotonic() - began
            if not is_lock_error(error) or waited + pause > wait_seconds:
                raise to_warehouse_error(error, path) from error
            if waited >= SHORT_WAIT_SECONDS and not is_reported:
                log.warning("waiting for %s, in use by %s", path, lock_holder(error) or "another program")
                is_reported = True
        sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
        pause = min(pause * 2, MAX_PAUSE_SECONDS)


def _is_sqlite(path: Path) -> bool:
    """DuckDB would search the network for an extension that reads one."""
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    except OSError:  # DuckDB reports it
        return False


@contextmanager
def _typed_errors(path: Path) -> Iterator[None]:
    """Turns DuckDB's errors about the file into the typed ones, and its report of Ctrl-C into ``KeyboardInterrupt``."""
    try:
        yield
    except duckdb.Error as error:
        raise to_warehouse_error(error, path) from error
    except RuntimeError as error:
        if "Query interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise


def _close_quietly(connection: duckdb.DuckDBPyConnection) -> None:
    """Closes ``connection``; an error of an earlier statement is the one to report."""
    with suppress(duckdb.Error):
        connection.close()
