"""The life of a payment as data: states, transitions, which states hold the account's slot, and the next state.

``next_state`` looks at the present vendor status, not at what changed, so a missed poll loses nothing. It returns one
step along the graph; the caller repeats it until nothing moves.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from topups import vendor_statuses

if TYPE_CHECKING:
    from topups.ledger.models import Payment
    from topups.policy import Policy


class State(StrEnum):
    """Where a payment stands. Text, so that it reads the same in SQL, JSON and logs."""

    PLANNED = "PLANNED"
    SKIPPED = "SKIPPED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    RESERVED = "RESERVED"
    RELEASED = "RELEASED"
    SENDING = "SENDING"
    REJECTED = "REJECTED"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"
    NOT_CREATED = "NOT_CREATED"
    NEEDS_HUMAN = "NEEDS_HUMAN"
    OPEN = "OPEN"
    CONFIRMING = "CONFIRMING"
    UNDERPAID_WAITING = "UNDERPAID_WAITING"
    UNDERPAID = "UNDERPAID"
    PAID = "PAID"
    CREDITED = "CREDITED"
    EXPIRED = "EXPIRED"
    LATE_CONFIRMING = "LATE_CONFIRMING"
    PAID_LATE = "PAID_LATE"
    CLOSED = "CLOSED"
    FAILED = "FAILED"
    LOCKED = "LOCKED"
    REFUNDING = "REFUNDING"
    REFUNDED = "REFUNDED"
    EXTERNAL = "EXTERNAL"


class Oddity(StrEnum):
    """What is unusual about a payment, beside its state (the ledger's column ``exception``)."""

    NONE = "none"
    AMOUNT_MISMATCH = "amount_mismatch"
    PAID_OVER = "paid_over"
    PAID_PARTIAL = "paid_partial"
    PAID_LATE = "paid_late"
    ADOPTED = "adopted"
    EXTERNAL = "external"
    MANUAL_MARK = "manual_mark"
    DUPLICATE_SUSPECTED = "duplicate_suspected"


S = State
FIRST_STATES = frozenset({S.PLANNED, S.EXTERNAL})

LEGAL: dict[State, frozenset[State]] = {
    S.PLANNED: frozenset({S.SKIPPED, S.AWAITING_APPROVAL, S.RESERVED}),
    S.AWAITING_APPROVAL: frozenset({S.RESERVED, S.RELEASED}),
    S.RESERVED: frozenset({S.SENDING, S.RELEASED}),
    S.SENDING: frozenset({S.OPEN, S.REJECTED, S.NOT_SENT, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.OPEN, S.NOT_CREATED, S.NEEDS_HUMAN}),
    S.NEEDS_HUMAN: frozenset({S.OPEN, S.NOT_CREATED}),
    S.OPEN: frozenset(
        {S.CONFIRMING, S.UNDERPAID_WAITING, S.PAID, S.EXPIRED, S.FAILED, S.LOCKED, S.REFUNDING, S.CLOSED}
    ),
    S.CONFIRMING: frozenset({S.PAID, S.UNDERPAID, S.OPEN, S.CLOSED, S.REFUNDING}),
    S.UNDERPAID_WAITING: frozenset({S.PAID, S.UNDERPAID, S.OPEN, S.CLOSED, S.REFUNDING}),
    S.UNDERPAID: frozenset({S.PAID, S.CLOSED, S.REFUNDING}),
    S.LOCKED: frozenset({S.OPEN, S.PAID, S.FAILED, S.CLOSED, S.REFUNDING}),
    S.PAID: frozenset({S.CREDITED, S.CLOSED, S.REFUNDING}),
    S.CREDITED: frozenset({S.REFUNDING}),
    S.EXPIRED: frozenset({S.LATE_CONFIRMING, S.CLOSED, S.REFUNDING}),
    S.FAILED: frozenset({S.LATE_CONFIRMING, S.REFUNDING}),
    S.LATE_CONFIRMING: frozenset({S.PAID_LATE, S.UNDERPAID, S.EXPIRED, S.CLOSED, S.REFUNDING}),
    S.PAID_LATE: frozenset({S.CREDITED, S.CLOSED, S.REFUNDING}),
    S.REFUNDING: frozenset({S.REFUNDED, S.CLOSED}),
    **dict.fromkeys(
        (S.SKIPPED, S.RELEASED, S.REJECTED, S.NOT_SENT, S.NOT_CREATED, S.CLOSED, S.REFUNDED, S.EXTERNAL), frozenset()
    ),
}

# The slot is a column of its own: a state listed here keeps a slot that was taken at RESERVED, none of them takes one.
# A late payment on an expired intent therefore never collides with the slot of the next.
SLOT_HOLDING = frozenset(
    {
        *(S.RESERVED, S.SENDING, S.UNKNOWN, S.NEEDS_HUMAN, S.OPEN, S.CONFIRMING, S.UNDERPAID_WAITING),
        *(S.UNDERPAID, S.LOCKED, S.PAID, S.REFUNDING),
    }
)
# A request may be on its way or its outcome is open: rows new in the vendor's list may be this payment's.
UNRESOLVED = frozenset({S.SENDING, S.UNKNOWN})
# Asked for, or perhaps asked for, at the vendor: counts against the money caps, paid or not.
COUNTS_AS_CREATED = frozenset(
    {*SLOT_HOLDING, S.CREDITED, S.EXPIRED, S.LATE_CONFIRMING, S.PAID_LATE, S.CLOSED, S.FAILED, S.REFUNDED}
)
# Was tried: counts against the number of payments per day.
COUNTS_AS_TRIED = COUNTS_AS_CREATED | {S.REJECTED, S.NOT_CREATED}
# Money that is expected and not yet part of the balance.
PENDING = frozenset(
    {
        *(S.RESERVED, S.SENDING, S.UNKNOWN, S.NEEDS_HUMAN, S.OPEN, S.CONFIRMING, S.UNDERPAID_WAITING),
        *(S.LOCKED, S.PAID, S.LATE_CONFIRMING, S.PAID_LATE),
    }
)
# Entering one of these is a failure to the breaker; CREDITED makes it forget.
FAILURES = frozenset({S.REJECTED, S.NOT_CREATED, S.EXPIRED, S.FAILED})
# Has, or may have, a row at the vendor that is worth watching.
WATCHED = frozenset(
    {
        *(S.OPEN, S.CONFIRMING, S.UNDERPAID_WAITING, S.UNDERPAID, S.LOCKED, S.PAID, S.EXPIRED, S.FAILED),
        *(S.LATE_CONFIRMING, S.PAID_LATE, S.REFUNDING, S.CREDITED, S.EXTERNAL),
    }
)
# What a person who has looked at the vendor's site may declare finished, and as what.
BY_HAND: dict[State, State] = {
    S.NEEDS_HUMAN: S.NOT_CREATED,
    **dict.fromkeys(
        (
            *(S.OPEN, S.CONFIRMING, S.UNDERPAID_WAITING, S.UNDERPAID, S.LOCKED, S.PAID),
            *(S.LATE_CONFIRMING, S.PAID_LATE, S.REFUNDING),
        ),
        S.CLOSED,
    ),
}


class IllegalTransition(Exception):
    """The code asked for a step that the graph does not have: a bug, never a condition of the world."""


def check_legal(before: State | None, after: State) -> None:
    """Raises ``IllegalTransition`` unless ``after`` may follow ``before`` (None: the payment is new)."""
    allowed = FIRST_STATES if before is None else LEGAL[before]
    if after not in allowed:
        raise IllegalTransition(f"{before} -> {after}")


AFTER_OPEN = (
    (vendor_statuses.CONFIRMING, S.CONFIRMING),
    (vendor_statuses.PART_PAID_WAITING | vendor_statuses.PART_PAID, S.UNDERPAID_WAITING),
    (vendor_statuses.PAID, S.PAID),
    (vendor_statuses.FAILED, S.FAILED),
    (vendor_statuses.LOCKED, S.LOCKED),
)
# Back to OPEN is the way to every other state: a reorganised chain, a released lock.
AFTER: dict[State, tuple[tuple[frozenset[str], State], ...]] = {
    S.OPEN: AFTER_OPEN,
    S.CONFIRMING: (
        (vendor_statuses.PAID, S.PAID),
        (vendor_statuses.PART_PAID, S.UNDERPAID),
        (vendor_statuses.KNOWN - vendor_statuses.CONFIRMING, S.OPEN),
    ),
    S.UNDERPAID_WAITING: (
        (vendor_statuses.PAID, S.PAID),
        (vendor_statuses.PART_PAID, S.UNDERPAID),
        (vendor_statuses.KNOWN - vendor_statuses.PART_PAID_WAITING, S.OPEN),
    ),
    S.LOCKED: (
        (vendor_statuses.PAID, S.PAID),
        (vendor_statuses.FAILED, S.FAILED),
        (vendor_statuses.KNOWN - vendor_statuses.LOCKED, S.OPEN),
    ),
    S.UNDERPAID: ((vendor_statuses.PAID, S.PAID),),
    S.EXPIRED: ((vendor_statuses.MOVING | vendor_statuses.PAID | vendor_statuses.PART_PAID, S.LATE_CONFIRMING),),
    S.FAILED: ((vendor_statuses.MOVING | vendor_statuses.PAID | vendor_statuses.PART_PAID, S.LATE_CONFIRMING),),
    S.LATE_CONFIRMING: (
        (vendor_statuses.PAID, S.PAID_LATE),
        (vendor_statuses.PART_PAID, S.UNDERPAID),
        (vendor_statuses.NOT_PAID | vendor_statuses.FAILED, S.EXPIRED),
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
    if status in vendor_statuses.REFUND and S.REFUNDING in LEGAL[state]:
        return S.REFUNDING
    if state == S.OPEN and _unpaid_for_good(status, ends_at(payment, policy), now, policy):
        return S.EXPIRED
    following = next((after for words, after in AFTER.get(state, ()) if status in words), None)
    if following is None and state == S.EXPIRED and now >= ends_at(payment, policy) + policy.late_watch:
        return S.CLOSED
    return following


def _unpaid_for_good(status: str, end: datetime, now: datetime, policy: Policy) -> bool:
    """The vendor says so and the grace is over, or the vendor never says anything and nobody can pay it any more."""
    if status in vendor_statuses.NOT_PAID:
        return now >= end + policy.expiry_grace
    return status not in vendor_statuses.FINAL and not vendor_statuses.blocks(status, end, now)


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
