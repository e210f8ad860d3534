"""Brings the ledger to what the vendor says. Reads only: nothing here asks for money, and it may run at any time.

Between two effects there is a checkpoint, where another program, or a crash, may come in between. A lost
compare-and-swap means that another program did it: continue with the next.
"""

from __future__ import annotations

import dataclasses

from topups.context import Checkpoint, Context
from topups.credit import prove_credits
from topups.dues import tell_what_is_due
from topups.follow import adopt, follow
from topups.ledger.errors import LedgerUnavailable
from topups.ledger.rows import Payment
from topups.observe import look_at_balance, look_at_payments, watched
from topups.reconciled import Reconciled
from topups.snapshot import ListFact, Snapshot, blocking_rows
from topups.unknowns import recover, resolve_unknown


def run_reconcile(context: Context) -> Reconciled:
    """One pass for one account. A ledger that cannot be used is told in ``ledger_problem``."""
    try:
        return reconcile(context)
    except LedgerUnavailable as error:
        return Reconciled(ledger_problem=str(error))


def reconcile(context: Context) -> Reconciled:
    """One pass for one account. Raises ``LedgerUnavailable``."""
    done = Reconciled()
    done.balance, done.balance_problem = look_at_balance(context)
    done.listing, done.list_problem, known = look_at_payments(context)
    recover(context, known, done)
    resolve_unknown(context, _present(context, known, done), done)
    follow(context, _present(context, known, done), done)
    known = _present(context, known, done)
    if done.listing:
        adopt(context, done.listing, known, done)
    prove_credits(context, known, done)
    done.snapshot = observed(context, context.ledger.snapshot(context.account_id, context.now()), done)
    tell_what_is_due(context, done.snapshot, _present(context, known, done))
    context.checkpoint(Checkpoint.RECONCILED)
    return done


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
        burn=snapshot.burn or context.burn(),
    )
