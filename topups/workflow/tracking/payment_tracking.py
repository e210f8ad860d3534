"""Applies vendor statuses to the payments of the ledger."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from topups.evidence import payment_units
from topups.gateway import PaymentList, VendorPayment
from topups.ledger import outbox
from topups.ledger.models import OutboxMessage, Payment, latest_amount_cents
from topups.money import usd
from topups.notifications import rules
from topups.payment_states import PaymentException, State, expires_at, next_state, payment_exception
from topups.policy import Policy
from topups.vendor import statuses as vendor_statuses
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext, transition
from topups.workflow.opening import DO_NOT_PAY, VendorMatch, find_by_id, unmatched_rows, verified_instructions
from topups.workflow.vendor_snapshots import fetch_transaction

MAX_TRANSITIONS_PER_RUN = 6


def apply_vendor_statuses(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
    """Moves each tracked payment to the state that its vendor status leads to."""
    listing = report.listing
    rows = {row.vendor_id: row for row in listing.rows} if listing else {}
    for payment in payments:
        row = rows.get(payment.vendor_payment_id or "") or _row_by_response(context, payment, listing)
        if row is not None:
            _apply_row(context, payment, row, report)
        elif listing and payment.state in FOLLOWED_WITHOUT_ROW:
            _apply_without_row(context, payment, listing, report)


# Their transaction, or the time, moves payments in these states if the vendor does not list them.
FOLLOWED_WITHOUT_ROW = frozenset(
    {
        *(State.OPEN, State.CONFIRMING, State.UNDERPAID_WAITING, State.UNDERPAID, State.LOCKED, State.REFUNDING),
        *(State.EXPIRED, State.LATE_CONFIRMING),
    }
)


def _row_by_response(context: TopUpContext, payment: Payment, listing: PaymentList | None) -> VendorPayment | None:
    """The row of a payment that its create response alone opened: by name, or the only new one of its amount."""
    if listing is None or payment.vendor_payment_id or payment.state not in FOLLOWED_WITHOUT_ROW:
        return None
    rows = unmatched_rows(context, listing)
    same_amount = [row for row in rows if row.amount_cents == payment.amount_cents]
    return find_by_id(payment.create_response, rows) or (same_amount[0] if len(same_amount) == 1 else None)


def _apply_row(context: TopUpContext, payment: Payment, row: VendorPayment, report: ReconcileReport) -> None:
    current: Payment | None = payment
    changes = _changed_columns(payment, row, context.clock.now())
    if any(getattr(payment, name) != value for name, value in changes.items()):
        notices = _amount_notices(payment, changes)
        current = context.ledger.update_payment(payment, "seen", context.clock.now(), changes, notices)
        report.updated += 1
        context.checkpoint(Checkpoint.MOVED)
    if current and current.state == State.OPEN and _needs_verification(current):
        current = _verify_instructions(context, current, row, report)
    if current and current.state != State.EXTERNAL:
        follow_status(context, current, row.status, report)


def _needs_verification(payment: Payment) -> bool:
    """Whether link, address or the unit of the amount are still to be confirmed."""
    if payment.exception == PaymentException.AMOUNT_MISMATCH:
        return False
    return not (payment.url or payment.address) or not payment.unit_proof


def _verify_instructions(
    context: TopUpContext, payment: Payment, row: VendorPayment | None, report: ReconcileReport
) -> Payment | None:
    """Tries again to verify the link or address of an open payment, and the unit of its amount."""
    transaction = fetch_transaction(context, row.vendor_id if row else payment.vendor_payment_id or "")
    match = VendorMatch(row, transaction, guessed=payment.exception == PaymentException.ADOPTED)
    changes = verified_instructions(context, payment, match)
    shown = payment.url or payment.address
    if shown and "exception" not in changes:
        changes = {name: value for name, value in changes.items() if name == "unit_proof"}
    if all(getattr(payment, name) == value for name, value in changes.items()):
        return payment
    notices = []
    if "exception" in changes:
        notices = [rules.payment_notice(payment.payment_id, "mismatch")]
    elif not shown and (changes.get("url") or changes.get("address")):
        notices = [rules.payment_notice(payment.payment_id, "pay_link")]
    updated = context.ledger.update_payment(payment, "verified", context.clock.now(), changes, notices)
    report.updated += 1
    context.checkpoint(Checkpoint.MOVED)
    return updated


def _apply_without_row(context: TopUpContext, payment: Payment, listing: PaymentList, report: ReconcileReport) -> None:
    """Moves a payment that the vendor does not list by its transaction, or by the time that passed."""
    now, status, current = context.clock.now(), payment.vendor_status, payment
    if payment.state != State.EXPIRED:
        transaction = fetch_transaction(context, payment.vendor_payment_id or "")
        status = transaction.status if transaction and transaction.status else status
        if transaction is None and _was_dropped(payment, listing, now, context.policy):
            status = CANCELLED_STATUS
        if transaction and payment.state == State.OPEN and payment.listed_at is None:
            propose_paid_only_list(context, payment, listing)
    if current.state == State.OPEN and _needs_verification(current):
        updated = _verify_instructions(context, current, None, report)
        if updated is None:
            return
        current = updated
    follow_status(context, current, status, report)


CANCELLED_STATUS = "cancel"


def _was_dropped(payment: Payment, listing: PaymentList, now: datetime, policy: Policy) -> bool:
    """Whether the vendor stopped listing a payment that nobody had paid when its time was over."""
    unpaid = payment.vendor_status in vendor_statuses.AWAITING_PAYMENT and payment.listed_at is not None
    return unpaid and listing.complete and now >= expires_at(payment, policy) + policy.unknown_max_age


def propose_paid_only_list(context: TopUpContext, payment: Payment, listing: PaymentList) -> None:
    """Proposes ``list_shows_paid_only`` once the vendor named a payment that its complete lists do not have."""
    account, now = context.account_id, context.clock.now()
    if context.policy.list_shows_paid_only or not listing.complete:
        return
    if now < payment.state_since + context.policy.unknown_quiescence:
        return
    if outbox.last_notice(context.ledger, account, "list_paid_only").at is None:
        notice = OutboxMessage("list_paid_only", f"{account}:list_paid_only", {}, payment.payment_id)
        context.ledger.enqueue_notices(account, [notice], now)


def follow_status(context: TopUpContext, payment: Payment, status: str, report: ReconcileReport) -> None:
    """Moves a payment along the graph as far as the vendor's ``status`` leads."""
    current: Payment | None = payment
    for _ in range(MAX_TRANSITIONS_PER_RUN):
        state = next_state(current, status, context.clock.now(), context.policy) if current else None
        if current is None or state is None:
            return
        exception = payment_exception(current, state, status)
        current = transition(context, current, state, report, current.detail, exception=exception, vendor_status=status)


def _changed_columns(payment: Payment, row: VendorPayment, now: datetime) -> dict[str, Any]:
    """The columns that a row sets.

    An external payment stays in one state, so ``state_since`` becomes the time when it was first seen paid.
    """
    newly_paid = row.status in vendor_statuses.PAID and payment.vendor_status not in vendor_statuses.PAID
    return {
        "vendor_payment_id": row.vendor_id,
        "vendor_status": row.status,
        "ends_at": row.ends_at or payment.ends_at,
        "listed_at": payment.listed_at or now,
        "session_id": row.session_id or payment.session_id,
        "state_since": now if newly_paid and payment.state == State.EXTERNAL else payment.state_since,
        **_amount_columns(payment, row),
    }


def _amount_columns(payment: Payment, row: VendorPayment) -> dict[str, Any]:
    """What the amount of a row changes.

    Once a person paid, the vendor may replace the amount by what arrived, so the first one stays beside it. Before
    that nobody should pay a payment of ours whose amount changed.
    """
    first = payment.vendor_amount_cents
    if first is None:
        return {"vendor_amount_cents": row.amount_cents}
    if row.amount_cents == latest_amount_cents(payment) or payment_units.unit_changed(
        latest_amount_cents(payment), row.amount_cents
    ):
        return {}
    if row.status in vendor_statuses.FINAL | vendor_statuses.IN_PROGRESS:
        over = row.status in vendor_statuses.PAID and row.amount_cents > first
        plain = payment.exception in (PaymentException.NONE, PaymentException.ADOPTED)
        exception = PaymentException.PAID_OVER if over and plain else payment.exception
        return {"final_cents": row.amount_cents, "exception": exception}
    if payment.state == State.EXTERNAL:
        return {"vendor_amount_cents": row.amount_cents}
    problem = f"do not pay: the vendor changed the amount from {usd(first)} to {usd(row.amount_cents)}"
    return {"vendor_amount_cents": row.amount_cents, "instructions_problem": problem, **DO_NOT_PAY}


def _amount_notices(payment: Payment, changes: Mapping[str, Any]) -> list[OutboxMessage]:
    """The notice of a changed amount, one per payment and kind; a cancelled payment needs none."""
    if changes.get("exception") == PaymentException.AMOUNT_MISMATCH != payment.exception:
        return [rules.payment_notice(payment.payment_id, "mismatch")]
    moved_money = changes["vendor_status"] not in vendor_statuses.CANCELLED | vendor_statuses.FAILED
    if "final_cents" in changes and moved_money:
        return [rules.payment_notice(payment.payment_id, "other_amount", final_cents=changes["final_cents"])]
    return []
