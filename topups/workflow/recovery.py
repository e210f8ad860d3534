"""Recovers from crashes and lost responses: times intents out and resolves unknown outcomes. Never sends again."""

from topups.ledger.models import Payment
from topups.payment_states import State
from topups.workflow import matching
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.outcome import locate_and_open, mark_open, unmatched_rows
from topups.workflow.reconcile_report import ReconcileReport, transition
from topups.workflow.vendor_snapshots import fetch_transaction


def expire_stale_intents(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
    """Times out intents that a dead process left in RESERVED or SENDING, and approvals that came too late."""
    policy, now = context.policy, context.clock.now()
    for payment in payments:
        age = now - payment.state_since
        if payment.state == State.SENDING:
            deadline = payment.deadline_at or payment.state_since
            if now > deadline + policy.response_wait:
                transition(context, payment, State.UNKNOWN, report, "no answer was written down")
        elif payment.state == State.RESERVED and age > policy.reserve_max_age:
            transition(context, payment, State.RELEASED, report, "left behind; nothing was sent")
        elif payment.state == State.AWAITING_APPROVAL and age > policy.approval_life:
            detail = "it was approved, and not needed in time" if payment.approved_at else "nobody approved it in time"
            transition(context, payment, State.RELEASED, report, detail)


def resolve_unknown_outcomes(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
    """Searches the vendor's payments for intents whose outcome is unknown, exact matches first."""
    for payment in payments:
        if payment.state not in (State.UNKNOWN, State.NEEDS_HUMAN):
            continue
        opened = locate_and_open(context, payment, report.listing)
        if opened:
            report.moved.append((payment.payment_id, payment.state, opened.state))
        elif payment.state == State.UNKNOWN:
            _search_again(context, payment, report)


def _search_again(context: TopUpContext, payment: Payment, report: ReconcileReport) -> None:
    policy, listing = context.policy, report.listing
    if listing is None:
        if matching.state_after_max_age(payment, context.clock.now(), policy):
            transition(context, payment, State.NEEDS_HUMAN, report, "the vendor's list could not be read in time")
        return
    rows = unmatched_rows(context, listing)
    same_amount = matching.same_amount_rows(payment, rows)
    other_amount_count = len(rows) - len(same_amount)
    missing_count = matching.count_missing_lists(payment, listing, len(same_amount), policy)
    state = matching.resolve_state(
        payment, listing, len(same_amount), other_amount_count, missing_count, context.clock.now(), policy
    )
    if state == State.OPEN:
        transaction = fetch_transaction(context, same_amount[0].vendor_id)
        opened = mark_open(context, payment, same_amount[0], transaction, guessed=True)
        report.moved += [(payment.payment_id, payment.state, opened.state)] if opened else []
    elif state is not None:
        detail = f"{len(same_amount)} of {len(rows)} new payments fit, {missing_count} lists without it"
        transition(context, payment, state, report, detail)
    elif missing_count != payment.absences:
        changes = {"absences": missing_count, "absent_at": listing.at if missing_count else None}
        context.ledger.update_payment(payment, "looked_for", context.clock.now(), changes)
        report.updated += 1
        context.checkpoint(Checkpoint.MOVED)
