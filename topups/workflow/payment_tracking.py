"""Applies vendor statuses to the payments of the ledger, and imports payments that others made as EXTERNAL."""

from datetime import datetime
from typing import Any

from topups import payment_verification, vendor_statuses
from topups.gateway import PaymentList, VendorPayment
from topups.ledger.models import ExternalPayment, Payment
from topups.notifications import rules
from topups.payment_states import OUTCOME_PENDING, PaymentException, State, next_state, payment_exception
from topups.policy import DAY
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext, transition
from topups.workflow.outcome import find_by_id, unmatched_rows, verified_instructions
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


def adopt_external_payments(
    context: TopUpContext, listing: PaymentList, payments: list[Payment], report: ReconcileReport
) -> None:
    """Imports every row without a ledger payment as EXTERNAL, all of them in one transaction.

    Not while the outcome of a request is open: the row may be its payment. ``payments`` were read after the list, so a
    request that went out in between is among them, at least in SENDING.
    """
    ledger, account = context.ledger, context.account_id
    tracked_ids = {payment.vendor_payment_id for payment in payments}
    if all(row.vendor_id in tracked_ids for row in listing.rows):
        return
    if any(payment.state in OUTCOME_PENDING for payment in payments):
        return
    unmatched = unmatched_rows(context, listing)
    if not unmatched:
        return
    unresolved = ledger.payments(account, (State.NOT_CREATED, State.NEEDS_HUMAN), 20)
    balances = ledger.observations(account, "balance", limit=1)
    baseline = balances[0].seq if balances else None
    now = context.clock.now()
    externals, notices = [], []
    ids = [context.ids.new(now) for _ in unmatched]
    for row, payment_id in zip(unmatched, ids, strict=True):
        suspected = any(_may_be_duplicate(payment, row, now) for payment in unresolved)
        exception = PaymentException.DUPLICATE_SUSPECTED if suspected else PaymentException.EXTERNAL
        final = row.status in vendor_statuses.FINAL
        externals.append(ExternalPayment(payment_id, row, exception, None if final else baseline))
        if suspected or vendor_statuses.is_payable_or_pending(row.status, row.ends_at, now):
            notices.append(rules.payment_notice(payment_id, "duplicate" if suspected else "external"))
    inserted = ledger.insert_external(account, externals, notices, now)
    context.checkpoint(Checkpoint.ADOPTED)
    report.adopted += [payment.payment_id for payment in inserted]


def _may_be_duplicate(unresolved: Payment, row: VendorPayment, now: datetime) -> bool:
    """Whether an unmatched row may be the late payment of a request that was given up.

    Its amount proves nothing: the vendor may have changed it.
    """
    recent = unresolved.sending_at is not None and now - unresolved.sending_at < DAY
    return recent or find_by_id(unresolved.create_response, [row]) is not None
