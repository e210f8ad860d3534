"""Maps changes of a payment, and the time that passes, to notices; gives each notice its deduplication key."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from topups.decision.rules import WINDOWS, reorder_point_cents
from topups.decision.snapshot import AccountSnapshot
from topups.ledger.ledger import Ledger
from topups.ledger.models import OutboxMessage, Payment
from topups.payment_states import PaymentException, State, awaits_credit, expires_at
from topups.policy import Policy
from topups.vendor.statuses import CONFIRMING, FINAL, is_unknown

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
# Notices that ask a person to pay.
REQUESTS = frozenset({"pay", "pay_link", "half_life", "last_tenth", "underpaid"})
CAP_LEVELS = (80, 90, 100)


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


REMINDERS = (("half_life", 0.5), ("last_tenth", 0.9))


def payment_reminders(payment: Payment, now: datetime, policy: Policy) -> list[OutboxMessage]:
    """Reminders at 50 % and 90 % of the life of an unpaid payment; with both due, only the later one."""
    if payment.state not in PAYABLE or not may_request_payment(payment) or is_unknown(payment.vendor_status):
        return []
    if now >= expires_at(payment, policy):
        return []
    due = [kind for kind, at in reminder_times(payment, policy) if now >= at]
    return [payment_notice(payment.payment_id, due[-1])] if due else []


def reminder_times(payment: Payment, policy: Policy) -> list[tuple[str, datetime]]:
    """When people are reminded to pay, by the kind of the notice."""
    begin, end = payment.sending_at or payment.created_at, expires_at(payment, policy)
    return [(kind, begin + fraction * (end - begin)) for kind, fraction in REMINDERS] if end > begin else []


def reminded_awake(payment: Payment, policy: Policy) -> bool:
    """Whether the owner was awake at both reminders; an invoice that nobody paid then is a failure."""
    return all(policy.waking_hours.is_awake(at) for _, at in reminder_times(payment, policy))


def withdrawal_notices(payment: Payment, now: datetime, policy: Policy, *, needed: bool) -> list[OutboxMessage]:
    """An open payment that need not, or must not, be paid any more."""
    unneeded = payment.state == State.OPEN and not needed
    forbidden = payment.state in PAYABLE and not may_request_payment(payment) and now < expires_at(payment, policy)
    return [payment_notice(payment.payment_id, "withdrawn")] if unneeded or forbidden else []


def is_needed(payment: Payment, snapshot: AccountSnapshot, payments: Iterable[Payment], policy: Policy) -> bool:
    """Whether the balance, with what others of ``payments`` bring, is still below the re-order point.

    While the balance is unknown, another paid payment is enough to ask for no more.
    """
    paid = [
        candidate for candidate in payments if candidate.payment_id != payment.payment_id and _is_arriving(candidate)
    ]
    if snapshot.balance is None or policy.problems():
        return not paid
    arriving = sum(credit.vendor_amount_cents or credit.amount_cents for credit in paid)
    return snapshot.balance.cents + arriving < reorder_point_cents(snapshot, policy)


def _is_arriving(payment: Payment) -> bool:
    external = payment.state == State.EXTERNAL and awaits_credit(payment)
    return external or payment.state in (State.PAID, State.PAID_LATE)


def _is_confirming(payment: Payment) -> bool:
    external = payment.state == State.EXTERNAL and payment.vendor_status in CONFIRMING
    return external or payment.state in (State.CONFIRMING, State.LATE_CONFIRMING)


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


def queue_scheduled_notices(
    ledger: Ledger, snapshot: AccountSnapshot, payments: list[Payment], policy: Policy, now: datetime
) -> None:
    """Writes the notices that are due now to the outbox; each is sent once. Raises ``LedgerUnavailable``."""
    due: list[OutboxMessage] = breaker_notices(snapshot, policy)
    confirming = any(_is_confirming(payment) for payment in payments)
    for payment in payments:
        due += overdue_credit_notices(payment, now, policy)
        withdrawn = withdrawal_notices(payment, now, policy, needed=is_needed(payment, snapshot, payments, policy))
        due += withdrawn
        if not withdrawn and not confirming:
            due += payment_reminders(payment, now, policy)
    if due:
        ledger.enqueue_notices(snapshot.account_id, due, now)
