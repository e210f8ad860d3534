"""Matches the vendor's payments with an intent whose create response was lost. Pure functions.

A match is exact if the create response names the row, or the unique cents of the amount do. Everything else is a guess:
it waits until a late payment must have appeared, and is made only if no other row is possible.
"""

from collections.abc import Iterable
from datetime import datetime

from topups.gateway import CreateResponse, PaymentList, VendorPayment
from topups.ledger.models import Payment
from topups.payment_states import State
from topups.policy import Policy


def find_by_id(claim: CreateResponse, rows: Iterable[VendorPayment]) -> VendorPayment | None:
    """The row that the create response names, by the last segment of its link or by its order id."""
    names = {claim.session_id, claim.order_id} - {""}
    return next((row for row in rows if names & {row.vendor_id, row.session_id}), None)


def same_amount_rows(payment: Payment, rows: Iterable[VendorPayment]) -> list[VendorPayment]:
    """Rows of the intent's amount. ``rows`` are those without a ledger payment.

    The vendor's own times are not compared: their zone is not documented.
    """
    return [row for row in rows if row.amount_cents == payment.amount_cents]


def exact_match(payment: Payment, rows: list[VendorPayment], policy: Policy) -> VendorPayment | None:
    """The row that is the intent's payment for certain, or None."""
    row = find_by_id(payment.create_response, rows)
    if row is None and policy.fingerprint:
        same_amount = same_amount_rows(payment, rows)
        return same_amount[0] if len(same_amount) == 1 else None
    return row


def is_after_quiescence(payment: Payment, listing: PaymentList, policy: Policy) -> bool:
    """Whether the list was read after every late payment must have appeared."""
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
    """The next state of an UNKNOWN intent without an exact match; None: keep searching.

    ``same_amount_count`` and ``other_amount_count`` count the unmatched rows of this list, ``missing_count`` the
    complete lists without a candidate. A row of another amount may be the payment too, if the vendor changed its
    amount. An intent with a create response exists, so it never becomes NOT_CREATED.
    """
    if listing.complete and is_after_quiescence(payment, listing, policy):
        if same_amount_count:
            return State.OPEN if same_amount_count + other_amount_count == 1 else State.NEEDS_HUMAN
        if missing_count >= policy.absent_lists and not payment.claim:
            return State.NEEDS_HUMAN if other_amount_count else State.NOT_CREATED
    return state_after_max_age(payment, now, policy)


def state_after_max_age(payment: Payment, now: datetime, policy: Policy) -> State | None:
    """NEEDS_HUMAN for an UNKNOWN intent that exceeded its maximum age, else None."""
    late = payment.state == State.UNKNOWN and now >= payment.state_since + policy.unknown_max_age
    return State.NEEDS_HUMAN if late else None
