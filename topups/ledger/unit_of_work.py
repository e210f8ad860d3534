"""Transactions of the ledger. In a unit of work a row, its event, the controls and the notices change together."""

import dataclasses
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Insert, RootTransaction, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from topups.ledger import schema
from topups.ledger.hash_chain import FIRST_HASH, event_hash
from topups.ledger.models import AccountControls, Event, OutboxMessage, Payment
from topups.ledger.queries import read_controls
from topups.ledger.schema import canonical_json
from topups.payment_states import FAILURES, SLOT_HOLDING, State, assert_transition

EVENTS, PAYMENTS, CONTROLS, OBSERVATIONS = schema.events, schema.payments, schema.controls, schema.observations
LAST_EVENT = select(EVENTS.c.seq, EVENTS.c.hash).order_by(EVENTS.c.seq.desc()).limit(1)
INSERT_EVENT, INSERT_PAYMENT = EVENTS.insert(), PAYMENTS.insert()
INSERT_OBSERVATION = OBSERVATIONS.insert().values(
    seq=select(func.coalesce(func.max(OBSERVATIONS.c.seq), 0) + 1).scalar_subquery()
)
# The columns to set come with the parameters.
CAS_UPDATE = update(PAYMENTS).where(
    PAYMENTS.c.payment_id == bindparam("of_payment"),
    PAYMENTS.c.state == bindparam("of_state"),
    PAYMENTS.c.version == bindparam("of_version"),
)
# SQLite and PostgreSQL have the same syntax here, but SQLAlchemy has a class for each.
_LITE, _POSTGRES = sqlite.insert(CONTROLS), postgresql.insert(CONTROLS)
UPSERT_CONTROLS: dict[str, Insert] = {
    "sqlite": _LITE.on_conflict_do_update(index_elements=["account_id"], set_=dict(_LITE.excluded)),
    "postgresql": _POSTGRES.on_conflict_do_update(index_elements=["account_id"], set_=dict(_POSTGRES.excluded)),
}
INSERT_NOTICE: dict[str, Insert] = {
    "sqlite": sqlite.insert(schema.outbox).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(schema.outbox).on_conflict_do_nothing(),
}


class UnitOfWork:
    """One writing transaction at ``now``. Whoever opened it commits or rolls back all of it."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self._latest: tuple[int, str] | None = None

    def insert(self, payment: Payment, kind: str) -> None:
        """Inserts a row and its first event, which holds every column."""
        assert_transition(None, payment.state)
        row = dict(payment.__dict__)
        self.connection.execute(INSERT_PAYMENT, row)
        self._append_payment_event(payment, kind, None, payment.state, row)

    def transition(self, payment: Payment, to: State, changes: Mapping[str, Any]) -> Payment | None:
        """The payment in its next state; None if it is no longer as ``payment`` says (lost compare-and-swap)."""
        assert_transition(payment.state, to)
        wanted = {**changes, "state": to, "state_since": self.now, **self._slot_columns(payment, to)}
        moved = self._compare_and_swap(payment, wanted)
        if moved:
            self._append_payment_event(payment, "moved", payment.state, to, {**wanted, "version": moved.version})
            self._update_counters(payment, moved)
        return moved

    def update(self, payment: Payment, kind: str, changes: Mapping[str, Any]) -> Payment | None:
        """The payment with other columns in the same state; None after a lost compare-and-swap."""
        noted = self._compare_and_swap(payment, changes)
        if noted:
            self._append_payment_event(payment, kind, None, None, {**changes, "version": noted.version})
        return noted

    def update_controls(self, account_id: str, kind: str, by: str = "", **changes: Any) -> AccountControls:
        """The account's controls with changes, and an event that names who made them."""
        return self._write_controls(read_controls(self.connection, account_id)[0], kind, by, changes)

    def enqueue_notices(self, account_id: str, notices: Iterable[OutboxMessage]) -> None:
        """Writes notices to the outbox; one that was written before is not written again."""
        for notice in notices:
            values = {
                **{"key": notice.key, "account_id": account_id, "payment_id": notice.payment_id, "kind": notice.kind},
                **{"payload": notice.payload, "created_at": self.now, "attempts": 0, "outcome": ""},
            }
            self.connection.execute(INSERT_NOTICE[self.connection.dialect.name], values)

    def append_event(
        self,
        account_id: str,
        kind: str,
        changes: Mapping[str, Any],
        payment_id: str | None = None,
        states: tuple[State | None, State | None] = (None, None),
    ) -> None:
        """Appends one event to the chain."""
        seq, previous = self._last_link()
        before, after = (str(state) if state else None for state in states)
        plain = json.loads(canonical_json(dict(changes)))
        event = Event(seq + 1, self.now, account_id, payment_id, kind, before, after, plain, previous, "")
        event = dataclasses.replace(event, hash=event_hash(event))
        self.connection.execute(INSERT_EVENT, dict(event.__dict__))
        self._latest = event.seq, event.hash

    def record_observation(self, account_id: str, kind: str, at: datetime, **seen: Any) -> None:
        """Records an observation under the next number."""
        self.connection.execute(INSERT_OBSERVATION, {"account_id": account_id, "kind": kind, "at": at, **seen})

    def _last_link(self) -> tuple[int, str]:
        """Number and hash of the latest event; nobody else adds one while this transaction lasts."""
        if self._latest is None:
            last = self.connection.execute(LAST_EVENT).one_or_none()
            self._latest = (last.seq, last.hash) if last else (0, FIRST_HASH)
        return self._latest

    def _append_payment_event(
        self, payment: Payment, kind: str, before: State | None, after: State | None, changes: Mapping[str, Any]
    ) -> None:
        self.append_event(payment.account_id, kind, changes, payment.payment_id, (before, after))

    def _compare_and_swap(self, payment: Payment, changes: Mapping[str, Any]) -> Payment | None:
        identity = {"of_payment": payment.payment_id, "of_state": payment.state, "of_version": payment.version}
        values = {**changes, "version": payment.version + 1}
        result = self.connection.execute(CAS_UPDATE, identity | values)
        return dataclasses.replace(payment, **values) if result.rowcount == 1 else None

    def _slot_columns(self, payment: Payment, to: State) -> dict[str, Any]:
        if to == State.RESERVED:
            return {"slot": payment.account_id, "counted_at": self.now}
        if payment.slot and to not in SLOT_HOLDING:
            return {"slot": None, "slot_freed_at": self.now}
        return {}

    def _update_counters(self, before: Payment, after: Payment) -> None:
        """Updates reserved money and failures in a row together with the change that causes them."""
        reserved = (after.amount_cents if after.slot else 0) - (before.amount_cents if before.slot else 0)
        # An approval that is rejected or not given is a failure too: asking again at once would not help.
        was_waiting = before.state == State.AWAITING_APPROVAL and after.state == State.RELEASED
        unapproved = was_waiting and before.approved_at is None
        failed = unapproved or (after.state in FAILURES and before.state != State.LATE_CONFIRMING)
        if not (reserved or failed or after.state == State.CREDITED):
            return
        current = read_controls(self.connection, after.account_id)[0]
        changes: dict[str, Any] = {"reserved_cents": current.reserved_cents + reserved} if reserved else {}
        if failed:
            changes |= {"failures": current.failures + 1, "last_failure_at": self.now}
        if after.state == State.CREDITED:
            changes["failures"] = 0
        self._write_controls(current, "counted", "", changes)

    def _write_controls(
        self, current: AccountControls, kind: str, by: str, changes: Mapping[str, Any]
    ) -> AccountControls:
        updated = dataclasses.replace(current, **changes)
        self.connection.execute(UPSERT_CONTROLS[self.connection.dialect.name], dict(updated.__dict__))
        self.append_event(current.account_id, kind, {**changes, "by": by} if by else changes)
        return updated


NEXT_STEPS = (
    ("locked", "another program holds it: wait, or stop that program"),
    ("readonly", "make the file and its folder writable"),
    ("read-only", "make it writable"),
    ("malformed", "restore it from a backup; the next run learns the rest from the vendor's own list"),
    ("not a database", "restore it from a backup; the next run learns the rest from the vendor's own list"),
    ("disk is full", "free some disk space"),
    ("unable to open", "check SMSONLINE_LEDGER and that its folder can be written"),
    ("no such table", "the file is no ledger: check SMSONLINE_LEDGER"),
    ("append-only", "something tried to change the past; look at the program that did"),
)


class LedgerUnavailable(Exception):
    """The ledger cannot be read or written. ``str()`` is one line with the next step; no payment is created."""


def ledger_unavailable(error: BaseException) -> LedgerUnavailable:
    """The error for the user, without statement, parameters or URL."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    text = " ".join(str(cause).split())[:160] or type(cause).__name__
    step = next((step for fragment, step in NEXT_STEPS if fragment in text.lower()), "check SMSONLINE_LEDGER")
    return LedgerUnavailable(f"the ledger cannot be used ({text}); nothing is paid; {step}")


@contextmanager
def map_database_errors() -> Iterator[None]:
    """Raises ``LedgerUnavailable`` for what a database raises, except for a broken constraint."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise ledger_unavailable(error) from None


# Any number, the same for every program that writes to the ledger.
WRITER_LOCK = 0x70_60_50


@contextmanager
def transaction(engine: Engine, *, writes: bool = False) -> Iterator[Connection]:
    """One transaction: a reader sees one state of the ledger, a writer is the only one over all programs."""
    with map_database_errors(), engine.connect() as connection, begin_transaction(connection, writes=writes):
        yield connection


@contextmanager
def unit_of_work(engine: Engine, now: datetime) -> Iterator[UnitOfWork]:
    """A writing transaction at ``now``; commits at its end, or rolls everything back."""
    with transaction(engine, writes=True) as connection:
        yield UnitOfWork(connection, now)


def begin_transaction(connection: Connection, *, writes: bool = False) -> RootTransaction:
    """Begins a transaction, which for a writer waits for the other writers first. Ends as a context manager.

    SQLite's driver leaves the beginning to us (``isolation_level`` is None). The driver's own ``execute`` is used
    because an event handler of SQLAlchemy's makes each statement a tenth slower.
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
