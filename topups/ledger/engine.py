"""Opens the ledger: SQLite by default, PostgreSQL where several machines run; migrated, durable, one writer."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from topups.ledger.ledger import Ledger, write_transaction
from topups.ledger.queries import LedgerUnavailable, map_database_errors
from topups.ledger.schema import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 5.0
OWNER_ONLY = 0o600
SCHEMA_MISMATCH = (
    "the ledger has schema {} and this program expects {}; the next reconcile brings an older one up to date"
)


class LedgerNotFound(LedgerUnavailable):
    """There is no ledger at this URL yet."""

    def __init__(self) -> None:
        super().__init__("there is no ledger yet; the first reconcile or run makes it")


class LedgerOutdated(LedgerUnavailable):
    """An older version of this program wrote the ledger: opening it for writing brings it up to date."""


def open_ledger(url: str, *, busy_seconds: float = BUSY_SECONDS, check: bool = False) -> Ledger:
    """The ledger at a SQLAlchemy URL, migrated to the newest schema. Close it after use.

    ``check`` runs an integrity check on the whole file (SQLite; some milliseconds per thousand payments). Raises
    ``LedgerUnavailable`` if it is locked, read-only, damaged, unreachable, or written by a newer version.
    """
    engine = _engine(url, busy_seconds)
    try:
        with map_database_errors():
            if check:
                _integrity_check(engine)
            _migrate_if_needed(engine)
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine)


def open_ledger_readonly(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Ledger:
    """The ledger for reading only: nothing is created, migrated or written, and a write fails.

    For code that anyone may execute at any time, such as a sensor's preview. Close it after use. Raises
    ``LedgerNotFound``, and ``LedgerUnavailable`` also if an older version of this program wrote it.
    """
    engine = _engine(url, busy_seconds, read_only=True)
    try:
        with map_database_errors(), engine.connect() as connection:
            version = _version(connection)
        if version is None:
            raise LedgerNotFound
        if version != HEAD:
            kind = LedgerOutdated if version < HEAD else LedgerUnavailable
            raise kind(SCHEMA_MISMATCH.format(version, HEAD))
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine)


def _engine(url: str, busy_seconds: float, *, read_only: bool = False) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_readonly(parsed, busy_seconds) if read_only else _sqlite(url, parsed.database, busy_seconds)
        arguments: dict[str, Any] = {"connect_timeout": max(2, int(busy_seconds))}
        if read_only:
            arguments["options"] = "-c default_transaction_read_only=on"
        engine = create_engine(url, pool_pre_ping=True, connect_args=arguments)
    except (ArgumentError, ImportError, OSError) as error:
        raise LedgerUnavailable(f"SMSONLINE_LEDGER cannot be used ({type(error).__name__}); nothing is paid") from None
    return engine


def _sqlite(url: str, database: str | None, busy_seconds: float) -> Engine:
    arguments: dict[str, Any] = {"connect_args": {"timeout": busy_seconds, "check_same_thread": False}}
    if database in (None, "", ":memory:"):
        arguments["poolclass"] = StaticPool
    elif "memory" not in url:
        path = _database_path(database)
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # it exists; or SQLite will say what is wrong
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))
        _restrict_to_owner(path)
    engine = create_engine(url, **arguments)
    event.listen(engine, "connect", _configure_sqlite)
    return engine


def _database_path(database: str) -> Path:
    """The file of a SQLite database, which may be given as a URI."""
    is_uri = database.startswith("file:")
    return Path(unquote(database.removeprefix("file:").partition("?")[0]) if is_uri else database)


def _restrict_to_owner(path: Path) -> None:
    """Nobody but the owner may read the ledger: it can hold payment links. SQLite's new files get the ledger's mode."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):  # not there, or another user's
            path.with_name(path.name + suffix).chmod(OWNER_ONLY)


def _sqlite_readonly(url: URL, busy_seconds: float) -> Engine:
    database = url.database or ""
    if not database.startswith("file:"):
        if not Path(database).is_file():
            raise LedgerNotFound
        _restrict_to_owner(Path(database))
        url = url.set(database=f"file:{quote(database)}").update_query_dict({"mode": "ro", "uri": "true"})
    engine = create_engine(url, connect_args={"timeout": busy_seconds, "check_same_thread": False})
    event.listen(engine, "connect", _forbid_writes)
    return engine


def _forbid_writes(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON").close()


def _configure_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # Python would begin transactions by itself, and too late to lock against another writer.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _integrity_check(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        result = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if result != "ok":
        raise LedgerUnavailable(
            "the ledger is malformed; nothing is paid; restore it from a backup; the next run learns the rest from "
            "the vendor's own list"
        )


def _migrate_if_needed(engine: Engine) -> None:
    with engine.connect() as connection:
        if _version(connection) == HEAD:
            return
    with write_transaction(engine) as connection:
        version = _version(connection)  # another program may have migrated it
        if version != HEAD:
            _migrate(connection, version)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def _migrate(connection: Connection, version: str | None) -> None:
    # Slow to import, and needed once per schema version.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known_revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known_revisions:
        raise LedgerUnavailable(
            f"the ledger was written by a newer version of this program (schema {version}, known is {HEAD}); "
            "nothing is paid; update this program"
        )
    command.upgrade(config, HEAD)
