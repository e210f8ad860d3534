"""The life of a payment as data: states, transitions, which states hold the account's slot, and the next state.

``next_state`` looks at the present vendor status, not at what changed, so a missed poll loses nothing. It returns one
step along the graph; the caller repeats it until nothing moves.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from topups.vendor import statuses as vendor_statuses

if TYPE_CHECKING:
    from topups.ledger.models import Payment
    from topups.policy import Policy


class State(StrEnum):
    """The state of a payment. Text, so that it reads the same in SQL, JSON and logs."""

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


class PaymentException(StrEnum):
    """What is unusual about a payment, beside its state (the column ``exception``)."""

    NONE = "none"
    AMOUNT_MISMATCH = "amount_mismatch"
    PAID_OVER = "paid_over"
    PAID_PARTIAL = "paid_partial"
    PAID_LATE = "paid_late"
    ADOPTED = "adopted"
    EXTERNAL = "external"
    MANUAL_MARK = "manual_mark"
    DUPLICATE_SUSPECTED = "duplicate_suspected"
    UNPROVEN = "unproven"
    OTHER_LEDGER = "other_ledger"
    CREDIT_UNPROVEN = "credit_unproven"
    UNKNOWN_STATUS = "unknown_status"


def _states(names: str) -> frozenset[State]:
    return frozenset(State(name) for name in names.split())


# What confirmed the unit of a payment's amount (the column ``unit_proof``); empty while nothing did.
UNIT_BY_TRANSACTION, UNIT_BY_BALANCE, UNIT_BY_EARLIER = "transaction", "balance", "earlier"
# Something that names its unit contradicts the amount: the payment method stops until an operator closes the payment.
UNITS_DISAGREE = "disagree"

INITIAL_STATES = _states("PLANNED EXTERNAL")

TRANSITIONS: dict[State, frozenset[State]] = {
    State.PLANNED: _states("SKIPPED AWAITING_APPROVAL RESERVED"),
    State.AWAITING_APPROVAL: _states("RESERVED RELEASED"),
    State.RESERVED: _states("SENDING RELEASED"),
    State.SENDING: _states("OPEN REJECTED NOT_SENT UNKNOWN"),
    State.UNKNOWN: _states("OPEN NOT_CREATED NEEDS_HUMAN"),
    State.NEEDS_HUMAN: _states("OPEN NOT_CREATED"),
    State.OPEN: _states("CONFIRMING UNDERPAID_WAITING PAID EXPIRED FAILED LOCKED REFUNDING CLOSED"),
    State.CONFIRMING: _states("PAID UNDERPAID OPEN CLOSED REFUNDING"),
    State.UNDERPAID_WAITING: _states("PAID UNDERPAID OPEN CLOSED REFUNDING"),
    State.UNDERPAID: _states("PAID CLOSED REFUNDING"),
    State.LOCKED: _states("OPEN PAID FAILED CLOSED REFUNDING"),
    State.PAID: _states("CREDITED CLOSED REFUNDING"),
    State.CREDITED: _states("REFUNDING"),
    State.EXPIRED: _states("LATE_CONFIRMING CLOSED REFUNDING"),
    State.FAILED: _states("LATE_CONFIRMING CLOSED REFUNDING"),
    State.LATE_CONFIRMING: _states("PAID_LATE UNDERPAID EXPIRED CLOSED REFUNDING"),
    State.PAID_LATE: _states("CREDITED CLOSED REFUNDING"),
    State.REFUNDING: _states("REFUNDED CLOSED"),
    State.EXTERNAL: _states("CLOSED"),
    **dict.fromkeys(_states("SKIPPED RELEASED REJECTED NOT_SENT NOT_CREATED CLOSED REFUNDED"), frozenset()),
}

# The slot is a column of its own: a state listed here keeps a slot that was taken at RESERVED, none of them takes one.
# A late payment on an expired intent therefore never collides with the slot of the next.
SLOT_HOLDING = _states(
    "RESERVED SENDING UNKNOWN NEEDS_HUMAN OPEN CONFIRMING UNDERPAID_WAITING UNDERPAID LOCKED PAID REFUNDING"
)
# The outcome of a request is open: a new row in the vendor's list may be this payment's.
OUTCOME_PENDING = _states("SENDING UNKNOWN")
# Requested, or perhaps requested: counts against the money caps, paid or not.
COUNTS_AS_CREATED = SLOT_HOLDING | _states("CREDITED EXPIRED LATE_CONFIRMING PAID_LATE CLOSED FAILED REFUNDED")
# Exceptions of an external payment that may be a request of ours: it counts as if it were.
COUNTS_LIKE_OURS = frozenset(
    {PaymentException.DUPLICATE_SUSPECTED, PaymentException.UNPROVEN, PaymentException.OTHER_LEDGER}
)
# An attempt: counts against the number of payments per day.
COUNTS_AS_ATTEMPT = COUNTS_AS_CREATED | _states("REJECTED NOT_CREATED")
# Money that is expected and not yet part of the balance.
EXPECTED_MONEY = _states(
    "RESERVED SENDING UNKNOWN NEEDS_HUMAN OPEN CONFIRMING UNDERPAID_WAITING LOCKED PAID LATE_CONFIRMING PAID_LATE"
)
# Entering one of these is a failure for the breaker; CREDITED resets it.
FAILURES = _states("REJECTED NOT_CREATED EXPIRED FAILED")
# Has, or may have, a row at the vendor that is tracked.
TRACKED = _states(
    "OPEN CONFIRMING UNDERPAID_WAITING UNDERPAID LOCKED PAID EXPIRED FAILED LATE_CONFIRMING PAID_LATE REFUNDING "
    "CREDITED EXTERNAL"
)
# The states in which an operator may close a payment, and the state that follows.
MANUAL_CLOSE: dict[State, State] = {
    State.NEEDS_HUMAN: State.NOT_CREATED,
    **dict.fromkeys(
        _states(
            "OPEN CONFIRMING UNDERPAID_WAITING UNDERPAID LOCKED PAID EXPIRED FAILED LATE_CONFIRMING PAID_LATE "
            "REFUNDING EXTERNAL"
        ),
        State.CLOSED,
    ),
}


class IllegalTransition(Exception):
    """The code asked for a transition that the graph does not have: a bug."""


def assert_transition(before: State | None, after: State) -> None:
    """Raises ``IllegalTransition`` unless ``after`` may follow ``before`` (None: the payment is new)."""
    allowed = INITIAL_STATES if before is None else TRANSITIONS[before]
    if after not in allowed:
        raise IllegalTransition(f"{before} -> {after}")


TRANSITIONS_FROM_OPEN = (
    (vendor_statuses.CONFIRMING, State.CONFIRMING),
    (vendor_statuses.PART_PAID_WAITING | vendor_statuses.PART_PAID, State.UNDERPAID_WAITING),
    (vendor_statuses.PAID, State.PAID),
    (vendor_statuses.FAILED, State.FAILED),
    (vendor_statuses.LOCKED, State.LOCKED),
)
# A return to OPEN leads to every other state: after a chain reorganisation, or a released lock.
STATUS_TRANSITIONS: dict[State, tuple[tuple[frozenset[str], State], ...]] = {
    State.OPEN: TRANSITIONS_FROM_OPEN,
    State.CONFIRMING: (
        (vendor_statuses.PAID, State.PAID),
        (vendor_statuses.PART_PAID, State.UNDERPAID),
        (vendor_statuses.ALL_STATUSES - vendor_statuses.CONFIRMING, State.OPEN),
    ),
    State.UNDERPAID_WAITING: (
        (vendor_statuses.PAID, State.PAID),
        (vendor_statuses.PART_PAID, State.UNDERPAID),
        (vendor_statuses.ALL_STATUSES - vendor_statuses.PART_PAID_WAITING, State.OPEN),
    ),
    State.LOCKED: (
        (vendor_statuses.PAID, State.PAID),
        (vendor_statuses.FAILED, State.FAILED),
        (vendor_statuses.ALL_STATUSES - vendor_statuses.LOCKED, State.OPEN),
    ),
    State.UNDERPAID: ((vendor_statuses.PAID, State.PAID),),
    State.EXPIRED: (
        (vendor_statuses.IN_PROGRESS | vendor_statuses.PAID | vendor_statuses.PART_PAID, State.LATE_CONFIRMING),
    ),
    State.FAILED: (
        (vendor_statuses.IN_PROGRESS | vendor_statuses.PAID | vendor_statuses.PART_PAID, State.LATE_CONFIRMING),
    ),
    State.LATE_CONFIRMING: (
        (vendor_statuses.PAID, State.PAID_LATE),
        (vendor_statuses.PART_PAID, State.UNDERPAID),
        (vendor_statuses.CANCELLED | vendor_statuses.FAILED, State.EXPIRED),
    ),
    State.REFUNDING: ((frozenset({"refund_paid"}), State.REFUNDED),),
}
EXCEPTION_ON_ENTER = {
    State.UNDERPAID_WAITING: PaymentException.PAID_PARTIAL,
    State.UNDERPAID: PaymentException.PAID_PARTIAL,
    State.LATE_CONFIRMING: PaymentException.PAID_LATE,
}


def next_state(payment: Payment, status: str, now: datetime, policy: Policy) -> State | None:
    """The next state under the vendor's ``status``, or None if the payment stays."""
    state = payment.state
    if status in vendor_statuses.REFUND and State.REFUNDING in TRANSITIONS[state]:
        return State.REFUNDING
    if state == State.OPEN and _expired_unpaid(status, expires_at(payment, policy), now, policy):
        return State.EXPIRED
    following = next((after for statuses, after in STATUS_TRANSITIONS.get(state, ()) if status in statuses), None)
    over = now >= expires_at(payment, policy) + policy.late_watch and payment.unit_proof != UNITS_DISAGREE
    if following is None and state == State.EXPIRED and over:
        return State.CLOSED
    return following


def _expired_unpaid(status: str, end: datetime, now: datetime, policy: Policy) -> bool:
    """The vendor cancelled it and the grace is over, or the vendor never closed it and it cannot be paid any more.

    A status that is not documented says neither.
    """
    if status in vendor_statuses.CANCELLED:
        return now >= end + policy.expiry_grace
    return status in vendor_statuses.AWAITING_PAYMENT and not vendor_statuses.is_payable_or_pending(status, end, now)


def expires_at(payment: Payment, policy: Policy) -> datetime:
    """When the payment page closes (UTC): the vendor's time, or the assumed life after sending."""
    return payment.ends_at or (payment.sending_at or payment.created_at) + policy.invoice_life


def payment_exception(payment: Payment, state: State, status: str) -> PaymentException:
    """The exception once the payment is in ``state``; an earlier one stays."""
    if payment.exception not in (PaymentException.NONE, PaymentException.ADOPTED, PaymentException.PAID_PARTIAL):
        return payment.exception
    if state == State.PAID and status == "paid_over":
        return PaymentException.PAID_OVER
    if state == State.PAID and payment.exception == PaymentException.PAID_PARTIAL:
        return PaymentException.NONE
    return EXCEPTION_ON_ENTER.get(state, payment.exception)


def awaits_credit(payment: Payment) -> bool:
    """Whether a paid payment is still to be seen in the balance: one of ours, or an external one that was tracked
    before.
    """
    if payment.credit is not None or payment.baseline is None:
        return False
    external = payment.state == State.EXTERNAL and payment.vendor_status in vendor_statuses.PAID
    return external or payment.state in (State.PAID, State.PAID_LATE)
