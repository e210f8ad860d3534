"""Applies vendor statuses to the payments of the ledger, and proves that paid money arrived."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from topups import payment_verification, vendor_statuses
from topups.gateway import VendorPayment
from topups.ledger.models import Observation, Payment
from topups.notifications import rules
from topups.payment_states import PaymentException, State, awaits_credit, next_state, payment_exception
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext, transition
from topups.workflow.outcome import verified_instructions
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
        follow_status(context, current, row.status, report)


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
        follow_status(context, payment, transaction.status, report)


def follow_status(context: TopUpContext, payment: Payment, status: str, report: ReconcileReport) -> None:
    """Moves a payment along the graph as far as the vendor's ``status`` leads."""
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


class BalanceIncrease(NamedTuple):
    """The balance rose by ``cents`` between the observation before and observation ``seq``, within ``gap``."""

    seq: int
    cents: int
    gap: timedelta
    at: datetime


def credit_paid_payments(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
    """Moves PAID payments to CREDITED once an unmatched balance increase covers them. External payments are matched
    first.
    """
    ledger, now = context.ledger, context.clock.now()
    waiting = [payment for payment in payments if awaits_credit(payment)]
    if not waiting:
        return
    first = min(payment.baseline or 0 for payment in waiting)
    balances = ledger.observations(context.account_id, "balance", first)[::-1]
    increases, spending = balance_increases(balances), spending_per_hour(balances)
    matched = matched_amounts(payments)
    for payment in sorted(waiting, key=lambda p: p.state != State.EXTERNAL):
        seq = find_matching_increase(payment, increases, matched, spending)
        if seq is None:
            continue
        if payment.state == State.EXTERNAL:
            ledger.update_payment(payment, "credit_seen", now, {"credit": seq})
            context.checkpoint(Checkpoint.MOVED)
        else:
            transition(context, payment, State.CREDITED, report, payment.detail, credit=seq)
        matched[seq] = matched.get(seq, 0) + (payment.vendor_amount_cents or payment.amount_cents)


def balance_increases(balances: Sequence[Observation]) -> list[BalanceIncrease]:
    """The increases between neighbouring balance observations (oldest first)."""
    pairs = pairwise(balances)
    increases = (BalanceIncrease(b.seq, (b.figure or 0) - (a.figure or 0), b.at - a.at, b.at) for a, b in pairs)
    return [increase for increase in increases if increase.cents > 0]


def spending_per_hour(balances: Sequence[Observation]) -> float:
    """US cents per hour by which the balance fell between observations (oldest first)."""
    if len(balances) < 2:
        return 0.0
    hours = (balances[-1].at - balances[0].at).total_seconds() / 3600
    pairs = pairwise(balances)
    spent = sum(max(0, (a.figure or 0) - (b.figure or 0)) for a, b in pairs)
    return spent / hours if hours > 0 else 0.0


def find_matching_increase(
    payment: Payment, increases: Iterable[BalanceIncrease], matched: dict[int, int], spending: float
) -> int | None:
    """The number of the observation that shows the payment's arrival, or None.

    An increase after the payment's baseline, as large as the payment less what may have been spent in the gap: a tenth
    of the amount, or twice the usual spending of that time, never more than half. ``matched`` are the cents of each
    increase that cover other payments already.
    """
    cents = payment.vendor_amount_cents or payment.amount_cents
    for increase in increases:
        meanwhile = 2 * spending * increase.gap.total_seconds() / 3600
        allowed = min(cents // 2, max(cents // 10, int(meanwhile)))
        left = increase.cents - matched.get(increase.seq, 0)
        if payment.baseline is not None and increase.seq > payment.baseline and left >= cents - allowed:
            return increase.seq
    return None


def matched_amounts(payments: Iterable[Payment]) -> dict[int, int]:
    """Cents of each increase that already cover a payment, by observation number."""
    matched: dict[int, int] = {}
    for payment in payments:
        if payment.credit is not None:
            cents = payment.vendor_amount_cents or payment.amount_cents
            matched[payment.credit] = matched.get(payment.credit, 0) + cents
    return matched
