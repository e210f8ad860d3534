"""Where a payment goes next when the vendor's word on it is known: a pure, level-triggered function.

It looks at the present word, not at what changed, so a missed poll loses nothing. One step at a time along the legal
graph; the caller repeats it until nothing moves.
"""

from __future__ import annotations

from datetime import datetime

from topups import statuses
from topups.ledger.rows import Payment
from topups.policy import Policy
from topups.states import LEGAL, Oddity, State

S = State
AFTER_OPEN = (
    (statuses.CONFIRMING, S.CONFIRMING),
    (statuses.PART_PAID_WAITING | statuses.PART_PAID, S.UNDERPAID_WAITING),
    (statuses.PAID, S.PAID),
    (statuses.FAILED, S.FAILED),
    (statuses.LOCKED, S.LOCKED),
)
# Back to OPEN is the way to every other state: a reorganised chain, a released lock.
AFTER: dict[State, tuple[tuple[frozenset[str], State], ...]] = {
    S.OPEN: AFTER_OPEN,
    S.CONFIRMING: (
        (statuses.PAID, S.PAID),
        (statuses.PART_PAID, S.UNDERPAID),
        (statuses.KNOWN - statuses.CONFIRMING, S.OPEN),
    ),
    S.UNDERPAID_WAITING: (
        (statuses.PAID, S.PAID),
        (statuses.PART_PAID, S.UNDERPAID),
        (statuses.KNOWN - statuses.PART_PAID_WAITING, S.OPEN),
    ),
    S.LOCKED: ((statuses.PAID, S.PAID), (statuses.FAILED, S.FAILED), (statuses.KNOWN - statuses.LOCKED, S.OPEN)),
    S.UNDERPAID: ((statuses.PAID, S.PAID),),
    S.EXPIRED: ((statuses.MOVING | statuses.PAID | statuses.PART_PAID, S.LATE_CONFIRMING),),
    S.FAILED: ((statuses.MOVING | statuses.PAID | statuses.PART_PAID, S.LATE_CONFIRMING),),
    S.LATE_CONFIRMING: (
        (statuses.PAID, S.PAID_LATE),
        (statuses.PART_PAID, S.UNDERPAID),
        (statuses.NOT_PAID | statuses.FAILED, S.EXPIRED),
    ),
    S.REFUNDING: ((frozenset({"refund_paid"}), S.REFUNDED),),
}
ODDITIES = {
    S.UNDERPAID_WAITING: Oddity.PAID_PARTIAL,
    S.UNDERPAID: Oddity.PAID_PARTIAL,
    S.LATE_CONFIRMING: Oddity.PAID_LATE,
}


def next_state(payment: Payment, status: str, now: datetime, policy: Policy) -> State | None:
    """The next step under the vendor's word ``status``, or None when the payment stays."""
    state = payment.state
    if status in statuses.REFUND and S.REFUNDING in LEGAL[state]:
        return S.REFUNDING
    if state == S.OPEN and _unpaid_for_good(status, ends_at(payment, policy), now, policy):
        return S.EXPIRED
    following = next((after for words, after in AFTER.get(state, ()) if status in words), None)
    if following is None and state == S.EXPIRED and now >= ends_at(payment, policy) + policy.late_watch:
        return S.CLOSED
    return following


def _unpaid_for_good(status: str, end: datetime, now: datetime, policy: Policy) -> bool:
    """The vendor says so and the grace is over, or the vendor never says anything and nobody can pay it any more."""
    if status in statuses.NOT_PAID:
        return now >= end + policy.expiry_grace
    return status not in statuses.FINAL and not statuses.blocks(status, end, now)


def ends_at(payment: Payment, policy: Policy) -> datetime:
    """When the payment page closes: the vendor's word, or the assumed life after sending (UTC)."""
    return payment.ends_at or (payment.sending_at or payment.created_at) + policy.invoice_life


def oddity(payment: Payment, to: State, status: str) -> Oddity:
    """What is unusual once the payment is in ``to``; what was unusual before stays so."""
    if payment.exception not in (Oddity.NONE, Oddity.ADOPTED, Oddity.PAID_PARTIAL):
        return payment.exception
    if to == S.PAID and status == "paid_over":
        return Oddity.PAID_OVER
    if to == S.PAID and payment.exception == Oddity.PAID_PARTIAL:
        return Oddity.NONE
    return ODDITIES.get(to, payment.exception)
