"""Instants that a clock which was ahead wrote into the ledger: found, and set to now once the clock is right again.

The events stay as they are. Otherwise a cooldown, a back-off or a cap would last until the wrong time has come.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, bindparam, func, select, update

from topups.ledger import schema
from topups.ledger.ledger import Ledger, UnitOfWork
from topups.ledger.models import Payment
from topups.ledger.queries import ACCOUNT, LAST_EVENT_OF_ACCOUNT, MEMORY, LedgerReader, read_controls

P, OBSERVED = schema.payments.c, schema.observations.c
# When something happened by our clock. The end of a payment page is the vendor's; a deadline follows its request.
PAYMENT_INSTANTS = (
    *(P.created_at, P.counted_at, P.state_since, P.sending_at, P.slot_freed_at, P.approved_at, P.listed_at),
    P.absent_at,
)


LIMIT: BindParameter[Any] = bindparam("limit")
OF_ACCOUNT = OBSERVED.account_id == ACCOUNT
FIRST_OBSERVATION_AFTER = (
    select(OBSERVED.at, OBSERVED.seq).where(OF_ACCOUNT, OBSERVED.at > LIMIT).order_by(OBSERVED.seq).limit(1)
)
LAST_OBSERVATION_BEFORE = (
    select(OBSERVED.at)
    .where(OF_ACCOUNT, OBSERVED.at <= LIMIT, OBSERVED.seq < bindparam("first"))
    .order_by(OBSERVED.at.desc())
    .limit(1)
)
FIRST_OF_PAYMENTS_AFTER = select(
    *(
        select(func.min(column)).where(P.account_id == ACCOUNT, column > LIMIT).scalar_subquery().label(column.name)
        for column in (P.counted_at, P.state_since, P.slot_freed_at)
    )
)
BEYOND_ALL = 2**62


class RecordedInstants(NamedTuple):
    """The earliest instant in the future, and the latest observation before it; None where there is none.

    ``before`` was also written before: what a clock that fell back has recorded since is not meant.
    """

    before: datetime | None
    after: datetime | None


def read_instants(reader: LedgerReader, account_id: str, limit: datetime) -> RecordedInstants:
    """The account's instants around ``limit``: what lies behind it is in the future. Raises ``LedgerUnavailable``."""
    given = {"account": account_id, "limit": limit}
    with reader.read_transaction() as connection:
        first = connection.execute(FIRST_OBSERVATION_AFTER, given).one_or_none()
        upto = given | {"first": first.seq if first else BEYOND_ALL}
        before = connection.execute(LAST_OBSERVATION_BEFORE, upto).scalar()
        instants = [
            first and first.at,
            connection.execute(LAST_EVENT_OF_ACCOUNT, {"account": account_id}).scalar(),
            *connection.execute(FIRST_OF_PAYMENTS_AFTER, given).one(),
            read_controls(connection, account_id)[0].last_failure_at,
        ]
    return RecordedInstants(before, min((at for at in instants if at and at > limit), default=None))


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
        for name in (account_id, schema.ALL_ACCOUNTS):
            controls = read_controls(unit.connection, name)[0]
            changes: dict[str, Any] = (
                {"last_failure_at": now} if controls.last_failure_at and controls.last_failure_at > limit else {}
            )
            if controls.unproven_until and controls.unproven_until > limit + MEMORY:
                changes["unproven_until"] = now + MEMORY
            if changes:
                unit.update_controls(name, "clock_corrected", **changes)


def _correct_payment(unit: UnitOfWork, payment: Payment, limit: datetime) -> None:
    instants = {column.name: getattr(payment, column.name) for column in PAYMENT_INSTANTS}
    changes = {name: unit.now for name, at in instants.items() if at and at > limit}
    if "sending_at" in changes and payment.sending_at and payment.deadline_at:
        changes["deadline_at"] = unit.now + (payment.deadline_at - payment.sending_at)
    if changes:
        unit.update(payment, "clock_corrected", changes)
