"""Which row of the vendor's list is the payment whose answer was lost. Pure.

Exact: the answer named the row, or the amount does. Everything else is a guess, and a guess waits until whatever was
on its way has arrived, and is taken only when there is nothing else it could be.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from topups.gateway import CreateResponse, PaymentList, VendorPayment
from topups.ledger.models import Payment
from topups.payment_states import State
from topups.policy import Policy


def find_by_id(claim: CreateResponse, rows: Iterable[VendorPayment]) -> VendorPayment | None:
    """The row that the create call's answer names: by the link's last part or by the order id."""
    names = {claim.session_id, claim.order_id} - {""}
    return next((row for row in rows if names & {row.vendor_id, row.session_id}), None)


def same_amount_rows(payment: Payment, rows: Iterable[VendorPayment]) -> list[VendorPayment]:
    """Rows that may be the payment: new in the list since it was asked for, and of its amount.

    ``rows`` are the unclaimed ones. The vendor's own times are not compared: their zone is not documented.
    """
    return [row for row in rows if row.amount_cents == payment.amount_cents]


def exact_match(payment: Payment, rows: list[VendorPayment], policy: Policy) -> VendorPayment | None:
    """The row that is the payment for certain."""
    row = find_by_id(payment.create_response, rows)
    if row is None and policy.fingerprint:
        same_amount = same_amount_rows(payment, rows)
        return same_amount[0] if len(same_amount) == 1 else None
    return row


def is_after_quiescence(payment: Payment, listing: PaymentList, policy: Policy) -> bool:
    """Whether the list was taken after everything that was on its way must have arrived."""
    return listing.at >= payment.state_since + policy.unknown_quiescence


def count_missing_lists(payment: Payment, listing: PaymentList, same_amount_count: int, policy: Policy) -> int:
    """In how many complete lists, far enough apart, the payment was missing, this one included."""
    if same_amount_count:
        return 0
    last = payment.absent_at or payment.state_since
    apart = listing.at >= last + policy.absent_spacing
    return payment.absences + (listing.complete and apart)


def resolve_state(
    payment: Payment,
    listing: PaymentList,
    same_amount_count: int,
    other_amount_count: int,
    missing_count: int,
    now: datetime,
    policy: Policy,
) -> State | None:
    """What becomes of an UNKNOWN payment without an exact row; None: keep looking.

    ``alike`` candidates in this list, ``others`` unclaimed rows of another amount, ``missed`` absences counted. One of
    the others may be the payment too, with an amount that the vendor changed. A payment whose answer arrived exists, so
    it is never declared not created.
    """
    if listing.complete and is_after_quiescence(payment, listing, policy):
        if same_amount_count:
            return State.OPEN if same_amount_count + other_amount_count == 1 else State.NEEDS_HUMAN
        if missing_count >= policy.absent_lists and not payment.claim:
            return State.NEEDS_HUMAN if other_amount_count else State.NOT_CREATED
    return state_after_max_age(payment, now, policy)


def state_after_max_age(payment: Payment, now: datetime, policy: Policy) -> State | None:
    """NEEDS_HUMAN for an UNKNOWN payment that nobody could explain in time."""
    late = payment.state == State.UNKNOWN and now >= payment.state_since + policy.unknown_max_age
    return State.NEEDS_HUMAN if late else None
