"""What a crash or a lost answer left behind: brought to a state that says what is known, and nothing sent again."""

from __future__ import annotations

from topups.ledger.models import Payment
from topups.payment_states import State
from topups.workflow import matching
from topups.workflow.context import Checkpoint, Context
from topups.workflow.outcome import open_payment, settle, unclaimed
from topups.workflow.reconcile_report import Reconciled, move_to
from topups.workflow.vendor_snapshots import look_at_transaction


def recover(context: Context, known: list[Payment], done: Reconciled) -> None:
    """What a dead process left behind. Nothing is ever sent again."""
    policy, now = context.policy, context.now()
    for payment in known:
        age = now - payment.state_since
        if payment.state == State.SENDING:
            deadline = payment.deadline_at or payment.state_since
            if now > deadline + policy.answer_wait:
                move_to(context, payment, State.UNKNOWN, done, "no answer was written down")
        elif payment.state == State.RESERVED and age > policy.reserve_max_age:
            move_to(context, payment, State.RELEASED, done, "left behind; nothing was sent")
        elif payment.state == State.AWAITING_APPROVAL and age > policy.approval_life:
            why = "it was approved, and not needed in time" if payment.approved_at else "nobody approved it in time"
            move_to(context, payment, State.RELEASED, done, why)


def resolve_unknown(context: Context, known: list[Payment], done: Reconciled) -> None:
    """Looks for payments whose outcome is unknown, certain matches first."""
    for payment in known:
        if payment.state not in (State.UNKNOWN, State.NEEDS_HUMAN):
            continue
        opened = settle(context, payment, done.listing)
        if opened:
            done.moved.append((payment.payment_id, payment.state, opened.state))
        elif payment.state == State.UNKNOWN:
            _keep_looking(context, payment, done)


def _keep_looking(context: Context, payment: Payment, done: Reconciled) -> None:
    policy, listing = context.policy, done.listing
    if listing is None:
        if matching.too_old(payment, context.now(), policy):
            move_to(context, payment, State.NEEDS_HUMAN, done, "the vendor's list could not be read in time")
        return
    rows = unclaimed(context, listing)
    alike = matching.candidates(payment, rows)
    others = len(rows) - len(alike)
    missed = matching.absences(payment, listing, len(alike), policy)
    to = matching.fate(payment, listing, len(alike), others, missed, context.now(), policy)
    if to == State.OPEN:
        told = look_at_transaction(context, alike[0].vendor_id)
        opened = open_payment(context, payment, alike[0], told, guessed=True)
        done.moved += [(payment.payment_id, payment.state, opened.state)] if opened else []
    elif to is not None:
        found = f"{len(alike)} of {len(rows)} new payments fit, {missed} lists without it"
        move_to(context, payment, to, done, found)
    elif missed != payment.absences:
        changes = {"absences": missed, "absent_at": listing.at if missed else None}
        context.ledger.note(payment, "looked_for", context.now(), changes)
        done.noted += 1
        context.checkpoint(Checkpoint.MOVED)
