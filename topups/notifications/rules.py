"""Which notices a change of a payment brings, and the identity by which each is told once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from topups.decision.rules import WINDOWS
from topups.decision.snapshot import Snapshot
from topups.ledger.models import Announcement, Payment
from topups.payment_states import Oddity, State, ends_at
from topups.policy import DAY, Policy
from topups.vendor_statuses import FINAL

ON_ENTERING: dict[State, str] = {
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
LEVELS = (80, 90, 100)
LOW_BALANCE_AT_MOST = DAY


def about(payment_id: str, kind: str, **facts: Any) -> Announcement:
    """A notice about one payment: one per payment and kind, over all time."""
    return Announcement(kind, f"{payment_id}:{kind}", facts, payment_id)


def on_entering(payment_id: str, state: State) -> list[Announcement]:
    """What entering a state tells."""
    kind = ON_ENTERING.get(state)
    return [about(payment_id, kind)] if kind else []


def is_to_be_paid(payment: Payment) -> bool:
    """Whether a person may be asked for its money: not for another amount than decided, nor for a cancelled one."""
    return payment.exception != Oddity.AMOUNT_MISMATCH and payment.vendor_status not in FINAL


def countdown(payment: Payment, now: datetime, policy: Policy) -> list[Announcement]:
    """Half and nine tenths of the life of an unpaid payment are over; with both past, only the later is told."""
    if payment.state not in PAYABLE or not is_to_be_paid(payment):
        return []
    begin, end = payment.sending_at or payment.created_at, ends_at(payment, policy)
    if now >= end or end <= begin:
        return []
    part = (now - begin) / (end - begin)
    return [about(payment.payment_id, "last_tenth" if part >= 0.9 else "half_life")] if part >= 0.5 else []


def credit_late(payment: Payment, now: datetime, policy: Policy) -> list[Announcement]:
    """Paid, and the balance does not show it."""
    late = payment.state in (State.PAID, State.PAID_LATE) and now >= payment.state_since + policy.credit_wait
    return [about(payment.payment_id, "credit_late")] if late else []


def caps(payment: Payment, snapshot: Snapshot, policy: Policy, now: datetime) -> list[Announcement]:
    """The levels of 80, 90 and 100 % that this payment makes a cap reach, the highest per cap.

    ``snapshot`` is from before the payment.
    """
    told = []
    for reason, name, window in WINDOWS:
        limit, before = getattr(policy, name), snapshot.created_cents(now - window - policy.unknown_quiescence)
        after = before + payment.amount_cents
        crossed = [level for level in LEVELS if before * 100 < level * limit <= after * 100]
        if crossed:
            facts = {"spent_cents": after, "limit_cents": limit, "percent": crossed[-1], "cap": str(reason)}
            told.append(about(payment.payment_id, f"{reason.lower()}_{crossed[-1]}", **facts))
    return told


def breaker(snapshot: Snapshot, policy: Policy) -> list[Announcement]:
    """Payments failed one after the other; nothing more is created until a person looks."""
    if snapshot.failures < policy.breaker_failures:
        return []
    at = snapshot.last_failure_at.isoformat() if snapshot.last_failure_at else ""
    return [Announcement("breaker", f"{snapshot.account_id}:breaker:{at}", {"failures": snapshot.failures})]


def low_balance(snapshot: Snapshot, dip: int, reason: str, facts: str) -> Announcement:
    """The balance is low and nothing will be created; ``dip`` numbers the fall below the threshold."""
    assert snapshot.balance
    told = {"balance_cents": snapshot.balance.cents, "reason": reason, "facts": facts}
    hours = snapshot.burn.hours_to_empty if snapshot.burn else None
    return Announcement("low_balance", f"{snapshot.account_id}:low_balance:{dip}", {**told, "hours_to_empty": hours})
