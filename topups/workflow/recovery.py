"""What a crash or a lost answer left behind: brought to a state that says what is known, and nothing sent again."""

from __future__ import annotations

from topups.ledger.models import Payment
from topups.payment_states import State
from topups.workflow import matching
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.outcome import locate_and_open, mark_open, unmatched_rows
from topups.workflow.reconcile_report import ReconcileReport, transition
from topups.workflow.vendor_snapshots import fetch_transaction


def expire_stale_intents(context: TopUpContext, known: list[Payment], done: ReconcileReport) -> None:
    """What a dead process left behind. Nothing is ever sent again."""
    policy, now = context.policy, context.clock.now()
    for payment in known:
        age = now - payment.state_since
        if payment.state == State.SENDING:
            deadline = payment.deadline_at or payment.state_since
            if now > deadline + policy.answer_wait:
                transition(context, payment, State.UNKNOWN, done, "no answer was written down")
        elif payment.state == State.RESERVED and age > policy.reserve_max_age:
            transition(context, payment, State.RELEASED, done, "left behind; nothing was sent")
        elif payment.state == State.AWAITING_APPROVAL and age > policy.approval_life:
            why = "it was approved, and not needed in time" if payment.approved_at else "nobody approved it in time"
            transition(context, payment, State.RELEASED, done, why)


def resolve_unknown_outcomes(context: TopUpContext, known: list[Payment], done: ReconcileReport) -> None:
    """Looks for payments whose outcome is unknown, certain matches first."""
    for payment in known:
        if payment.state not in (State.UNKNOWN, State.NEEDS_HUMAN):
            continue
        opened = locate_and_open(context, payment, done.listing)
        if opened:
            done.moved.append((payment.payment_id, payment.state, opened.state))
        elif payment.state == State.UNKNOWN:
            _search_again(context, payment, done)


def _search_again(context: TopUpContext, payment: Payment, done: ReconcileReport) -> None:
    policy, listing = context.policy, done.listing
    if listing is None:
        if matching.state_after_max_age(payment, context.clock.now(), policy):
            transition(context, payment, State.NEEDS_HUMAN, done, "the vendor's list could not be read in time")
        return
    rows = unmatched_rows(context, listing)
    alike = matching.same_amount_rows(payment, rows)
    others = len(rows) - len(alike)
    missed = matching.count_missing_lists(payment, listing, len(alike), policy)
    to = matching.resolve_state(payment, listing, len(alike), others, missed, context.clock.now(), policy)
    if to == State.OPEN:
        told = fetch_transaction(context, alike[0].vendor_id)
        opened = mark_open(context, payment, alike[0], told, guessed=True)
        done.moved += [(payment.payment_id, payment.state, opened.state)] if opened else []
    elif to is not None:
        found = f"{len(alike)} of {len(rows)} new payments fit, {missed} lists without it"
        transition(context, payment, to, done, found)
    elif missed != payment.absences:
        changes = {"absences": missed, "absent_at": listing.at if missed else None}
        context.ledger.update_payment(payment, "looked_for", context.clock.now(), changes)
        done.noted += 1
        context.checkpoint(Checkpoint.MOVED)
