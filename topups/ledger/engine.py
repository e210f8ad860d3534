"""Opens the ledger: SQLite by default, PostgreSQL where several machines run; migrated, durable, one writer."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from topups.ledger.database.connections import LedgerNotFound, connect_for_reading, connect_for_writing
from topups.ledger.database.maintenance import integrity_check_due, record_integrity_check
from topups.ledger.database.transactions import write_transaction
from topups.ledger.ledger import Ledger
from topups.ledger.queries import LedgerUnavailable, map_database_errors
from topups.ledger.schema import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 5.0
OLDER_SCHEMA = "the ledger has schema {} and this program needs {}: smsonline topup reconcile brings it up to date"
NEWER_SCHEMA = (
    "the ledger was written by a newer version of this program (schema {}, known is {}); nothing is paid; update this "
    "program"
)


class LedgerOutdated(LedgerUnavailable):
    """An older version of this program wrote the ledger: opening it for writing brings it up to date."""


def open_ledger(url: str, *, busy_seconds: float = BUSY_SECONDS, check: bool = False) -> Ledger:
    """The ledger at a SQLAlchemy URL, migrated to the newest schema. Close it after use.

    ``check`` looks for damage in the whole file of a SQLite ledger, once a day; a read of a damaged page fails at any
    time. Raises ``LedgerUnavailable`` if it is locked, read-only, damaged, unreachable, or written by a newer version.
    """
    engine = connect_for_writing(url, busy_seconds)
    try:
        with map_database_errors():
            checked = check and _check_once_a_day(engine)
            _migrate_if_needed(engine)
            if checked:
                with write_transaction(engine) as connection:
                    record_integrity_check(connection, datetime.now(UTC))
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine)


def open_ledger_readonly(url: str, *, busy_seconds: float = BUSY_SECONDS, check: bool = False) -> Ledger:
    """The ledger for reading only: nothing is created, migrated or written, and a write fails.

    For code that anyone may execute at any time, such as a sensor's preview. ``check`` looks for damage in the whole
    file. Close it after use. Raises ``LedgerNotFound``, ``LedgerOutdated`` and ``LedgerUnavailable``.
    """
    engine = connect_for_reading(url, busy_seconds)
    try:
        if check:
            with map_database_errors():
                _integrity_check(engine)
        with map_database_errors(), engine.connect() as connection:
            version = _version(connection)
        if version is None:
            raise LedgerNotFound
        if version < HEAD:
            raise LedgerOutdated(OLDER_SCHEMA.format(version, HEAD))
        if version > HEAD:
            raise LedgerUnavailable(NEWER_SCHEMA.format(version, HEAD))
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine)


def _check_once_a_day(engine: Engine) -> bool:
    """Whether the file was due for a check, and passed it. An older schema does not say when it was checked."""
    if engine.dialect.name != "sqlite":
        return False
    with engine.connect() as connection:
        if _version(connection) == HEAD and not integrity_check_due(connection, datetime.now(UTC)):
            return False
    _integrity_check(engine)
    return True


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
        raise LedgerUnavailable(NEWER_SCHEMA.format(version, HEAD))
    command.upgrade(config, HEAD)
