"""How a transaction begins: readers see one state, and there is one writer at a time over all programs."""

from __future__ import annotations

from sqlalchemy import Connection, RootTransaction

# Any number, the same for every program that writes to the ledger.
WRITER_LOCK = 0x70_60_50


def begun(connection: Connection, *, writes: bool = False) -> RootTransaction:
    """A transaction, which for a writer waits for the other writers first. Ends as a context manager.

    SQLite's driver leaves beginning to us (``isolation_level`` is None). Its own ``execute``: an event handler of
    SQLAlchemy's in this place makes each statement a tenth slower.
    """
    transaction = connection.begin()
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN").close()
    elif writes:
        # Each statement after the lock sees what the writer before committed.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    return transaction
