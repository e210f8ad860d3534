"""The transaction of a writer: the only one over all programs and machines."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from topups.ledger.database.conflicts import ledger_conflict
from topups.ledger.queries import DATABASE_ERRORS, ledger_unavailable

# Any number, the same for every program that writes to the ledger.
WRITER_LOCK = 0x70_60_50


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction that waits for the other writers first.

    Raises ``LedgerConflict`` for a broken constraint, and ``LedgerUnavailable``, also after waiting too long.
    """
    try:
        with engine.connect() as connection, connection.begin():
            if connection.dialect.name == "sqlite":
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.execute("BEGIN IMMEDIATE").close()
            else:
                # Each statement after the lock sees what the writer before committed.
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
            yield connection
    except IntegrityError as error:
        raise ledger_conflict(error) from None
    except DATABASE_ERRORS as error:
        raise ledger_unavailable(error) from None
