"""Timestamps of the vendor's list: the zone of its texts, and when a row without a creation was first seen.

The zone is not documented. The creation of a payment of ours against the time of our request tells the offset from the
configured zone; before the first such payment, a creation in the future tells the least it can be. Only texts without a
zone are corrected.
"""

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timedelta

from topups.gateway import PaymentList, VendorPayment
from topups.ledger.models import OutboxMessage, Payment
from topups.payment_states import PaymentException, State
from topups.workflow.context import TopUpContext

# Clocks, and the time that a request takes.
DOUBT = timedelta(minutes=10)
# Zones differ from UTC by whole hours, some by halves, few by quarters: the coarsest that fits is taken.
STEPS = (timedelta(hours=1), timedelta(minutes=30), timedelta(minutes=15))
MAX_OFFSET = timedelta(hours=14)
OBSERVATION = "zone"


def with_usable_times(
    context: TopUpContext, listing: PaymentList, payments: list[Payment], *, record: bool = False
) -> PaymentList:
    """The list with corrected local times, and with the time of the first sight where a row has no creation.

    ``payments`` are the tracked ones. With ``record`` an offset that a payment of ours tells is written to the ledger.
    """
    measured = _measured_offset(listing, payments)
    offset = _assumed_offset(context, listing) if measured is None else measured
    if record and measured is not None:
        _record_offset(context, listing.zone, measured)
    rows = [_corrected(row, offset) for row in listing.rows] if offset else list(listing.rows)
    if any(row.created_at is None for row in rows):
        first_seen = {payment.vendor_payment_id: payment.counted_at for payment in payments}
        undated = {row.vendor_id for row in rows if row.created_at is None} - first_seen.keys()
        # What is in the ledger and not tracked any more is old.
        old = context.ledger.existing_vendor_ids(context.account_id, undated) if undated else frozenset()
        first_seen |= dict.fromkeys(old, listing.at - context.policy.list_memory)
        rows = [dataclasses.replace(r, created_at=r.created_at or first_seen.get(r.vendor_id)) for r in rows]
    return dataclasses.replace(listing, rows=tuple(rows))


def _measured_offset(listing: PaymentList, payments: Iterable[Payment]) -> timedelta | None:
    """How far the vendor's local times are ahead of the configured zone, by our newest payment that tells it."""
    local = {row.vendor_id: row for row in listing.rows if "created_at" in row.local_times}
    measured = [_offset_of(payment, local, listing.at) for payment in payments] if local else []
    return next((offset for offset in reversed(measured) if offset is not None), None)  # the oldest comes first


def _assumed_offset(context: TopUpContext, listing: PaymentList) -> timedelta:
    """The offset measured last under this setting, or the least that no creation lies in the future with."""
    local = [row.created_at for row in listing.rows if row.created_at and "created_at" in row.local_times]
    if not local:
        return timedelta()
    observed = context.ledger.observations(context.account_id, OBSERVATION, limit=1)
    if observed and observed[0].payload.get("zone") == listing.zone:
        return timedelta(minutes=observed[0].figure or 0)
    newest = max(local)
    return (newest > listing.at and offset_between(newest, listing.at, listing.at)) or timedelta()


def offset_between(created_at: datetime, earliest: datetime, latest: datetime) -> timedelta | None:
    """The offset that moves ``created_at`` between the two times, in doubt none; None if no zone does."""
    if earliest - DOUBT <= created_at <= latest + DOUBT:
        return timedelta()
    for step in STEPS:
        offset = round((created_at - earliest) / step) * step
        for candidate in (offset, offset - step):
            if abs(candidate) <= MAX_OFFSET and earliest - DOUBT <= created_at - candidate <= latest + DOUBT:
                return candidate
    return None


def _record_offset(context: TopUpContext, zone: str, offset: timedelta) -> None:
    """Records an offset, and one notice of it; again only when it changes."""
    observed = context.ledger.observations(context.account_id, OBSERVATION, limit=1)
    before = (observed[0].figure, observed[0].payload.get("zone")) if observed else (0, zone)
    minutes = offset // timedelta(minutes=1)
    if before == (minutes, zone):
        return
    payload = {"zone": zone, "offset_minutes": minutes}
    notice = OutboxMessage("zone", f"{context.account_id}:zone:{zone}:{minutes}", payload)
    now = context.clock.now()
    with context.ledger.write_transaction(now) as unit:
        unit.record_observation(
            context.account_id, OBSERVATION, now, complete=True, figure=minutes, payload={"zone": zone}
        )
        unit.enqueue_notices(context.account_id, [notice] if minutes else [])


def _offset_of(payment: Payment, rows: dict[str, VendorPayment], at: datetime) -> timedelta | None:
    row = _row_of(payment, rows) if _is_ours(payment) else None
    if row is None or row.created_at is None or payment.sending_at is None:
        return None
    return offset_between(row.created_at, payment.sending_at, payment.listed_at or at)


def _is_ours(payment: Payment) -> bool:
    """Whether its row was found by its id, not guessed."""
    return payment.sending_at is not None and payment.exception != PaymentException.ADOPTED


def _row_of(payment: Payment, rows: dict[str, VendorPayment]) -> VendorPayment | None:
    """The row of a payment, or the one that its create response names."""
    if payment.vendor_payment_id:
        return rows.get(payment.vendor_payment_id)
    if payment.state not in (State.SENDING, State.UNKNOWN):
        return None
    names = {payment.create_response.session_id, payment.create_response.order_id} - {""}
    return next((row for row in rows.values() if names & {row.vendor_id, row.session_id}), None)


def _corrected(row: VendorPayment, offset: timedelta) -> VendorPayment:
    times = {name: getattr(row, name) for name in row.local_times}
    return dataclasses.replace(row, **{name: time - offset for name, time in times.items() if time})
