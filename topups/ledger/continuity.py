"""Whether the ledger is complete: compares it with what is recorded elsewhere, and keeps the doubt in the ledger.

A ledger that was restored, replaced or made anew may lack requests that it sent. Until ``unproven_until`` of the
controls, rows of the vendor that it sees for the first time count as requests of its own. The doubt about a whole
ledger is in the controls of all accounts, that about an account that is new to it in the account's own.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from topups.gateway import PaymentList
from topups.ledger import schema
from topups.ledger.companion_files import LedgerWatermark
from topups.ledger.ledger import Ledger, UnitOfWork
from topups.ledger.models import AccountControls, OutboxMessage
from topups.ledger.queries import LAST_EVENT, MEMORY, read_controls
from topups.ledger.schema import ALL_ACCOUNTS
from topups.payment_states import OUTCOME_PENDING
from topups.policy import MINUTE, Policy

EVENTS, OBSERVATIONS, PAYMENTS = schema.events.c, schema.observations.c, schema.payments.c
NEW = "the ledger is new: payments of the last month may be its own"


def present_watermark(ledger: Ledger, requested_at: datetime | None = None) -> LedgerWatermark:
    """The ledger's identity and last event; number 0 while it has none."""
    with ledger.read_transaction() as connection:
        return _present(connection, requested_at)


def check_continuity(
    ledger: Ledger, account_id: str, watermarks: Iterable[LedgerWatermark], policy: Policy, now: datetime
) -> str:
    """Records what the ledger cannot prove, with an urgent notice where it contradicts a watermark.

    Returns the contradiction in one line, or an empty text. The caller then replaces the watermarks.
    """
    given = list(watermarks)
    with ledger.read_transaction() as connection:  # usually nothing is to be written, which needs no lock
        contradiction = _contradiction(connection, given)
        account, common = read_controls(connection, account_id)
        if not contradiction and not _is_new(account) and not _extended_until(connection, common, policy, now):
            return ""
    with ledger.write_transaction(now) as unit:
        contradiction = _contradiction(unit.connection, given)
        _record(unit, account_id, contradiction, policy)
    return contradiction


def doubted_until(
    ledger: Ledger, account_id: str, watermarks: Iterable[LedgerWatermark], policy: Policy, now: datetime
) -> datetime | None:
    """Until when ``check_continuity`` would doubt what the ledger does not doubt yet; records nothing."""
    with ledger.read_transaction() as connection:
        if _contradiction(connection, watermarks):
            return _end_of_doubt(policy, now)
        is_new = _is_new(read_controls(connection, account_id)[0])
        return _first_seen(connection, account_id, now) + MEMORY if is_new else None


def is_request_missing(ledger: Ledger, requested_at: datetime) -> bool:
    """Whether the ledger has no payment whose request left at this time."""
    with ledger.read_transaction() as connection:
        query = select(PAYMENTS.payment_id).where(PAYMENTS.sending_at == requested_at).limit(1)
        return connection.execute(query).first() is None


class Watch(NamedTuple):
    """How the vendor's list was read before the present one. ``since``: the last time, None after a gap or never.

    ``steady``: without a gap in the ``unknown_quiescence`` before either, as a payment may appear that late.
    """

    since: datetime | None
    steady: bool


def read_watch(
    ledger: Ledger, account_id: str, listing: PaymentList, policy: Policy, *, is_recorded: bool = True
) -> Watch:
    """How long the list has been watched when ``listing``, the newest recorded one, was read."""
    query = (
        select(OBSERVATIONS.at)
        .where(OBSERVATIONS.account_id == account_id, OBSERVATIONS.kind == "payments", OBSERVATIONS.complete)
        .where(OBSERVATIONS.at > listing.at - policy.unknown_quiescence - policy.watch_gap)
        .order_by(OBSERVATIONS.seq.desc())
    )
    with ledger.read_transaction() as connection:
        times: list[datetime] = list(connection.execute(query).scalars())[is_recorded and listing.complete :]
    if not times or listing.at - times[0] >= policy.watch_gap:
        return Watch(None, False)
    for newer, older in zip(times, [*times[1:], None], strict=True):
        if newer <= listing.at - policy.unknown_quiescence:
            break
        if older is None or newer - older >= policy.watch_gap:
            return Watch(times[0], False)
    return Watch(times[0], True)


def _present(connection: Connection, requested_at: datetime | None = None) -> LedgerWatermark:
    last = connection.execute(LAST_EVENT).one_or_none()
    ledger_id = connection.execute(select(schema.identity.c.ledger_id)).scalar_one()
    seq, hash_ = (last.seq, last.hash) if last else (0, "")
    return LedgerWatermark(ledger_id, seq, hash_, requested_at)


def _contradiction(connection: Connection, watermarks: Iterable[LedgerWatermark]) -> str:
    present = _present(connection)
    problems = (_problem(connection, present, watermark) for watermark in watermarks)
    return next(filter(None, problems), "")


def _problem(connection: Connection, present: LedgerWatermark, watermark: LedgerWatermark) -> str:
    """Why the ledger is not the one that the watermark was written for, or an earlier state of it."""
    if watermark.problem:
        return f"{watermark.problem}, so the ledger may lack its last payments"
    if watermark.ledger_id and watermark.ledger_id != present.ledger_id:
        return "the ledger was replaced by another one, which may lack payments"
    if watermark.seq > present.seq:
        return f"the ledger is an earlier copy: its last {watermark.seq - present.seq} changes are missing"
    if watermark.seq:
        present_hash = connection.execute(select(EVENTS.hash).where(EVENTS.seq == watermark.seq)).scalar()
        if present_hash != watermark.hash:
            return "the ledger is a copy that was used instead of the original: payments of the other are missing"
    return ""


def _extended_until(connection: Connection, common: AccountControls, policy: Policy, now: datetime) -> datetime | None:
    """A later end of a doubt about the ledger: its rows were not looked at, or could not be attributed, in time."""
    until = common.unproven_until
    if until is None or not common.unproven_reason or until > now + policy.unknown_quiescence - MINUTE:
        return None
    query = select(func.max(OBSERVATIONS.at)).where(OBSERVATIONS.kind == "payments", OBSERVATIONS.complete)
    listed_at = connection.execute(query.where(OBSERVATIONS.at > now - MEMORY)).scalar()
    unseen = listed_at is None or listed_at < until - policy.unknown_quiescence
    pending = select(PAYMENTS.payment_id).where(PAYMENTS.state.in_(OUTCOME_PENDING), PAYMENTS.state_since < until)
    if unseen or connection.execute(pending.limit(1)).first():
        return now + policy.unknown_quiescence
    return None


def _end_of_doubt(policy: Policy, now: datetime) -> datetime:
    """Until when rows that a contradicted ledger sees for the first time may be its own."""
    return now + (MEMORY if policy.list_shows_paid_only else policy.unknown_quiescence)


def _is_new(account: AccountControls) -> bool:
    """Whether nothing was ever decided about what the ledger can prove of this account."""
    return account.unproven_until is None


def _record(unit: UnitOfWork, account_id: str, contradiction: str, policy: Policy) -> None:
    now, connection = unit.now, unit.connection
    account, common = read_controls(connection, account_id)
    if _is_new(account):
        until = _first_seen(connection, account_id, now) + MEMORY
        reason = NEW if until > now else ""
        unit.update_controls(account_id, "unproven", unproven_until=until, unproven_reason=reason)
    until = _extended_until(connection, common, policy, now) or now
    if contradiction:
        until = _end_of_doubt(policy, now)
    if until == now or (common.unproven_until and common.unproven_until > until - MINUTE):
        return
    reason = contradiction or common.unproven_reason
    unit.update_controls(ALL_ACCOUNTS, "unproven", unproven_until=until, unproven_reason=reason)
    if contradiction and (common.unproven_until is None or common.unproven_until < now):
        explanation = f"{contradiction}; compare the payments with the vendor's site, then run smsonline topup adopt"
        payload = {"reason": "LEDGER_UNPROVEN", "facts": explanation}
        key = f"{account_id}:unproven:{now:%Y%m%dT%H%M%S}"
        unit.enqueue_notices(account_id, [OutboxMessage("unproven", key, payload)])


def _first_seen(connection: Connection, account_id: str, now: datetime) -> datetime:
    """When the ledger first recorded anything about an account; now if it never did."""
    tables = (EVENTS, OBSERVATIONS)
    times = [connection.execute(select(func.min(c.at)).where(c.account_id == account_id)).scalar() for c in tables]
    return min(filter(None, times), default=now)
