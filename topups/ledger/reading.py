"""From rows to what decisions look at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select

from topups.ledger import schema
from topups.ledger.rows import Controls, Draft, Observation, Payment
from topups.ports import Balance
from topups.snapshot import PaymentFact, Snapshot
from topups.states import LEGAL, Oddity, State

# Longer than the longest window, so that no rule misses a payment.
REMEMBERED = timedelta(days=31)
# May still move by itself; after a credit or a failure only a surprise comes, and that is looked for while it is young.
UNFINISHED = tuple(s for s, following in LEGAL.items() if following and s not in (State.CREDITED, State.FAILED))

P, EVENTS, SEEN = schema.payments.c, schema.events, schema.observations
FACTS = (
    *(P.payment_id, P.state, P.exception, P.amount_cents, P.vendor_amount_cents, P.counted_at, P.slot),
    *(P.slot_freed_at, P.vendor_status, P.ends_at, P.approved_at),
)


def read_snapshot(connection: Connection, account_id: str, now: datetime) -> Snapshot:
    """What the ledger knows of an account. The latest balance comes with it, the vendor's list does not."""
    recent = or_(P.counted_at > now - REMEMBERED, P.state.in_(UNFINISHED), P.slot.is_not(None))
    rows = connection.execute(select(*FACTS).where(P.account_id == account_id, recent))
    payments = tuple(
        PaymentFact(id_, state, oddity, max(asked, made or 0), at, slot is not None, freed, status, ends, agreed)
        for id_, state, oddity, asked, made, at, slot, freed, status, ends, agreed in rows
    )
    switches = {
        row.account_id: row
        for row in connection.execute(
            select(schema.controls).where(schema.controls.c.account_id.in_([account_id, schema.EVERY_ACCOUNT]))
        )
    }
    own = switches.get(account_id)
    balance, seen_at = _latest_balance(connection, account_id)
    return Snapshot(
        account_id,
        balance=balance,
        payments=payments,
        failures=own.failures if own else 0,
        last_failure_at=own.last_failure_at if own else None,
        paused=next((row.paused for row in switches.values() if row.paused), ""),
        ledger_at=max(filter(None, (seen_at, _last_event_at(connection, account_id))), default=None),
    )


def read_observations(
    connection: Connection, account_id: str, kind: str, since: int, limit: int | None
) -> list[Observation]:
    """Observations numbered ``since`` and later, newest first."""
    wanted = (SEEN.c.account_id == account_id, SEEN.c.kind == kind, SEEN.c.seq >= since)
    query = select(SEEN).where(*wanted).order_by(SEEN.c.seq.desc()).limit(limit)
    return [Observation(**row._mapping) for row in connection.execute(query)]


def read_controls(connection: Connection, account_id: str) -> Controls:
    """The switches of an account."""
    table = schema.controls
    row = connection.execute(select(table).where(table.c.account_id == account_id)).one_or_none()
    return Controls(**row._mapping) if row else Controls(account_id)


def planned(draft: Draft, now: datetime, **columns: Any) -> Payment:
    """A draft as a row that has not been anywhere yet."""
    empty: dict[str, Any] = dict.fromkeys(Payment.__dataclass_fields__)
    given = dict.fromkeys(("created_at", "counted_at", "state_since"), now)
    start = {"state": State.PLANNED, "exception": Oddity.NONE, "vendor_status": "", "detail": ""}
    counters = {"absences": 0, "version": 0}
    return Payment(**{**empty, **start, **counters, **given, **draft.__dict__, **columns})


def _latest_balance(connection: Connection, account_id: str) -> tuple[Balance | None, datetime | None]:
    found = read_observations(connection, account_id, "balance", 0, 1)
    if not found or found[0].figure is None:
        return None, None
    told = found[0].facts.get("vendor_at")
    vendor_at = datetime.fromisoformat(told) if told else None
    return Balance(found[0].figure, found[0].at, vendor_at), found[0].at


def _last_event_at(connection: Connection, account_id: str) -> datetime | None:
    query = select(EVENTS.c.at).where(EVENTS.c.account_id == account_id).order_by(EVENTS.c.seq.desc()).limit(1)
    found: datetime | None = connection.execute(query).scalar()
    return found
