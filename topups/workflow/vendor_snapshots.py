"""Reads balance, payments and transactions from the vendor. Each read is recorded before it is used."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from topups.decision.clock_check import recorded_at
from topups.decision.snapshot import payable_ids
from topups.evidence import payment_units
from topups.gateway import Balance, PaymentList, Transaction, VendorUnavailable
from topups.ledger.models import Payment, latest_amount_cents
from topups.payment_states import OUTCOME_PENDING
from topups.policy import DAY, Policy
from topups.vendor import statuses as vendor_statuses
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.vendor_times import with_usable_times

# A list that lost half of its rows within this time is incomplete.
SHRINK_WINDOW = timedelta(days=1)
# So many rows may go at once because they are final or over.
MAX_ROWS_DROPPED = 2


def fetch_balance(context: TopUpContext) -> tuple[Balance | None, str]:
    """The balance and the problem, one of them empty."""
    try:
        balance = context.gateway.balance()
    except VendorUnavailable as error:
        context.checkpoint(Checkpoint.BALANCE_READ)
        return None, str(error)
    context.checkpoint(Checkpoint.BALANCE_READ)
    recorded = dataclasses.replace(balance, at=recorded_at(balance, context.policy))
    context.ledger.record_balance(context.account_id, recorded, context.clock.now())
    context.checkpoint(Checkpoint.BALANCE_RECORDED)
    return balance, ""


class ListResult(NamedTuple):
    """The vendor's list (None if it could not be read), the problem, and the tracked payments just after it.

    The ledger is read after the list, so a request that went out in between is among ``payments``.
    """

    listing: PaymentList | None
    problem: str
    payments: list[Payment]


def fetch_payment_list(context: TopUpContext) -> ListResult:
    """The vendor's payments, assessed for completeness against the ledger."""
    try:
        response: PaymentList | VendorUnavailable = context.gateway.payments()
    except VendorUnavailable as error:
        response = error
    context.checkpoint(Checkpoint.LIST_READ)
    if isinstance(response, VendorUnavailable):
        return ListResult(None, str(response), tracked_payments(context))
    at = recorded_at(response, context.policy)
    assess = partial(assess_completeness, dataclasses.replace(response, at=at), policy=context.policy)
    listing, payments = context.ledger.record_payment_list(
        context.account_id,
        _tracking_start(context),
        shrink_window_start(context, at),
        assess,
        context.clock.now(),
    )
    listing = with_usable_times(context, dataclasses.replace(listing, at=response.at), payments, record=True)
    context.checkpoint(Checkpoint.LIST_RECORDED)
    return ListResult(listing, listing.problem, payments)


def tracked_payments(context: TopUpContext) -> list[Payment]:
    """The payments of the account that may still change, or that the vendor's list still has to contain."""
    return context.ledger.tracked_payments(context.account_id, _tracking_start(context))


def _tracking_start(context: TopUpContext) -> datetime:
    policy = context.policy
    return context.clock.now() - max(policy.list_memory, policy.late_watch + DAY)


def fetch_transaction(context: TopUpContext, order_id: str) -> Transaction | None:
    """One payment at the vendor; None if there is none or the vendor does not respond."""
    try:
        transaction = context.gateway.transaction(order_id) if order_id else None
    except VendorUnavailable:
        transaction = None
    context.checkpoint(Checkpoint.TRANSACTION_READ)
    return transaction


def shrink_window_start(context: TopUpContext, at: datetime) -> datetime:
    """Since when complete lists tell how many rows a list at ``at`` may not have lost.

    A day, or less once the list stayed incomplete for ``unknown_max_age`` over several reads: by then no outcome is
    decided by its rows any more, and the vendor lists fewer of them.
    """
    policy = context.policy
    reads = context.ledger.observations(context.account_id, "payments", limit=policy.absent_lists)
    if len(reads) < policy.absent_lists:
        return at - SHRINK_WINDOW
    return max(at - SHRINK_WINDOW, min(at - policy.unknown_max_age, reads[-1].at))


def blocking_ids(context: TopUpContext, listing: PaymentList) -> tuple[str, ...]:
    """Ids of the vendor's payments that are payable or confirming, without those that an operator closed."""
    payable = payable_ids(listing, context.clock.now())
    closed = context.ledger.closed_vendor_ids(context.account_id, payable) if payable else frozenset()
    return tuple(vendor_id for vendor_id in payable if vendor_id not in closed)


def assess_completeness(
    listing: PaymentList, payments: Sequence[Payment], max_size: int, policy: Policy
) -> PaymentList:
    """The list, marked complete only if nothing contradicts it.

    ``payments`` are the ledger's. Those that were in an earlier list and are not over have to be in this one: a vendor
    may stop listing what was paid, cancelled or not paid in time. ``max_size`` is the number of rows of the largest
    complete list of the last day.
    """
    ids = {row.vendor_id for row in listing.rows}
    missing = [p for p in payments if p.listed_at and p.listed_at <= listing.at and p.vendor_payment_id not in ids]
    lacking = next((p for p in missing if not _may_be_dropped(p, listing.at, policy)), None)
    problem = listing.problem or _inconsistency(listing, payments)
    if not problem and lacking:
        problem = f"the vendor's list lacks the payment {lacking.vendor_payment_id}"
    searching = any(payment.state in OUTCOME_PENDING for payment in payments)
    dropped = 0 if searching else min(len(missing), MAX_ROWS_DROPPED)
    if not problem and len(listing.rows) * 2 < max_size - dropped:
        problem = f"the vendor's list shrank from {max_size} to {len(listing.rows)} payments"
    return dataclasses.replace(listing, complete=listing.complete and not problem, problem=problem)


def _inconsistency(listing: PaymentList, payments: Sequence[Payment]) -> str:
    """Why the rows cannot be told apart, or their amounts not be read: an id or a unit that changed."""
    by_id = {payment.vendor_payment_id: payment for payment in payments}
    sessions = {payment.session_id for payment in payments if payment.listed_at} - {None, ""}
    for row in listing.rows:
        payment = by_id.get(row.vendor_id)
        if payment is None and row.session_id in sessions:
            return f"the vendor's list changed the id of {row.session_id}"
        if payment and payment_units.unit_changed(latest_amount_cents(payment), row.amount_cents):
            return f"the vendor's list changed the unit of {row.vendor_id}: check listed under [topup_units]"
    return ""


def _may_be_dropped(payment: Payment, at: datetime, policy: Policy) -> bool:
    """Whether a list may lack a payment that was listed: it is final, its time was over, or it is old."""
    if payment.vendor_status in vendor_statuses.FINAL:
        return True
    if payment.slot is None and payment.counted_at <= at - policy.list_memory:
        return True
    unpaid = payment.vendor_status not in vendor_statuses.IN_PROGRESS
    return unpaid and payment.ends_at is not None and at >= payment.ends_at + policy.expiry_grace
