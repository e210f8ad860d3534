"""Applies vendor statuses to the payments of the ledger."""

from datetime import datetime
from typing import Any

from topups import payment_verification, vendor_statuses
from topups.gateway import VendorPayment
from topups.ledger.models import Payment
from topups.notifications import rules
from topups.payment_states import PaymentException, State, next_state, payment_exception
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext, transition
from topups.workflow.opening import verified_instructions
from topups.workflow.vendor_snapshots import fetch_transaction

MAX_TRANSITIONS_PER_RUN = 6


def apply_vendor_statuses(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
    """Moves each tracked payment to the state that its vendor status leads to."""
    rows = {row.vendor_id: row for row in report.listing.rows} if report.listing else {}
    for payment in payments:
        if payment.vendor_payment_id is None:
            continue
        row = rows.get(payment.vendor_payment_id)
        if row is None and payment.slot and report.listing and payment.state != State.PAID:
            _apply_transaction(context, payment, report)
        elif row is not None:
            _apply_row(context, payment, row, report)


def _apply_row(context: TopUpContext, payment: Payment, row: VendorPayment, report: ReconcileReport) -> None:
    current: Payment | None = payment
    changes = _changed_columns(payment, row, context.clock.now())
    if any(getattr(payment, name) != value for name, value in changes.items()):
        current = context.ledger.update_payment(payment, "seen", context.clock.now(), changes)
        report.updated += 1
        context.checkpoint(Checkpoint.MOVED)
    if current and current.state == State.OPEN and not (current.url or current.address):
        current = _verify_instructions(context, current, row)
    if current and current.state != State.EXTERNAL:
        _apply_transitions(context, current, row.status, report)


def _verify_instructions(context: TopUpContext, payment: Payment, row: VendorPayment) -> Payment | None:
    """Tries again to verify the link or address of an open payment."""
    if payment_verification.row_problem(row, payment.request):
        return payment
    transaction = fetch_transaction(context, row.vendor_id)
    guessed = payment.exception == PaymentException.ADOPTED
    instructions = verified_instructions(context, payment, row, transaction, guessed=guessed)
    if not instructions:
        return payment
    notices = [rules.payment_notice(payment.payment_id, "pay_link")]
    updated = context.ledger.update_payment(payment, "verified", context.clock.now(), instructions, notices)
    context.checkpoint(Checkpoint.MOVED)
    return updated


def _apply_transaction(context: TopUpContext, payment: Payment, report: ReconcileReport) -> None:
    transaction = fetch_transaction(context, payment.vendor_payment_id or "")
    if transaction and transaction.status:
        _apply_transitions(context, payment, transaction.status, report)


def _apply_transitions(context: TopUpContext, payment: Payment, status: str, report: ReconcileReport) -> None:
    current: Payment | None = payment
    for _ in range(MAX_TRANSITIONS_PER_RUN):
        state = next_state(current, status, context.clock.now(), context.policy) if current else None
        if current is None or state is None:
            return
        changes = {"exception": payment_exception(current, state, status), "vendor_status": status}
        current = transition(context, current, state, report, current.detail, **changes)


def _changed_columns(payment: Payment, row: VendorPayment, now: datetime) -> dict[str, Any]:
    """The columns that a row sets. The first amount stays: a list that changes it is not trusted.

    An external payment stays in one state, so ``state_since`` becomes the time when it was first seen paid.
    """
    newly_paid = row.status in vendor_statuses.PAID and payment.vendor_status not in vendor_statuses.PAID
    return {
        "vendor_status": row.status,
        "ends_at": row.ends_at or payment.ends_at,
        "listed_at": payment.listed_at or now,
        "session_id": row.session_id or payment.session_id,
        "state_since": now if newly_paid and payment.state == State.EXTERNAL else payment.state_since,
        "vendor_amount_cents": row.amount_cents if payment.vendor_amount_cents is None else payment.vendor_amount_cents,
    }
