"""Transactional outbox: lease, complete and reschedule notices (at-least-once delivery)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, case, func, or_, select, update

from topups.ledger import schema
from topups.ledger.ledger import Ledger
from topups.ledger.models import OutboxRow

OUTBOX = schema.outbox
# Longer than any delivery: a second program must not send what the first is sending.
LEASE = timedelta(minutes=10)


# The outcome of a notice that a service accepted.
DELIVERED = "delivered"
# The outcome of a notice that would have been misleading by the time of its delivery begins with this.
NOT_SENT = "not sent"
IS_SENT = OUTBOX.c.outcome.not_like(f"{NOT_SENT}%")
LAST_NOTICE = select(
    func.max(OUTBOX.c.created_at),
    func.max(case((IS_SENT, OUTBOX.c.created_at))),
    func.max(case((OUTBOX.c.outcome == DELIVERED, OUTBOX.c.created_at))),
).where(OUTBOX.c.account_id == bindparam("account"), OUTBOX.c.kind.like(bindparam("kind")))
LAST_PAYMENT_NOTICE_AT = select(func.max(OUTBOX.c.created_at)).where(
    OUTBOX.c.account_id == bindparam("account"),
    OUTBOX.c.payment_id.in_(bindparam("payments", expanding=True)),
    OUTBOX.c.kind != "withdrawn",
    IS_SENT,
)
PAYMENT_NOTICES = select(OUTBOX.c.kind, OUTBOX.c.outcome).where(OUTBOX.c.payment_id == bindparam("payment"))


class LastNotice(NamedTuple):
    """When the last notice of a kind was written, the last one that is not stale, and the last that was delivered.

    None where there is none.
    """

    at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None


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


def last_notice(ledger: Ledger, account_id: str, kind: str) -> LastNotice:
    """The last notice of this kind for an account; ``kind`` is a pattern of SQL's ``LIKE``."""
    with ledger.read_transaction() as connection:
        return LastNotice(*connection.execute(LAST_NOTICE, {"account": account_id, "kind": kind}).one())


def existing_keys(ledger: Ledger, keys: Iterable[str]) -> frozenset[str]:
    """Those of ``keys`` that name a notice which was written before."""
    wanted = sorted(keys)
    if not wanted:
        return frozenset()
    with ledger.read_transaction() as connection:
        return frozenset(connection.execute(select(OUTBOX.c.key).where(OUTBOX.c.key.in_(wanted))).scalars())


def last_payment_notice_at(ledger: Ledger, account_id: str, payment_ids: Sequence[str]) -> datetime | None:
    """When a notice about one of the payments was last written that is neither stale nor withdraws it."""
    if not payment_ids:
        return None
    parameters = {"account": account_id, "payments": list(payment_ids)}
    with ledger.read_transaction() as connection:
        written_at: datetime | None = connection.execute(LAST_PAYMENT_NOTICE_AT, parameters).scalar()
        return written_at


def payment_notices(ledger: Ledger, payment_id: str) -> dict[str, str]:
    """The outcome of each notice about a payment by its kind; empty while it waits."""
    with ledger.read_transaction() as connection:
        return {row.kind: row.outcome for row in connection.execute(PAYMENT_NOTICES, {"payment": payment_id})}
