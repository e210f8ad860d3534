"""Time-driven notices: payment reminders, overdue credits, an open breaker, and a low balance that is not topped up."""

from datetime import datetime

from topups.decision.rules import reorder_point_cents
from topups.decision.snapshot import AccountSnapshot, PaymentPlan, Reason, Refusal
from topups.ledger import outbox
from topups.ledger.models import OutboxMessage, Payment
from topups.notifications import rules
from topups.payment_states import State
from topups.policy import DAY
from topups.vendor_statuses import is_payable_or_pending
from topups.workflow.context import TopUpContext
from topups.workflow.payment_tracking import awaits_credit

# With every other reason the low balance is left to people.
NO_LOW_BALANCE_NOTICE = frozenset(
    {
        *(Reason.BALANCE_OK, Reason.BALANCE_STALE, Reason.BALANCE_UNREADABLE, Reason.DISABLED),
        Reason.DRY_RUN_WOULD_CREATE,
    }
)
# A payment in progress has notices of its own; after a day without a change the low balance is reported too.
IN_PROGRESS_REASONS = frozenset(
    {
        *(Reason.IN_FLIGHT, Reason.PAYMENT_OPEN_AT_VENDOR, Reason.PAID_NOT_CREDITED, Reason.OUTCOME_UNKNOWN),
        Reason.AWAITING_APPROVAL,
    }
)
SLOTLESS_BLOCKERS = (State.AWAITING_APPROVAL, State.LATE_CONFIRMING, State.PAID_LATE)


def queue_scheduled_notices(
    context: TopUpContext, snapshot: AccountSnapshot, payments: list[Payment], decision: PaymentPlan | Refusal
) -> None:
    """Writes the notices that are due now to the outbox; each is sent once."""
    ledger, policy, now = context.ledger, context.policy, context.clock.now()
    due: list[OutboxMessage] = rules.breaker_notices(snapshot, policy)
    for payment in payments:
        due += rules.payment_reminders(payment, now, policy) + rules.overdue_credit_notices(payment, now, policy)
    if (
        isinstance(decision, Refusal)
        and snapshot.balance
        and not _suppresses_low_balance(decision.reason, payments, now)
    ):
        due += _low_balance_notices(context, snapshot, decision)
    if due:
        ledger.enqueue_notices(context.account_id, due, now)


def _suppresses_low_balance(reason: Reason, payments: list[Payment], now: datetime) -> bool:
    if reason not in IN_PROGRESS_REASONS:
        return reason in NO_LOW_BALANCE_NOTICE
    return any(now - payment.state_since < DAY for payment in payments if _blocks_topup(payment, now))


def _blocks_topup(payment: Payment, now: datetime) -> bool:
    external = payment.state == State.EXTERNAL and (
        is_payable_or_pending(payment.vendor_status, payment.ends_at, now) or awaits_credit(payment)
    )
    return payment.slot is not None or payment.state in SLOTLESS_BLOCKERS or external


def _low_balance_notices(context: TopUpContext, snapshot: AccountSnapshot, refusal: Refusal) -> list[OutboxMessage]:
    policy, ledger = context.policy, context.ledger
    if policy.problems() or snapshot.balance is None:
        return []
    reorder_point = reorder_point_cents(snapshot, policy)
    last = outbox.last_notice_at(ledger, context.account_id, "low_balance")
    if snapshot.balance.cents >= reorder_point or (last and context.clock.now() - last < rules.LOW_BALANCE_INTERVAL):
        return []
    episode = outbox.low_balance_episode(ledger, context.account_id, reorder_point)
    return [rules.low_balance_notice(snapshot, episode, str(refusal.reason), refusal.explanation)]
