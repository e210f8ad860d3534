"""Transactional outbox: lease, complete and reschedule notices (at-least-once delivery)."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, or_, select, update

from topups.ledger import schema
from topups.ledger.ledger import Ledger
from topups.ledger.models import OutboxRow

OUTBOX = schema.outbox
# Longer than any delivery: a second program must not send what the first is sending.
LEASE = timedelta(minutes=10)


LAST_NOTICE_AT = select(func.max(OUTBOX.c.created_at)).where(
    OUTBOX.c.account_id == bindparam("account"), OUTBOX.c.kind == bindparam("kind")
)
OBSERVATIONS = schema.observations.c
LAST_BALANCE_ABOVE = select(func.max(OBSERVATIONS.seq)).where(
    OBSERVATIONS.account_id == bindparam("account"),
    OBSERVATIONS.kind == "balance",
    OBSERVATIONS.figure >= bindparam("cents"),
)


def lease_batch(ledger: Ledger, account_id: str, now: datetime, limit: int = 50) -> list[OutboxRow]:
    """Leases the waiting notices of an account, oldest first: no one else gets them for ten minutes."""
    free = or_(OUTBOX.c.claimed_until.is_(None), OUTBOX.c.claimed_until < now)
    waiting = (OUTBOX.c.account_id == account_id, OUTBOX.c.done_at.is_(None))
    with ledger.read_transaction() as connection:  # usually there is none, which needs no lock
        if connection.execute(select(OUTBOX.c.key).where(*waiting, free).limit(1)).first() is None:
            return []
    with ledger.write_transaction(now) as unit:
        query = select(OUTBOX).where(*waiting, free).order_by(OUTBOX.c.created_at, OUTBOX.c.key).limit(limit)
        rows = [OutboxRow(*row) for row in unit.connection.execute(query)]
        keys = [row.key for row in rows]
        columns = {"claimed_until": now + LEASE, "attempts": OUTBOX.c.attempts + 1}
        unit.connection.execute(update(OUTBOX).where(OUTBOX.c.key.in_(keys)).values(columns))
        return rows


def mark_done(ledger: Ledger, key: str, now: datetime, outcome: str) -> None:
    """Completes a notice that was delivered, or is stale; ``outcome`` says which."""
    with ledger.write_transaction(now) as unit:
        columns = {"done_at": now, "claimed_until": None, "outcome": outcome}
        unit.connection.execute(update(OUTBOX).where(OUTBOX.c.key == key).values(columns))


def reschedule(ledger: Ledger, key: str, now: datetime, outcome: str, retry_at: datetime) -> None:
    """Ends the lease of a notice that was not delivered; it waits until ``retry_at``."""
    with ledger.write_transaction(now) as unit:
        columns = {"claimed_until": retry_at, "outcome": outcome}
        unit.connection.execute(update(OUTBOX).where(OUTBOX.c.key == key).values(columns))


def last_notice_at(ledger: Ledger, account_id: str, kind: str) -> datetime | None:
    """When a notice of this kind was last written for an account."""
    with ledger.read_transaction() as connection:
        created_at: datetime | None = connection.execute(LAST_NOTICE_AT, {"account": account_id, "kind": kind}).scalar()
        return created_at


def existing_keys(ledger: Ledger, keys: Iterable[str]) -> frozenset[str]:
    """Those of ``keys`` that name a notice which was written before."""
    wanted = sorted(keys)
    if not wanted:
        return frozenset()
    with ledger.read_transaction() as connection:
        return frozenset(connection.execute(select(OUTBOX.c.key).where(OUTBOX.c.key.in_(wanted))).scalars())


def low_balance_episode(ledger: Ledger, account_id: str, reorder_point_cents: int) -> int:
    """Identifies the present low-balance episode: the last observation at or above ``reorder_point_cents``."""
    with ledger.read_transaction() as connection:
        return (
            connection.execute(LAST_BALANCE_ABOVE, {"account": account_id, "cents": reorder_point_cents}).scalar() or 0
        )
