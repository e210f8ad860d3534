"""Looking at the vendor: each look is a step of its own and is written down before anything is made of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from topups.gateway import Balance, PaymentList, Transaction, VendorUnavailable
from topups.ledger.models import Payment
from topups.policy import DAY, Policy
from topups.workflow.context import Checkpoint, TopUpContext

# A list that lost half of its rows within this time is a part of a list.
SHRINK_WINDOW = timedelta(days=1)


def fetch_balance(context: TopUpContext) -> tuple[Balance | None, str]:
    """The balance now and what was wrong, one of them empty."""
    try:
        balance = context.gateway.balance()
    except VendorUnavailable as error:
        context.checkpoint(Checkpoint.BALANCE_READ)
        return None, str(error)
    context.checkpoint(Checkpoint.BALANCE_READ)
    context.ledger.record_balance(context.account_id, balance, context.clock.now())
    context.checkpoint(Checkpoint.BALANCE_RECORDED)
    return balance, ""


class ListResult(NamedTuple):
    """The vendor's list (None when it could not be read), what was wrong, and what the ledger knew just after it.

    The ledger is read after the list: a row of a request that went out meanwhile finds its payment in ``known``.
    """

    listing: PaymentList | None
    problem: str
    payments: list[Payment]


def fetch_payment_list(context: TopUpContext) -> ListResult:
    """The vendor's payments, judged against what the ledger knows must be among them."""
    try:
        response: PaymentList | VendorUnavailable = context.gateway.payments()
    except VendorUnavailable as error:
        response = error
    context.checkpoint(Checkpoint.LIST_READ)
    if isinstance(response, VendorUnavailable):
        return ListResult(None, str(response), tracked_payments(context))
    assess = partial(assess_completeness, response, policy=context.policy)
    listing, payments = context.ledger.record_payment_list(
        context.account_id, _tracking_start(context), response.at - SHRINK_WINDOW, assess, context.clock.now()
    )
    context.checkpoint(Checkpoint.LIST_RECORDED)
    return ListResult(listing, listing.problem, payments)


def tracked_payments(context: TopUpContext) -> list[Payment]:
    """The payments of the account that may still change, or that the vendor's list still has to show."""
    return context.ledger.tracked_payments(context.account_id, _tracking_start(context))


def _tracking_start(context: TopUpContext) -> datetime:
    policy = context.policy
    return context.clock.now() - max(policy.list_memory, policy.late_watch + DAY)


def fetch_transaction(context: TopUpContext, order_id: str) -> Transaction | None:
    """One payment at the vendor; None when there is none or the vendor does not tell."""
    try:
        transaction = context.gateway.transaction(order_id) if order_id else None
    except VendorUnavailable:
        transaction = None
    context.checkpoint(Checkpoint.TRANSACTION_READ)
    return transaction


def assess_completeness(
    listing: PaymentList, payments: Iterable[Payment], max_size: int, policy: Policy
) -> PaymentList:
    """The list, complete only if nothing speaks against it.

    ``known`` are the ledger's payments; those that were in a list before and are young must be in this one, with the
    same amount. ``largest`` is the number of rows of the largest complete list of the last day.
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
