"""Notices that time brings: countdowns, credits that do not come, an open breaker, a low balance nobody cures."""

from __future__ import annotations

from datetime import datetime

from topups.decision.reasons import Decision, Reason, Refusal
from topups.decision.sizing import trigger_cents
from topups.decision.snapshot import Snapshot
from topups.ledger import outbox
from topups.ledger.models import Announcement, Payment
from topups.notifications import rules
from topups.payment_states import State
from topups.policy import DAY
from topups.vendor_statuses import blocks
from topups.workflow.context import Context
from topups.workflow.credit_proof import awaits_credit

# The rest of the reasons leave a low balance to a person.
NO_LOW_BALANCE_NOTICE = frozenset(
    {
        *(Reason.BALANCE_OK, Reason.BALANCE_STALE, Reason.BALANCE_UNREADABLE, Reason.DISABLED),
        Reason.DRY_RUN_WOULD_CREATE,
    }
)
# A payment under way has notices of its own. One that hangs for a day cures nothing any more.
UNDER_WAY = frozenset(
    {
        *(Reason.IN_FLIGHT, Reason.PAYMENT_OPEN_AT_VENDOR, Reason.PAID_NOT_CREDITED, Reason.OUTCOME_UNKNOWN),
        Reason.AWAITING_APPROVAL,
    }
)
WITHOUT_A_SLOT = (State.AWAITING_APPROVAL, State.LATE_CONFIRMING, State.PAID_LATE)


def tell_what_is_due(context: Context, snapshot: Snapshot, known: list[Payment], decision: Decision | Refusal) -> None:
    """Writes the notices that are due at this instant into the outbox; each is told once."""
    ledger, policy, now = context.ledger, context.policy, context.now()
    due: list[Announcement] = rules.breaker(snapshot, policy)
    for payment in known:
        due += rules.countdown(payment, now, policy) + rules.credit_late(payment, now, policy)
    if isinstance(decision, Refusal) and snapshot.balance and not _is_quiet(decision.reason, known, now):
        due += _low_balance(context, snapshot, decision)
    if due:
        ledger.announce(context.account_id, due, now)


def _is_quiet(reason: Reason, known: list[Payment], now: datetime) -> bool:
    if reason not in UNDER_WAY:
        return reason in NO_LOW_BALANCE_NOTICE
    return any(now - payment.state_since < DAY for payment in known if _is_in_the_way(payment, now))


def _is_in_the_way(payment: Payment, now: datetime) -> bool:
    foreign = payment.state == State.EXTERNAL and (
        blocks(payment.vendor_status, payment.ends_at, now) or awaits_credit(payment)
    )
    return payment.slot is not None or payment.state in WITHOUT_A_SLOT or foreign


def _low_balance(context: Context, snapshot: Snapshot, verdict: Refusal) -> list[Announcement]:
    policy, ledger = context.policy, context.ledger
    if policy.problems() or snapshot.balance is None:
        return []
    trigger = trigger_cents(snapshot, policy)
    last = outbox.last_told_at(ledger, context.account_id, "low_balance")
    if snapshot.balance.cents >= trigger or (last and context.now() - last < rules.LOW_BALANCE_AT_MOST):
        return []
    dip = outbox.dip(ledger, context.account_id, trigger)
    return [rules.low_balance(snapshot, dip, str(verdict.reason), verdict.facts)]
