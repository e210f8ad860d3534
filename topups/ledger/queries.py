"""Reading the ledger: its statements, the reading transaction, and the conversion of rows to what decisions use."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from topups.decision.snapshot import AccountSnapshot, PaymentView, external_arriving_since, may_be_ours
from topups.decision.unproven import FAILURES_REMEMBERED, failures_outside
from topups.gateway import Balance
from topups.ledger import schema
from topups.ledger.database.still_file import StillFile
from topups.ledger.models import AccountControls, Event, Observation, Payment
from topups.payment_states import TRACKED, TRANSITIONS, UNITS_DISAGREE, PaymentException, State

# Longer than the longest window, so that no rule misses a payment.
MEMORY = timedelta(days=31)
# May still change by itself. After a credit or a failure that is rare, and others' payments are many: of those only the
# young ones are tracked.
SELDOM_CHANGING = (State.CREDITED, State.FAILED, State.EXTERNAL)
UNFINISHED = tuple(s for s, following in TRANSITIONS.items() if following and s not in SELDOM_CHANGING)

P, EVENTS, OBSERVATIONS = schema.payments.c, schema.events, schema.observations


def _in_states(states: Iterable[State]) -> ColumnElement[bool]:
    """Literals instead of thirty parameters, which would cost more than the rest of the query."""
    return P.state.in_([literal_column(f"'{state}'") for state in states])


PAYMENT_VIEW_COLUMNS = (
    *(P.payment_id, P.state, P.exception, P.amount_cents, P.vendor_amount_cents, P.counted_at, P.slot),
    *(P.slot_freed_at, P.vendor_status, P.ends_at, P.approved_at, P.baseline, P.credit, P.state_since),
    *(P.rail, P.unit_proof, P.instructions_problem),
)
ACCOUNT: BindParameter[str] = bindparam("account")
SINCE: BindParameter[Any] = bindparam("since")
OF_ACCOUNT = P.account_id == ACCOUNT
ACTIVE = or_(_in_states(UNFINISHED), P.slot.is_not(None))

# Built once: building a statement costs more than running it.
# What another ledger may have requested stops everything until a person looks at it.
NEEDED = or_(P.counted_at > SINCE, ACTIVE, P.exception == literal_column(f"'{PaymentException.OTHER_LEDGER}'"))
RECENT_PAYMENTS = select(*PAYMENT_VIEW_COLUMNS).where(OF_ACCOUNT, NEEDED)
LAST_RESUMED = select(func.max(EVENTS.c.at)).where(
    EVENTS.c.account_id == ACCOUNT, EVENTS.c.at > SINCE, EVENTS.c.kind == "resumed"
)
TRACKED_PAYMENTS = (
    select(schema.payments)
    .where(OF_ACCOUNT, or_(ACTIVE, and_(P.counted_at >= SINCE, _in_states(sorted(TRACKED)))))
    .order_by(P.payment_id)
)
VENDOR_IDS = select(P.vendor_payment_id).where(OF_ACCOUNT, P.vendor_payment_id.in_(bindparam("ids", expanding=True)))
# An external payment has this decision; only an operator closes one.
EXTERNAL_DECISION = "external:"
CLOSED_VENDOR_IDS = VENDOR_IDS.where(
    P.state == State.CLOSED,
    or_(P.exception == PaymentException.MANUAL_MARK, P.decision_id.startswith(EXTERNAL_DECISION)),
)
PAYMENT_BY_ID = (
    select(schema.payments).where(or_(P.payment_id == bindparam("id"), P.vendor_payment_id == bindparam("id"))).limit(1)
)
PAYMENT_BY_VENDOR_ID = select(schema.payments).where(OF_ACCOUNT, P.vendor_payment_id == bindparam("id"))
CONTROLS = select(schema.controls).where(
    or_(schema.controls.c.account_id == ACCOUNT, schema.controls.c.account_id == bindparam("everybody"))
)
LATEST_OBSERVATIONS = (
    select(OBSERVATIONS)
    .where(OBSERVATIONS.c.account_id == ACCOUNT, OBSERVATIONS.c.kind == bindparam("kind"), OBSERVATIONS.c.seq >= SINCE)
    .order_by(OBSERVATIONS.c.seq.desc())
)
LATEST_OBSERVATION = LATEST_OBSERVATIONS.limit(1)
MAX_LIST_SIZE = select(func.max(OBSERVATIONS.c.figure)).where(
    OBSERVATIONS.c.account_id == ACCOUNT,
    OBSERVATIONS.c.kind == "payments",
    OBSERVATIONS.c.complete,
    OBSERVATIONS.c.at > SINCE,
)
# The last event, not the latest one: a clock that was ahead cannot be taken back from an event.
LAST_EVENT_OF_ACCOUNT = select(EVENTS.c.at).where(EVENTS.c.account_id == ACCOUNT).order_by(EVENTS.c.seq.desc()).limit(1)
LATEST_TIMESTAMPS = select(
    LAST_EVENT_OF_ACCOUNT.scalar_subquery().label("event"),
    select(func.max(OBSERVATIONS.c.at)).where(OBSERVATIONS.c.account_id == ACCOUNT).scalar_subquery().label("observed"),
)
LAST_EVENT = select(EVENTS.c.seq, EVENTS.c.hash).order_by(EVENTS.c.seq.desc()).limit(1)
INSERT_EVENT, INSERT_PAYMENT = EVENTS.insert(), schema.payments.insert()
INSERT_OBSERVATION = OBSERVATIONS.insert().values(
    seq=select(func.coalesce(func.max(OBSERVATIONS.c.seq), 0) + 1).scalar_subquery()
)
# The columns to set come with the parameters.
CAS_UPDATE = update(schema.payments).where(
    P.payment_id == bindparam("of_payment"),
    P.state == bindparam("of_state"),
    P.version == bindparam("of_version"),
)
# SQLite and PostgreSQL have the same syntax here, but SQLAlchemy has a class for each.
_LITE, _POSTGRES = sqlite.insert(schema.controls), postgresql.insert(schema.controls)
UPSERT_CONTROLS: dict[str, Insert] = {
    "sqlite": _LITE.on_conflict_do_update(index_elements=["account_id"], set_=dict(_LITE.excluded)),
    "postgresql": _POSTGRES.on_conflict_do_update(index_elements=["account_id"], set_=dict(_POSTGRES.excluded)),
}
INSERT_NOTICE: dict[str, Insert] = {
    "sqlite": sqlite.insert(schema.outbox).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(schema.outbox).on_conflict_do_nothing(),
}


def read_snapshot(
    connection: Connection, account_id: str, now: datetime, unrecorded: Iterable[PaymentView] = ()
) -> AccountSnapshot:
    """What the ledger knows of an account: with the latest balance, without the vendor's list.

    ``unrecorded`` are payments that the next run would import.
    """
    rows = connection.execute(RECENT_PAYMENTS, {"account": account_id, "since": now - MEMORY}).all()
    payments = (*(_payment_view(*row) for row in rows), *unrecorded)
    account_controls, common_controls = read_controls(connection, account_id)
    balance, latest = None, read_observations(connection, account_id, "balance", 0, 1)
    if latest and latest[0].figure is not None:
        vendor_at = latest[0].payload.get("vendor_at")
        balance = Balance(latest[0].figure, latest[0].at, datetime.fromisoformat(vendor_at) if vendor_at else None)
    instants = connection.execute(LATEST_TIMESTAMPS, {"account": account_id}).one()
    doubts = (account_controls.unproven_until, common_controls.unproven_until)
    more, last = _failures_outside(connection, account_id, payments, now)
    return AccountSnapshot(
        account_id,
        balance=balance,
        payments=payments,
        failures=account_controls.failures + more,
        last_failure_at=max(filter(None, (account_controls.last_failure_at, last)), default=None),
        paused=account_controls.paused or common_controls.paused,
        ledger_at=max(filter(None, instants), default=None),
        unproven_until=max(filter(None, doubts), default=None),
    )


def _payment_view(*row: Any) -> PaymentView:
    payment_id, state, exception, requested, created, at, slot, *columns = row
    freed, status, ends, approved, baseline, credit, since, rail, proof, problem = columns
    arriving = external_arriving_since(state, status, baseline, credit, since)
    head = (payment_id, state, exception, max(requested, created or 0), at, slot is not None)
    return PaymentView(*head, freed, status, ends, approved, arriving, rail, problem, proof == UNITS_DISAGREE)


def _failures_outside(
    connection: Connection, account_id: str, payments: tuple[PaymentView, ...], now: datetime
) -> tuple[int, datetime | None]:
    """Failures of payments that may be ours and are in no ledger; the events are read only if there is such a one."""
    if not any(map(may_be_ours, payments)):
        return 0, None
    parameters = {"account": account_id, "since": now - FAILURES_REMEMBERED}
    return failures_outside(payments, connection.execute(LAST_RESUMED, parameters).scalar(), now)


def read_observations(
    connection: Connection, account_id: str, kind: str, since: int, limit: int | None
) -> list[Observation]:
    """Observations numbered ``since`` and later, newest first."""
    query = LATEST_OBSERVATION if limit == 1 else LATEST_OBSERVATIONS.limit(limit)
    rows = connection.execute(query, {"account": account_id, "kind": kind, "since": since})
    return [Observation(*row) for row in rows]


def read_max_list_size(connection: Connection, account_id: str, since: datetime) -> int:
    """Rows of the largest complete list since then."""
    return connection.execute(MAX_LIST_SIZE, {"account": account_id, "since": since}).scalar() or 0


def read_controls(connection: Connection, account_id: str) -> tuple[AccountControls, AccountControls]:
    """The controls of an account, and those of all accounts."""
    rows = connection.execute(CONTROLS, {"account": account_id, "everybody": schema.ALL_ACCOUNTS})
    by_account = {row.account_id: AccountControls(**row._mapping) for row in rows}
    account_controls, common_controls = (
        by_account.get(name, AccountControls(name)) for name in (account_id, schema.ALL_ACCOUNTS)
    )
    return account_controls, common_controls


NEXT_STEPS = (
    ("lock timeout", "another program holds it: wait, or stop that program"),
    ("idle-in-transaction", "this program stood still for too long: run it again"),
    ("statement timeout", "the database is too slow: look at its load"),
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


WRITTEN_MEANWHILE = "another program began to write the ledger while it was read; repeat the command"
DATABASE_ERRORS = (SQLAlchemyError, sqlite3.Error, OSError)


class LedgerUnavailable(Exception):
    """The ledger cannot be read or written. ``str()`` is one line with the next step; no payment is created."""


def ledger_unavailable(error: BaseException) -> LedgerUnavailable:
    """The error for the user, without statement, parameters or URL."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    text = message_of(cause)
    step = next((step for fragment, step in NEXT_STEPS if fragment in text.lower()), "check SMSONLINE_LEDGER")
    return LedgerUnavailable(f"the ledger cannot be used ({text}); nothing is paid; {step}")


def message_of(cause: BaseException) -> str:
    """What a database says, in one line. PostgreSQL's detail is left out: it shows the row."""
    diagnosis = getattr(cause, "diag", None)
    primary = diagnosis.message_primary if diagnosis else None
    return " ".join((primary or str(cause)).split())[:160] or type(cause).__name__


@contextmanager
def map_database_errors() -> Iterator[None]:
    """Raises ``LedgerUnavailable`` for what a database raises, except for a broken constraint."""
    try:
        yield
    except IntegrityError:
        raise
    except DATABASE_ERRORS as error:
        raise ledger_unavailable(error) from None


class LedgerReader:
    """Reads payments, events, observations and controls. Raises ``LedgerUnavailable`` if it cannot."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def read_transaction(self) -> Iterator[Connection]:
        """A transaction that sees one state of the ledger.

        SQLite's driver leaves the beginning to us (``isolation_level`` is None). The driver's own ``execute`` is used
        because an event handler of SQLAlchemy's makes each statement a tenth slower.
        """
        with map_database_errors(), self.engine.connect() as connection, connection.begin():
            driver = connection.connection.driver_connection
            assert driver is not None
            if connection.dialect.name == "sqlite":
                driver.execute("BEGIN").close()
            else:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            try:
                yield connection
            finally:
                if isinstance(driver, StillFile) and driver.was_written():
                    raise LedgerUnavailable(WRITTEN_MEANWHILE)

    def snapshot(self, account_id: str, now: datetime, unrecorded: Iterable[PaymentView] = ()) -> AccountSnapshot:
        """What the ledger alone knows of an account: the latest balance, no list. Reads a few hundred rows."""
        with self.read_transaction() as connection:
            return read_snapshot(connection, account_id, now, unrecorded)

    def payment(self, payment_id: str) -> Payment | None:
        """One payment, by its id or the vendor's."""
        payments = self._payments(PAYMENT_BY_ID, id=payment_id)
        return payments[0] if payments else None

    def payment_with_vendor_id(self, account_id: str, vendor_id: str) -> Payment | None:
        """The account's payment with an id of the vendor's."""
        payments = self._payments(PAYMENT_BY_VENDOR_ID, account=account_id, id=vendor_id)
        return payments[0] if payments else None

    def payments(
        self, account_id: str | None = None, states: Iterable[State] | None = None, limit: int | None = None
    ) -> list[Payment]:
        """Payments, newest first."""
        wanted = select(schema.payments).order_by(P.counted_at.desc(), P.payment_id.desc()).limit(limit)
        if account_id is not None:
            wanted = wanted.where(P.account_id == account_id)
        if states is not None:
            wanted = wanted.where(P.state.in_(list(states)))
        return self._payments(wanted)

    def tracked_payments(self, account_id: str, since: datetime) -> list[Payment]:
        """The payments that may still change, oldest first: all with a slot, or younger than ``since``."""
        return self._payments(TRACKED_PAYMENTS, account=account_id, since=since)

    def existing_vendor_ids(self, account_id: str, vendor_ids: Iterable[str]) -> frozenset[str]:
        """Those of the vendor's ids that have a payment in the ledger."""
        with self.read_transaction() as connection:
            vendor_ids_found = connection.execute(VENDOR_IDS, {"account": account_id, "ids": sorted(vendor_ids)})
            return frozenset(vendor_ids_found.scalars())

    def closed_vendor_ids(self, account_id: str, vendor_ids: Iterable[str]) -> frozenset[str]:
        """Those of the vendor's ids whose payment an operator closed."""
        with self.read_transaction() as connection:
            closed_ids = connection.execute(CLOSED_VENDOR_IDS, {"account": account_id, "ids": sorted(vendor_ids)})
            return frozenset(closed_ids.scalars())

    def max_list_size(self, account_id: str, since: datetime) -> int:
        """Rows of the largest complete list since then."""
        with self.read_transaction() as connection:
            return read_max_list_size(connection, account_id, since)

    def events(self, payment_id: str | None = None) -> list[Event]:
        """Events in order, of one payment or of the whole ledger."""
        query = select(EVENTS).order_by(EVENTS.c.seq)
        if payment_id is not None:
            query = query.where(EVENTS.c.payment_id == payment_id)
        with self.read_transaction() as connection:
            return [Event(**row._mapping) for row in connection.execute(query)]

    def observations(self, account_id: str, kind: str, since: int = 0, limit: int | None = None) -> list[Observation]:
        """Observations numbered ``since`` and later, newest first."""
        with self.read_transaction() as connection:
            return read_observations(connection, account_id, kind, since, limit)

    def controls(self, account_id: str) -> AccountControls:
        """The controls of an account."""
        with self.read_transaction() as connection:
            return read_controls(connection, account_id)[0]

    def pause_reason(self, account_id: str) -> str:
        """Who paused the account or all accounts, and why; empty if it is not paused."""
        with self.read_transaction() as connection:
            account_controls, common_controls = read_controls(connection, account_id)
            return account_controls.paused or common_controls.paused

    def _payments(self, query: Select[Any], **given: Any) -> list[Payment]:
        with self.read_transaction() as connection:
            return [Payment(*row) for row in connection.execute(query, given).all()]
