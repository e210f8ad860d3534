"""One error for a ledger that cannot be trusted to remember: nothing is paid until it can."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

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


def unavailable(error: BaseException) -> LedgerUnavailable:
    """The error for the user. Holds no statement, parameter or URL."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    text = " ".join(str(cause).split())[:160] or type(cause).__name__
    step = next((step for word, step in NEXT_STEPS if word in text.lower()), "check SMSONLINE_LEDGER")
    return LedgerUnavailable(f"the ledger cannot be used ({text}); nothing is paid; {step}")


@contextmanager
def guarded() -> Iterator[None]:
    """Turns what a database throws into ``LedgerUnavailable``; a broken constraint passes through as it is."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise unavailable(error) from None
