"""Maps changes of a payment, and the time that passes, to notices; gives each notice its deduplication key."""

from datetime import datetime
from typing import Any

from topups.decision.rules import WINDOWS, reorder_point_cents
from topups.decision.snapshot import AccountSnapshot, PaymentPlan, Reason, Refusal
from topups.ledger import outbox
from topups.ledger.ledger import Ledger
from topups.ledger.models import OutboxMessage, Payment
from topups.payment_states import PaymentException, State, awaits_credit, expires_at
from topups.policy import DAY, Policy
from topups.vendor_statuses import FINAL, is_payable_or_pending

NOTICE_BY_STATE: dict[State, str] = {
    State.AWAITING_APPROVAL: "approval",
    State.OPEN: "pay",
    State.REJECTED: "rejected",
    State.UNKNOWN: "unknown",
    State.NOT_CREATED: "not_created",
    State.NEEDS_HUMAN: "needs_human",
    State.UNDERPAID_WAITING: "underpaid",
    State.UNDERPAID: "underpaid_for_good",
    State.LOCKED: "locked",
    State.FAILED: "failed",
    State.PAID: "paid",
    State.PAID_LATE: "paid",
    State.CREDITED: "credited",
    State.EXPIRED: "expired",
    State.LATE_CONFIRMING: "late",
    State.REFUNDING: "refunding",
}
PAYABLE = frozenset({State.OPEN, State.UNDERPAID_WAITING})
CAP_LEVELS = (80, 90, 100)
LOW_BALANCE_INTERVAL = DAY


def payment_notice(payment_id: str, kind: str, **payload: Any) -> OutboxMessage:
    """A notice about one payment: at most one per payment and kind."""
    return OutboxMessage(kind, f"{payment_id}:{kind}", payload, payment_id)


def notices_for_state(payment_id: str, state: State) -> list[OutboxMessage]:
    """The notices of a payment that enters a state."""
    kind = NOTICE_BY_STATE.get(state)
    return [payment_notice(payment_id, kind)] if kind else []


def may_request_payment(payment: Payment) -> bool:
    """Whether people may be asked to pay: not another amount than decided, and not a cancelled payment."""
    return payment.exception != PaymentException.AMOUNT_MISMATCH and payment.vendor_status not in FINAL


def payment_reminders(payment: Payment, now: datetime, policy: Policy) -> list[OutboxMessage]:
    """Reminders at 50 % and 90 % of the life of an unpaid payment; with both due, only the later one."""
    if payment.state not in PAYABLE or not may_request_payment(payment):
        return []
    begin, end = payment.sending_at or payment.created_at, expires_at(payment, policy)
    if now >= end or end <= begin:
        return []
    elapsed = (now - begin) / (end - begin)
    return (
        [payment_notice(payment.payment_id, "last_tenth" if elapsed >= 0.9 else "half_life")] if elapsed >= 0.5 else []
    )


def overdue_credit_notices(payment: Payment, now: datetime, policy: Policy) -> list[OutboxMessage]:
    """Paid, and the balance does not show it."""
    late = payment.state in (State.PAID, State.PAID_LATE) and now >= payment.state_since + policy.credit_wait
    return [payment_notice(payment.payment_id, "credit_late")] if late else []


def cap_notices(payment: Payment, snapshot: AccountSnapshot, policy: Policy, now: datetime) -> list[OutboxMessage]:
    """The levels of 80, 90 and 100 % that this payment makes a cap reach, the highest per cap.

    ``snapshot`` is from before the payment.
    """
    notices = []
    for reason, name, window in WINDOWS:
        limit, before = getattr(policy, name), snapshot.created_cents(now - window - policy.unknown_quiescence)
        after = before + payment.amount_cents
        crossed = [level for level in CAP_LEVELS if before * 100 < level * limit <= after * 100]
        if crossed:
            payload = {"spent_cents": after, "limit_cents": limit, "percent": crossed[-1], "cap": str(reason)}
            notices.append(payment_notice(payment.payment_id, f"{reason.lower()}_{crossed[-1]}", **payload))
    return notices


def breaker_notices(snapshot: AccountSnapshot, policy: Policy) -> list[OutboxMessage]:
    """Several payments failed in a row; nothing is created until an operator resumes."""
    if snapshot.failures < policy.breaker_failures:
        return []
    at = snapshot.last_failure_at.isoformat() if snapshot.last_failure_at else ""
    return [OutboxMessage("breaker", f"{snapshot.account_id}:breaker:{at}", {"failures": snapshot.failures})]


def low_balance_notice(snapshot: AccountSnapshot, episode: int, reason: str, explanation: str) -> OutboxMessage:
    """The balance is low and nothing is created; ``episode`` identifies the time below the re-order point."""
    assert snapshot.balance
    payload = {"balance_cents": snapshot.balance.cents, "reason": reason, "facts": explanation}
    hours = snapshot.burn.hours_to_empty if snapshot.burn else None
    return OutboxMessage(
        "low_balance", f"{snapshot.account_id}:low_balance:{episode}", {**payload, "hours_to_empty": hours}
    )


# With every other reason the low balance is left to people.
NO_LOW_BALANCE_NOTICE = frozenset(
    {
        *(Reason.BALANCE_OK, Reason.BALANCE_STALE, Reason.BALANCE_UNREADABLE, Reason.DISABLED),
        Reason.DRY_RUN_WOULD_CREATE,
    }
)
# A payment in progress has notices of its own; after a day without a change the low balance is reported too.
IN_PROGRESS_REASONS = frozenset(
    {
        *(Reason.IN_FLIGHT, Reason.PAYMENT_OPEN_AT_VENDOR, Reason.PAID_NOT_CREDITED, Reason.OUTCOME_UNKNOWN),
        Reason.AWAITING_APPROVAL,
    }
)
SLOTLESS_BLOCKERS = (State.AWAITING_APPROVAL, State.LATE_CONFIRMING, State.PAID_LATE)


def queue_scheduled_notices(
    ledger: Ledger,
    snapshot: AccountSnapshot,
    payments: list[Payment],
    decision: PaymentPlan | Refusal,
    policy: Policy,
    now: datetime,
) -> None:
    """Writes the notices that are due now to the outbox; each is sent once."""
    due: list[OutboxMessage] = breaker_notices(snapshot, policy)
    for payment in payments:
        due += payment_reminders(payment, now, policy) + overdue_credit_notices(payment, now, policy)
    if (
        isinstance(decision, Refusal)
        and snapshot.balance
        and not _suppresses_low_balance(decision.reason, payments, now)
    ):
        due += _low_balance_notices(ledger, snapshot, decision, policy, now)
    if due:
        ledger.enqueue_notices(snapshot.account_id, due, now)


def _suppresses_low_balance(reason: Reason, payments: list[Payment], now: datetime) -> bool:
    if reason not in IN_PROGRESS_REASONS:
        return reason in NO_LOW_BALANCE_NOTICE
    return any(now - payment.state_since < DAY for payment in payments if _blocks_topup(payment, now))


def _blocks_topup(payment: Payment, now: datetime) -> bool:
    external = payment.state == State.EXTERNAL and (
        is_payable_or_pending(payment.vendor_status, payment.ends_at, now, payment.counted_at) or awaits_credit(payment)
    )
    return payment.slot is not None or payment.state in SLOTLESS_BLOCKERS or external


def _low_balance_notices(
    ledger: Ledger, snapshot: AccountSnapshot, refusal: Refusal, policy: Policy, now: datetime
) -> list[OutboxMessage]:
    if policy.problems() or snapshot.balance is None:
        return []
    reorder_point = reorder_point_cents(snapshot, policy)
    last = outbox.last_notice_at(ledger, snapshot.account_id, "low_balance")
    if snapshot.balance.cents >= reorder_point or (last and now - last < LOW_BALANCE_INTERVAL):
        return []
    episode = outbox.low_balance_episode(ledger, snapshot.account_id, reorder_point)
    return [low_balance_notice(snapshot, episode, str(refusal.reason), refusal.explanation)]
