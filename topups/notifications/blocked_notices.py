"""Notices about what stops a due top-up: when it begins, once a day while it lasts, and one when it is over."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from topups.decision.snapshot import AccountSnapshot, PaymentPlan, Reason, Refusal
from topups.ledger import outbox
from topups.ledger.blocked import Blocked
from topups.ledger.ledger import Ledger
from topups.ledger.models import OutboxMessage, Payment
from topups.payment_states import State, awaits_credit
from topups.policy import DAY, HOUR, MINUTE, Policy
from topups.vendor.statuses import is_payable_or_pending

BLOCKED, UNBLOCKED = "blocked_", "unblocked"
# Reasons that mean progress, each with the time that it may last before it is reported. Every other reason is reported
# when it begins.
NORMAL_DURATION: Mapping[Reason, timedelta] = {
    Reason.IN_FLIGHT: 30 * MINUTE,
    Reason.PAYMENT_OPEN_AT_VENDOR: 30 * MINUTE,
    Reason.OUTCOME_UNKNOWN: 30 * MINUTE,
    Reason.AWAITING_APPROVAL: 30 * MINUTE,
    Reason.PAID_NOT_CREDITED: 45 * MINUTE,
    Reason.COOLDOWN: 45 * MINUTE,
    Reason.LOST_RACE: 15 * MINUTE,
    Reason.NOT_SENT_STALE: 15 * MINUTE,
    Reason.NOT_EXECUTED: HOUR,
}
# A payment was requested, or a person is asked: the top-up is no longer stopped.
CONTINUES = frozenset(
    {Reason.IN_FLIGHT, Reason.PAYMENT_OPEN_AT_VENDOR, Reason.PAID_NOT_CREDITED, Reason.AWAITING_APPROVAL}
)
# While a payment that people were notified of is under way, a list that cannot be read stops nothing yet.
LIST_REASONS = frozenset({Reason.VENDOR_LIST_UNAVAILABLE, Reason.VENDOR_LIST_INCOMPLETE})
# Their explanation is about a payment; these have notices of their own.
PAYMENT_REASONS = CONTINUES | LIST_REASONS | {Reason.OUTCOME_UNKNOWN, Reason.ANOMALOUS_BURN}
SLOTLESS_BLOCKERS = (State.AWAITING_APPROVAL, State.LATE_CONFIRMING, State.PAID_LATE)


def queue_blocked_notice(
    ledger: Ledger,
    snapshot: AccountSnapshot,
    payments: Sequence[Payment],
    refusal: Refusal,
    before: Blocked | None,
    policy: Policy,
    now: datetime,
) -> None:
    """Writes the notice about a refusal that stops a due top-up, unless it is normal for now or was written today.

    ``payments`` are the tracked ones; ``before`` is what was recorded before this refusal. Raises
    ``LedgerUnavailable``.
    """
    reason, account_id = refusal.reason, snapshot.account_id
    since = before.since if before and before.reason == reason else now
    blocking = [payment for payment in payments if _blocks_topup(payment, now)]
    normal = NORMAL_DURATION.get(reason, timedelta())
    if reason in PAYMENT_REASONS and _reported_today(ledger, account_id, blocking, now):
        normal = DAY if reason not in LIST_REASONS else 30 * MINUTE
    if now - since < normal:
        return
    kind = f"{BLOCKED}{reason.lower()}"
    last = outbox.last_notice(ledger, account_id, kind)
    ended = outbox.last_notice(ledger, account_id, UNBLOCKED).sent_at
    if last.sent_at and now - last.sent_at < DAY and not (ended and ended >= last.sent_at):
        return
    if reason == Reason.BREAKER_OPEN and _is_recent(outbox.last_notice(ledger, account_id, "breaker").sent_at, now):
        return
    hours = snapshot.burn.hours_to_empty if snapshot.burn else None
    payload = {
        **{"reason": str(reason), "facts": refusal.explanation, "since": since.isoformat(), "mode": policy.mode},
        **{"balance_cents": snapshot.balance.cents if snapshot.balance else None, "hours_to_empty": hours},
        **{"payment": blocking[0].payment_id if blocking else ""},
    }
    # Two programs that see the same last notice write one.
    key = f"{account_id}:{kind}:{int(last.at.timestamp()) if last.at else 0}"
    ledger.enqueue_notices(account_id, [OutboxMessage(kind, key, payload)], now)


def queue_unblocked_notice(ledger: Ledger, account_id: str, decision: PaymentPlan | Refusal, now: datetime) -> None:
    """Writes that top-ups continue, if people were notified that they do not; once a day at most.

    Raises ``LedgerUnavailable``.
    """
    blocked = outbox.last_notice(ledger, account_id, f"{BLOCKED}%").sent_at
    ended = outbox.last_notice(ledger, account_id, UNBLOCKED)
    if blocked is None or (ended.sent_at and (ended.sent_at >= blocked or now - ended.sent_at < DAY)):
        return
    key = f"{account_id}:{UNBLOCKED}:{int(ended.at.timestamp()) if ended.at else 0}"
    payload = {"facts": decision.explanation, "after": ended.sent_at.isoformat() if ended.sent_at else ""}
    ledger.enqueue_notices(account_id, [OutboxMessage(UNBLOCKED, key, payload)], now)


def _reported_today(ledger: Ledger, account_id: str, blocking: Sequence[Payment], now: datetime) -> bool:
    """Whether people got a notice about one of the payments within a day."""
    latest = outbox.last_payment_notice_at(ledger, account_id, [payment.payment_id for payment in blocking])
    return _is_recent(latest, now)


def _is_recent(at: datetime | None, now: datetime) -> bool:
    return at is not None and now - at < DAY


def _blocks_topup(payment: Payment, now: datetime) -> bool:
    external = payment.state == State.EXTERNAL and (
        is_payable_or_pending(payment.vendor_status, payment.ends_at, now, payment.counted_at) or awaits_credit(payment)
    )
    return payment.slot is not None or payment.state in SLOTLESS_BLOCKERS or external
