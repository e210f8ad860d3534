"""Reads balance, payments and transactions from the vendor. Each read is recorded before it is used."""

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from topups.decision.clock_check import recorded_at
from topups.gateway import Balance, PaymentList, Transaction, VendorUnavailable
from topups.ledger.models import Payment
from topups.policy import DAY, Policy
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.vendor_times import with_usable_times

# A list that lost half of its rows within this time is incomplete.
SHRINK_WINDOW = timedelta(days=1)


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
        context.account_id, _tracking_start(context), at - SHRINK_WINDOW, assess, context.clock.now()
    )
    listing = dataclasses.replace(listing, at=response.at)
    listing = with_usable_times(context, listing, payments, record=True)
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


def assess_completeness(
    listing: PaymentList, payments: Iterable[Payment], max_size: int, policy: Policy
) -> PaymentList:
    """The list, marked complete only if nothing contradicts it.

    ``payments`` are the ledger's. Those that were in an earlier list and are young have to be in this one, with the
    same amount. ``max_size`` is the number of rows of the largest complete list of the last day.
    """
    problem = listing.problem or _inconsistency(listing, payments, policy)
    if not problem and len(listing.rows) * 2 < max_size:
        problem = f"the vendor's list shrank from {max_size} to {len(listing.rows)} payments"
    return dataclasses.replace(listing, complete=listing.complete and not problem, problem=problem)


def _inconsistency(listing: PaymentList, payments: Iterable[Payment], policy: Policy) -> str:
    rows = {row.vendor_id: row for row in listing.rows}
    for payment in payments:
        row = rows.get(payment.vendor_payment_id or "")
        if row is None and _expected_in_list(payment, listing.at, policy):
            return f"the vendor's list lacks the payment {payment.vendor_payment_id}"
        if row is not None and payment.vendor_amount_cents not in (None, row.amount_cents):
            return f"the vendor's list changed the amount of {row.vendor_id}"
    return ""


def _expected_in_list(payment: Payment, at: datetime, policy: Policy) -> bool:
    if payment.listed_at is None or payment.listed_at > at:
        return False
    return payment.slot is not None or payment.counted_at > at - policy.list_memory
