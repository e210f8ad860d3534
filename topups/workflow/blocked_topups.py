"""Decides whether a refusal stops a top-up that is due, and records it."""

from collections.abc import Sequence
from datetime import datetime

from topups.decision.rules import reorder_point_cents
from topups.decision.snapshot import AccountSnapshot, PaymentPlan, Reason, Refusal
from topups.gateway import Balance
from topups.ledger.blocked import Blocked, read_blocked, record_blocked
from topups.ledger.models import Payment
from topups.money import MAX_PLAUSIBLE_CENTS
from topups.notifications.blocked_notices import (
    CONTINUES,
    NORMAL_DURATION,
    queue_blocked_notice,
    queue_unblocked_notice,
)
from topups.policy import MODES, Policy
from topups.workflow.context import TopUpContext

# Known only when a payment is reserved or sent: the next evaluation would pass, so it does not end them.
AT_SENDING = frozenset({Reason.LOST_RACE, Reason.NOT_SENT_STALE})


def is_due(snapshot: AccountSnapshot, latest: Balance | None, policy: Policy, now: datetime) -> bool:
    """Whether the account needs a top-up, or nobody can tell, in a mode that plans payments.

    ``latest`` is the newest balance of the ledger: it counts while it is younger than ``balance_max_age``, so that one
    response that failed does not make the balance unknown.
    """
    if policy.mode == MODES[0]:
        return False
    balance = snapshot.balance or latest
    if balance is None or balance.cents > MAX_PLAUSIBLE_CENTS or now - balance.at > policy.balance_max_age:
        return True
    return bool(policy.problems()) or balance.cents < reorder_point_cents(snapshot, policy)


def await_run(decision: PaymentPlan | Refusal) -> Refusal:
    """The decision as a pass that requests nothing records it: a plan waits for a run, which may never come."""
    if isinstance(decision, Refusal):
        return decision
    return Refusal(Reason.NOT_EXECUTED, f"{decision.explanation}; no run has requested it yet")


def update_blocked(
    context: TopUpContext,
    snapshot: AccountSnapshot,
    latest: Balance | None,
    decision: PaymentPlan | Refusal,
    payments: Sequence[Payment] = (),
) -> None:
    """Records what stops the account's due top-up after a decision, and queues the notices that are due.

    ``latest`` is the ledger's newest balance, ``payments`` are the tracked payments. Raises ``LedgerUnavailable``.
    """
    ledger, account_id, policy, now = context.ledger, context.account_id, context.policy, context.clock.now()
    due = is_due(snapshot, latest, policy, now)
    refusal = decision if due and isinstance(decision, Refusal) else None
    before = read_blocked(ledger, account_id)
    passes = refusal is None or refusal.reason == Reason.NOT_EXECUTED
    if passes and due and before and before.reason in AT_SENDING and _runs_go_on(before, now):
        return
    begins = refusal is not None and before is not None and Reason.NOT_EXECUTED == refusal.reason != before.reason
    ended = refusal is None or refusal.reason in CONTINUES or begins
    if before and before.reason not in CONTINUES and ended and policy.mode != MODES[0]:
        queue_unblocked_notice(ledger, account_id, decision, now)
    record_blocked(ledger, account_id, refusal, now)
    if refusal:
        queue_blocked_notice(ledger, snapshot, payments, refusal, before, policy, now)


def _runs_go_on(before: Blocked, now: datetime) -> bool:
    """Whether a run that wrote the reason is recent."""
    return now - before.seen_at < NORMAL_DURATION[Reason.NOT_EXECUTED]
