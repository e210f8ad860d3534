"""The table ``blocked``: per account the reason that stops a due top-up, and since when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from topups.decision.snapshot import Reason, Refusal
from topups.ledger import schema
from topups.ledger.ledger import Ledger
from topups.ledger.queries import LedgerReader

TABLE = schema.blocked
# An unchanged reason is written again after this time only, so that a pass needs no further transaction.
REWRITE_AFTER = timedelta(minutes=10)

_OF_ACCOUNT = TABLE.c.account_id == bindparam("account")
_SELECT, _DELETE = select(TABLE).where(_OF_ACCOUNT), delete(TABLE).where(_OF_ACCOUNT)
_PAUSED_AT = select(func.max(schema.events.c.at)).where(
    schema.events.c.kind == "paused", schema.events.c.account_id.in_([bindparam("account"), schema.ALL_ACCOUNTS])
)
_LITE, _POSTGRES = sqlite.insert(TABLE), postgresql.insert(TABLE)
_UPSERT = {
    "sqlite": _LITE.on_conflict_do_update(index_elements=["account_id"], set_=dict(_LITE.excluded)),
    "postgresql": _POSTGRES.on_conflict_do_update(index_elements=["account_id"], set_=dict(_POSTGRES.excluded)),
}


@dataclass(frozen=True)
class Blocked:
    """What stops a due top-up of one account: the reason, since when without a break, and when it was seen last (UTC).

    A top-up is due while the balance is below the re-order point, or unknown, in a mode that plans payments.
    """

    account_id: str
    reason: Reason
    since: datetime
    seen_at: datetime
    explanation: str


def read_blocked(reader: LedgerReader, account_id: str) -> Blocked | None:
    """What stops the due top-up of an account; None where none is due or nothing stops it.

    Raises ``LedgerUnavailable``.
    """
    with reader.read_transaction() as connection:
        row = connection.execute(_SELECT, {"account": account_id}).one_or_none()
    return None if row is None else Blocked(row.account_id, Reason(row.reason), row.since, row.seen_at, row.explanation)


def read_paused_at(reader: LedgerReader, account_id: str) -> datetime | None:
    """When the account, or all accounts, were paused last. Raises ``LedgerUnavailable``."""
    with reader.read_transaction() as connection:
        paused_at: datetime | None = connection.execute(_PAUSED_AT, {"account": account_id}).scalar()
    return paused_at


def record_blocked(ledger: Ledger, account_id: str, refusal: Refusal | None, now: datetime) -> Blocked | None:
    """Records what stops the due top-up of an account at ``now``; None: nothing does, or none is due.

    The time since when stays while the reason stays. Returns what was recorded before. Raises ``LedgerUnavailable``.
    """
    before = read_blocked(ledger, account_id)
    if refusal is None:
        if before:
            with ledger.write_transaction(now) as unit:
                unit.connection.execute(_DELETE, {"account": account_id})
        return before
    is_same = before is not None and before.reason == refusal.reason
    if before and is_same and timedelta() <= now - before.seen_at < REWRITE_AFTER:
        return before
    since = before.since if before and is_same else now
    values = {"account_id": account_id, "reason": str(refusal.reason), "since": since, "seen_at": now}
    with ledger.write_transaction(now) as unit:
        statement = _UPSERT[unit.connection.dialect.name]
        unit.connection.execute(statement, {**values, "explanation": refusal.explanation})
    return before
