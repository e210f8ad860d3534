"""Brings the ledger to what the vendor says. Reads only: nothing here asks for money, and it may run at any time.

Between two effects there is a checkpoint, where another program, or a crash, may come in between. A lost
compare-and-swap means that another program did it: continue with the next.
"""

from __future__ import annotations

import dataclasses

from topups.decision.evaluate import evaluate
from topups.decision.snapshot import ListFact, Snapshot, blocking_rows
from topups.gateway import VendorUnavailable
from topups.ledger.models import Payment
from topups.ledger.transactions import LedgerUnavailable
from topups.notifications.scheduled import tell_what_is_due
from topups.workflow.context import Checkpoint, Context
from topups.workflow.credit_proof import prove_credits
from topups.workflow.decision_log import write_verdict
from topups.workflow.payment_tracking import adopt, follow
from topups.workflow.reconcile_report import Reconciled
from topups.workflow.recovery import recover, resolve_unknown
from topups.workflow.vendor_snapshots import SHRINK_MEMORY, judged, look_at_balance, look_at_payments, watched


def run_reconcile(context: Context) -> Reconciled:
    """One run for one account that requests nothing, with the decision that its facts allow.

    A ledger that cannot be used is reported in ``ledger_problem``.
    """
    done = Reconciled()
    try:
        reconcile(context, done)
        evaluate_account(context, done)
    except LedgerUnavailable as error:
        done.ledger_problem = str(error)
    return done


def reconcile(context: Context, done: Reconciled) -> None:
    """Brings the ledger to what the vendor says, and reports it in ``done``. Raises ``LedgerUnavailable``."""
    done.balance, done.balance_problem = look_at_balance(context)
    done.listing, done.list_problem, known = look_at_payments(context)
    recover(context, known, done)
    resolve_unknown(context, _present(context, known, done), done)
    follow(context, _present(context, known, done), done)
    known = _present(context, known, done)
    if done.listing:
        adopt(context, done.listing, known, done)
    prove_credits(context, known, done)
    done.payments = _present(context, known, done)
    context.checkpoint(Checkpoint.RECONCILED)


def evaluate_account(context: Context, done: Reconciled, decision_id: str = "") -> Snapshot:
    """Decides once on what ledger and vendor say by now, records the decision, and queues the notices that are due.

    The decision is in ``done.evaluation``, recorded under ``decision_id`` or else under the fingerprint of its facts.
    Returns the facts. Raises ``LedgerUnavailable``.
    """
    now = context.now()
    snapshot = observed(context, context.ledger.snapshot(context.account_id, now), done)
    done.evaluation = evaluate(snapshot, context.policy, now)
    decision = done.evaluation.decision
    write_verdict(context, decision_id or done.evaluation.facts_fingerprint, decision, snapshot.burn)
    tell_what_is_due(context, snapshot, done.payments, decision)
    return snapshot


def preview_snapshot(context: Context) -> Snapshot:
    """What a run would decide on: the ledger with the vendor's present responses. Records and changes nothing."""
    seen, gateway = Reconciled(), context.gateway
    try:
        seen.balance = gateway.balance()
    except VendorUnavailable as error:
        seen.balance_problem = str(error)
    try:
        listing = gateway.payments()
        largest = context.ledger.largest_list(context.account_id, listing.at - SHRINK_MEMORY)
        seen.listing = judged(listing, watched(context), largest, context.policy)
    except VendorUnavailable as error:
        seen.list_problem = str(error)
    return observed(context, context.ledger.snapshot(context.account_id, context.now()), seen)


def _present(context: Context, known: list[Payment], done: Reconciled) -> list[Payment]:
    """The payments as they are by now; read again only if this pass changed one."""
    return watched(context) if done.moved or done.noted or done.adopted else known


def observed(context: Context, snapshot: Snapshot, done: Reconciled) -> Snapshot:
    """What the ledger knows, with what this pass saw at the vendor."""
    listing = done.listing
    fact = ListFact(None, False, done.list_problem)
    if listing:
        fact = ListFact(listing.at, listing.complete, listing.problem, blocking_rows(listing, context.now()))
    return dataclasses.replace(
        snapshot,
        balance=done.balance or (None if done.balance_problem else snapshot.balance),
        balance_problem=done.balance_problem,
        listing=fact,
        killed=context.killed(),
        burn=context.burn(),
    )
