"""Queries of the ledger, and the conversion of its rows to what decisions use."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, func, literal_column, or_, select

from topups.decision.snapshot import AccountSnapshot, PaymentView, external_arriving_since
from topups.gateway import Balance, VendorPayment
from topups.ledger import schema
from topups.ledger.models import AccountControls, NewPayment, Observation, Payment
from topups.payment_states import TRACKED, TRANSITIONS, PaymentException, State

# Longer than the longest window, so that no rule misses a payment.
MEMORY = timedelta(days=31)
# May still change by itself. After a credit or a failure that is rare, so only young payments are tracked.
UNFINISHED = tuple(s for s, following in TRANSITIONS.items() if following and s not in (State.CREDITED, State.FAILED))

P, EVENTS, OBSERVATIONS = schema.payments.c, schema.events, schema.observations


def _in_states(states: Iterable[State]) -> ColumnElement[bool]:
    """Literals instead of thirty parameters, which would cost more than the rest of the query."""
    return P.state.in_([literal_column(f"'{state}'") for state in states])


PAYMENT_VIEW_COLUMNS = (
    *(P.payment_id, P.state, P.exception, P.amount_cents, P.vendor_amount_cents, P.counted_at, P.slot),
    *(P.slot_freed_at, P.vendor_status, P.ends_at, P.approved_at, P.baseline, P.credit, P.state_since),
)
ACCOUNT: BindParameter[str] = bindparam("account")
SINCE: BindParameter[Any] = bindparam("since")
OF_ACCOUNT = P.account_id == ACCOUNT
ACTIVE = or_(_in_states(UNFINISHED), P.slot.is_not(None))

# Built once: building a statement costs more than running it.
RECENT_PAYMENTS = select(*PAYMENT_VIEW_COLUMNS).where(OF_ACCOUNT, or_(P.counted_at > SINCE, ACTIVE))
TRACKED_PAYMENTS = (
    select(schema.payments)
    .where(OF_ACCOUNT, or_(ACTIVE, and_(P.counted_at >= SINCE, _in_states(sorted(TRACKED)))))
    .order_by(P.payment_id)
)
VENDOR_IDS = select(P.vendor_payment_id).where(OF_ACCOUNT, P.vendor_payment_id.in_(bindparam("ids", expanding=True)))
PAYMENT_BY_ID = (
    select(schema.payments).where(or_(P.payment_id == bindparam("id"), P.vendor_payment_id == bindparam("id"))).limit(1)
)
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
LATEST_TIMESTAMPS = select(
    *(
        select(func.max(table.c.at)).where(table.c.account_id == ACCOUNT).scalar_subquery().label(table.name)
        for table in (EVENTS, OBSERVATIONS)
    )
)


def read_snapshot(connection: Connection, account_id: str, now: datetime) -> AccountSnapshot:
    """What the ledger knows of an account: with the latest balance, without the vendor's list."""
    rows = connection.execute(RECENT_PAYMENTS, {"account": account_id, "since": now - MEMORY}).all()
    payments = tuple(
        PaymentView(
            *(id_, state, exception, max(requested, created or 0), at, slot is not None, freed, status, ends, approved),
            external_arriving_since(state, status, *since),
        )
        for id_, state, exception, requested, created, at, slot, freed, status, ends, approved, *since in rows
    )
    account_controls, common_controls = read_controls(connection, account_id)
    instants = connection.execute(LATEST_TIMESTAMPS, {"account": account_id}).one()
    return AccountSnapshot(
        account_id,
        balance=_latest_balance(connection, account_id),
        payments=payments,
        failures=account_controls.failures,
        last_failure_at=account_controls.last_failure_at,
        paused=account_controls.paused or common_controls.paused,
        ledger_at=max(filter(None, instants), default=None),
    )


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


def new_payment(draft: NewPayment, now: datetime, **columns: Any) -> Payment:
    """A new payment as a row in state PLANNED."""
    empty: dict[str, Any] = dict.fromkeys(Payment.__dataclass_fields__)
    given = dict.fromkeys(("created_at", "counted_at", "state_since"), now)
    start = {"state": State.PLANNED, "exception": PaymentException.NONE, "vendor_status": "", "detail": ""}
    counters = {"absences": 0, "version": 0}
    return Payment(**{**empty, **start, **counters, **given, **draft.__dict__, **columns})


def external_payment(
    account_id: str,
    payment_id: str,
    row: VendorPayment,
    exception: PaymentException,
    now: datetime,
    baseline: int | None,
) -> Payment:
    """A payment that someone else made at the vendor, as a row."""
    draft = NewPayment(payment_id, account_id, f"external:{row.vendor_id}", row.method[:32], row.amount_cents)
    return new_payment(
        draft,
        now,
        state=State.EXTERNAL,
        exception=exception,
        vendor_payment_id=row.vendor_id,
        session_id=row.session_id or None,
        vendor_status=row.status,
        vendor_amount_cents=row.amount_cents,
        ends_at=row.ends_at,
        # A suspected duplicate counts from now: the vendor's own time has no documented zone.
        counted_at=min(row.created_at or now, now) if exception != PaymentException.DUPLICATE_SUSPECTED else now,
        listed_at=now,
        baseline=baseline,
    )


def _latest_balance(connection: Connection, account_id: str) -> Balance | None:
    latest = read_observations(connection, account_id, "balance", 0, 1)
    if not latest or latest[0].figure is None:
        return None
    vendor_at = latest[0].payload.get("vendor_at")
    return Balance(latest[0].figure, latest[0].at, datetime.fromisoformat(vendor_at) if vendor_at else None)
