"""Connections to the two databases that can hold a ledger: SQLite by default, PostgreSQL where several machines run."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, StaticPool

from topups.ledger.database.still_file import SIDE_FILES, StillFile, has_side_files
from topups.ledger.queries import LedgerUnavailable

OWNER_ONLY = 0o600
# A client that stops inside a transaction loses its connection, and with it the lock of the writers.
FROZEN_CLIENT_SECONDS = 10
# Reading all events of a large ledger takes less.
STATEMENT_SECONDS = 60
# How long PostgreSQL's machine may not react at all.
DEAD_NETWORK_SECONDS = 15
IN_MEMORY = ("", ":memory:", "file::memory:")


class LedgerNotFound(LedgerUnavailable):
    """There is no ledger at this URL yet."""

    def __init__(self) -> None:
        super().__init__("there is no ledger yet; the first reconcile or run makes it")


def connect_for_writing(url: str, busy_seconds: float) -> Engine:
    """Makes the file of a SQLite ledger if there is none, for its owner alone. Raises ``LedgerUnavailable``."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed, busy_seconds)
        return _postgresql(parsed, busy_seconds, read_only=False)
    except (ArgumentError, ImportError, OSError) as error:
        raise _unusable(error) from None


def connect_for_reading(url: str, busy_seconds: float) -> Engine:
    """Connections that can write nothing and leave no file behind.

    Raises ``LedgerNotFound`` for a SQLite file that does not exist, and ``LedgerUnavailable``.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_for_reading(parsed, busy_seconds)
        return _postgresql(parsed, busy_seconds, read_only=True)
    except (ArgumentError, ImportError, OSError) as error:
        raise _unusable(error) from None


def _unusable(error: Exception) -> LedgerUnavailable:
    return LedgerUnavailable(f"SMSONLINE_LEDGER cannot be used ({type(error).__name__}); nothing is paid")


def _postgresql(url: URL, busy_seconds: float, *, read_only: bool) -> Engine:
    """Waits for locks and connections at most ``busy_seconds``. What the URL's own ``options`` say comes after ours."""
    milliseconds = max(1, round(busy_seconds * 1000))
    limits = {
        "lock_timeout": milliseconds,
        "statement_timeout": STATEMENT_SECONDS * 1000,
        "idle_in_transaction_session_timeout": round(FROZEN_CLIENT_SECONDS * 1000),
    }
    given = url.query.get("options", "")
    options = [*(f"-c {name}={limit}" for name, limit in limits.items()), given if isinstance(given, str) else ""]
    arguments = {
        "connect_timeout": max(2, int(busy_seconds)),
        "tcp_user_timeout": DEAD_NETWORK_SECONDS * 1000,
        "options": " ".join(options).strip(),
    }
    # Each statement sees what was committed before it: a writer that waited for another one reads its changes.
    execution = {"isolation_level": "READ COMMITTED", "postgresql_readonly": read_only}
    return create_engine(
        url.difference_update_query(["options"]),
        pool_pre_ping=True,
        connect_args=arguments,
        execution_options=execution,
    )


def database_file(url: URL) -> Path | None:
    """The file of a SQLite database, which may be given as a URI; None for one in memory."""
    is_uri = (url.database or "").startswith("file:")
    name, _, query = (url.database or "").partition("?") if is_uri else (url.database or "", "", "")
    if name in IN_MEMORY or url.query.get("mode") == "memory" or "mode=memory" in query:
        return None
    return Path(unquote(name.removeprefix("file:")) if is_uri else name)


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    arguments: dict[str, Any] = {"connect_args": {"timeout": busy_seconds, "check_same_thread": False}}
    path = database_file(url)
    if path is None and url.database in (None, *IN_MEMORY):
        arguments["poolclass"] = StaticPool
    elif path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # it exists; or SQLite will say what is wrong
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))
        _restrict_to_owner(path)
    engine = create_engine(url, **arguments)
    event.listen(engine, "connect", _configure_sqlite)
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # Python would begin transactions by itself, and too late to lock against another writer.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _restrict_to_owner(path: Path) -> None:
    """Nobody but the owner may read the ledger: it can hold payment links. SQLite's new files get the ledger's mode."""
    for suffix in ("", *SIDE_FILES):
        with suppress(OSError):  # not there, or another user's
            path.with_name(path.name + suffix).chmod(OWNER_ONLY)


def _sqlite_for_reading(url: URL, busy_seconds: float) -> Engine:
    path = database_file(url)
    if path is None or not path.is_file():
        raise LedgerNotFound

    def connect() -> sqlite3.Connection:
        options: dict[str, Any] = {"timeout": busy_seconds, "check_same_thread": False, "isolation_level": None}
        if has_side_files(path):
            connection: sqlite3.Connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, **options)
        else:
            connection = StillFile(path, **options)
        connection.execute("PRAGMA query_only = ON").close()
        return connection

    # No pool: before each transaction it is seen whether another program has the file open.
    return create_engine(url, creator=connect, poolclass=NullPool)
