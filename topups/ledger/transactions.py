"""Transactions of the ledger: how one begins, and one error for a ledger that cannot be trusted to remember."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, RootTransaction
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

NEXT_STEPS = (
    ("locked", "another program holds it: wait, or stop that program"),
    ("readonly", "make the file and its folder writable"),
    ("read-only", "make it writable"),
    ("malformed", "restore it from a backup; the next pass learns the rest from the vendor's own list"),
    ("not a database", "restore it from a backup; the next pass learns the rest from the vendor's own list"),
    ("disk is full", "free some disk space"),
    ("unable to open", "check SMSONLINE_LEDGER and that its folder can be written"),
    ("no such table", "the file is no ledger: check SMSONLINE_LEDGER"),
    ("append-only", "something tried to change the past; look at the program that did"),
)


class LedgerUnavailable(Exception):
    """The ledger cannot be read or written. ``str()`` is one line with the next step; no payment is created."""


def ledger_unavailable(error: BaseException) -> LedgerUnavailable:
    """The error for the user. Holds no statement, parameter or URL."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    text = " ".join(str(cause).split())[:160] or type(cause).__name__
    step = next((step for word, step in NEXT_STEPS if word in text.lower()), "check SMSONLINE_LEDGER")
    return LedgerUnavailable(f"the ledger cannot be used ({text}); nothing is paid; {step}")


@contextmanager
def map_database_errors() -> Iterator[None]:
    """Turns what a database throws into ``LedgerUnavailable``; a broken constraint passes through as it is."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise ledger_unavailable(error) from None


# Any number, the same for every program that writes to the ledger.
WRITER_LOCK = 0x70_60_50


def begin_transaction(connection: Connection, *, writes: bool = False) -> RootTransaction:
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
