"""Opens a payment with what the vendor's own reads confirm about it: its row, its transaction, link or address."""

from collections.abc import Iterable
from typing import Any

from topups import payment_methods, payment_verification
from topups.gateway import CreateResponse, PaymentList, Transaction, VendorPayment
from topups.ledger.database.conflicts import Constraint, LedgerConflict
from topups.ledger.models import Payment
from topups.notifications import rules
from topups.payment_states import PaymentException, State
from topups.workflow.context import TopUpContext
from topups.workflow.vendor_id_conflicts import record_vendor_id_conflict


def find_by_id(claim: CreateResponse, rows: Iterable[VendorPayment]) -> VendorPayment | None:
    """The row that the create response names, by the last segment of its link or by its order id."""
    names = {claim.session_id, claim.order_id} - {""}
    return next((row for row in rows if names & {row.vendor_id, row.session_id}), None)


def unmatched_rows(context: TopUpContext, listing: PaymentList) -> list[VendorPayment]:
    """The rows of the list that have no payment in the ledger."""
    existing = context.ledger.existing_vendor_ids(context.account_id, (row.vendor_id for row in listing.rows))
    return [row for row in listing.rows if row.vendor_id not in existing]


def mark_open(
    context: TopUpContext,
    payment: Payment,
    row: VendorPayment | None,
    transaction: Transaction | None,
    *,
    guessed: bool = False,
) -> Payment | None:
    """Moves a payment to OPEN with everything about it that is verified. Returns None after a lost compare-and-swap."""
    changes = _columns_from_vendor(context, payment, row, transaction, guessed=guessed)
    mismatch = row is not None and payment_verification.row_problem(row, payment.request) != ""
    if mismatch:
        changes["exception"] = PaymentException.AMOUNT_MISMATCH
    elif guessed:
        changes["exception"] = PaymentException.ADOPTED
    now = context.clock.now()
    notices = rules.notices_for_state(payment.payment_id, State.OPEN)
    if mismatch:
        notices = [rules.payment_notice(payment.payment_id, "mismatch")]
    try:
        return context.ledger.transition(payment, State.OPEN, now, changes, notices)
    except LedgerConflict as conflict:
        if conflict.constraint != Constraint.VENDOR_ID:
            raise
        return record_vendor_id_conflict(context, payment, changes["vendor_payment_id"])


def matches_intent(context: TopUpContext, payment: Payment, transaction: Transaction) -> bool:
    """Whether a transaction is the payment that was requested: amount, link or address, and coin agree."""
    problem = payment_verification.transaction_problem(
        transaction, payment.create_response, payment.request, context.policy.url_hosts
    )
    return bool(transaction.order_id) and transaction.amount_cents is not None and not problem


def _columns_from_vendor(
    context: TopUpContext,
    payment: Payment,
    row: VendorPayment | None,
    transaction: Transaction | None,
    *,
    guessed: bool,
) -> dict[str, Any]:
    changes: dict[str, Any] = {"detail": ""}
    if transaction:
        changes |= {
            "vendor_payment_id": transaction.order_id,
            "vendor_status": transaction.status,
            "ends_at": transaction.ends_at,
        }
        changes["vendor_amount_cents"] = transaction.amount_cents
    if row:
        changes |= {"vendor_payment_id": row.vendor_id, "vendor_status": row.status, "listed_at": context.clock.now()}
        changes |= {"session_id": row.session_id or None, "vendor_amount_cents": row.amount_cents}
        changes["ends_at"] = row.ends_at or changes.get("ends_at")
    return changes | verified_instructions(context, payment, row, transaction, guessed=guessed)


def verified_instructions(
    context: TopUpContext,
    payment: Payment,
    row: VendorPayment | None,
    transaction: Transaction | None,
    *,
    guessed: bool,
) -> dict[str, Any]:
    """Link, address and coins that may be shown: create response and a read agree on them, and on the amount."""
    response, order, hosts = payment.create_response, payment.request, context.policy.url_hosts
    if row is not None and payment_verification.row_problem(row, order):
        return {}
    agreed = (
        transaction is not None
        and matches_intent(context, payment, transaction)
        and (row is None or transaction.order_id == row.vendor_id)
    )
    if agreed and transaction and payment_methods.PAYMENT_METHODS[order.rail].wallet:
        link = transaction.url if not payment_verification.url_problem(transaction.url, hosts) else None
        return {"address": transaction.address, "amount_in_crypto": transaction.amount_in_crypto or None, "url": link}
    if agreed and transaction:
        return {"url": transaction.url}
    by_name = row is not None and not guessed and find_by_id(response, [row]) is not None
    if (
        by_name
        and not payment_methods.PAYMENT_METHODS[order.rail].wallet
        and not payment_verification.response_problem(response, order, hosts)
    ):
        return {"url": response.url}
    return {}
