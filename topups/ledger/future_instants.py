"""Instants that a clock which was ahead wrote into the ledger: found, and set to now once the clock is right again.

The events stay as they are. Otherwise a cooldown, a back-off or a cap would last until the wrong time has come.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select, update

from topups.ledger import schema
from topups.ledger.ledger import Ledger, UnitOfWork
from topups.ledger.models import Payment
from topups.ledger.queries import LAST_EVENT_OF_ACCOUNT, LedgerReader, read_controls

P, OBSERVED = schema.payments.c, schema.observations.c
# When something happened by our clock. The end of a payment page is the vendor's, a deadline lies ahead.
PAYMENT_INSTANTS = (
    *(P.created_at, P.counted_at, P.state_since, P.sending_at, P.slot_freed_at, P.approved_at, P.listed_at),
    P.absent_at,
)


class RecordedInstants(NamedTuple):
    """The latest observation that is not in the future, and the earliest instant that is; None where there is none."""

    before: datetime | None
    after: datetime | None


def read_instants(reader: LedgerReader, account_id: str, limit: datetime) -> RecordedInstants:
    """The account's instants around ``limit``: what lies behind it is in the future. Raises ``LedgerUnavailable``."""
    observed = select(OBSERVED.at).where(OBSERVED.account_id == account_id)
    earliest = [observed.where(OBSERVED.at > limit).order_by(OBSERVED.at).limit(1), LAST_EVENT_OF_ACCOUNT]
    earliest += [
        select(func.min(column)).where(P.account_id == account_id, column > limit)
        for column in (P.counted_at, P.state_since, P.slot_freed_at)
    ]
    with reader.read_transaction() as connection:
        before = connection.execute(observed.where(OBSERVED.at <= limit).order_by(OBSERVED.at.desc()).limit(1)).scalar()
        found = [connection.execute(query, {"account": account_id}).scalar() for query in earliest]
        found.append(read_controls(connection, account_id)[0].last_failure_at)
    return RecordedInstants(before, min((at for at in found if at and at > limit), default=None))


def correct_future_instants(ledger: Ledger, account_id: str, limit: datetime, now: datetime) -> None:
    """Sets every instant of the account behind ``limit`` to ``now``, with an event per payment.

    Raises ``LedgerUnavailable``.
    """
    with ledger.write_transaction(now) as unit:
        unit.append_event(account_id, "clock_corrected", {"limit": limit})
        unit.connection.execute(
            update(schema.observations).where(OBSERVED.account_id == account_id, OBSERVED.at > limit).values(at=now)
        )
        for row in unit.connection.execute(select(schema.payments).where(P.account_id == account_id)).all():
            _correct_payment(unit, Payment(*row), limit)
        failed_at = read_controls(unit.connection, account_id)[0].last_failure_at
        if failed_at and failed_at > limit:
            unit.update_controls(account_id, "clock_corrected", last_failure_at=now)


def _correct_payment(unit: UnitOfWork, payment: Payment, limit: datetime) -> None:
    instants = {column.name: getattr(payment, column.name) for column in PAYMENT_INSTANTS}
    changes = {name: unit.now for name, at in instants.items() if at and at > limit}
    if changes:
        unit.update(payment, "clock_corrected", changes)
