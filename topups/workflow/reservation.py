"""Turns a plan into a payment of the ledger: reserved, waiting for approval, or skipped in a dry run."""

import dataclasses
from datetime import datetime

from topups.decision.evaluate import decide
from topups.decision.snapshot import AccountSnapshot, PaymentPlan, Reason, Refusal
from topups.ledger.models import NewPayment, Payment
from topups.money import usd
from topups.notifications import rules
from topups.payment_states import State
from topups.policy import Policy, kill_switch_on
from topups.workflow.context import TopUpContext


def reserve_payment(
    context: TopUpContext, snapshot: AccountSnapshot, plan: PaymentPlan, idempotency_key: str
) -> Payment | Refusal:
    """Takes slot and budget in one transaction, in which the policy is evaluated once more."""
    now = context.clock.now()

    def check(current: AccountSnapshot) -> Refusal | None:
        return _revalidate(context, snapshot, current, plan, now)

    if plan.approved_payment_id:
        waiting = context.ledger.payment(plan.approved_payment_id)
        # The operator approved an amount. Payment method and coin are those that the policy allows now.
        columns = {name: getattr(plan, name) for name in ("amount_cents", "rail", "currency", "network")}
        changes = columns | {"baseline": _latest_balance_seq(context)}
        reserved = waiting and context.ledger.transition(waiting, State.RESERVED, now, changes, precondition=check)
        return reserved or Refusal(Reason.LOST_RACE, "the approved payment is no longer waiting")
    return context.ledger.insert_intent(
        _new_payment(context, plan, idempotency_key, _hours_to_empty(snapshot)), State.RESERVED, check, now
    )


def request_approval(
    context: TopUpContext, snapshot: AccountSnapshot, plan: PaymentPlan, idempotency_key: str
) -> Payment | Refusal:
    """Inserts a payment that waits for an operator's approval. It holds no slot and no budget yet."""
    now, new_payment = context.clock.now(), _new_payment(context, plan, idempotency_key, _hours_to_empty(snapshot))
    reason = plan.approval or Reason.AWAITING_APPROVAL

    def check(current: AccountSnapshot) -> Refusal | None:
        return _revalidate(context, snapshot, current, plan, now)

    payload = {"reason": str(reason), "facts": _why_a_person(plan, context.policy)}
    notices = [rules.payment_notice(new_payment.payment_id, "approval", **payload)]
    return context.ledger.insert_intent(new_payment, State.AWAITING_APPROVAL, check, now, notices)


def _why_a_person(plan: PaymentPlan, policy: Policy) -> str:
    """Why this payment needs a person."""
    if plan.approval == Reason.ANOMALOUS_BURN:
        return "the account spends far more than usual: somebody may be draining it"
    if policy.mode != "auto":
        return f"in mode {policy.mode} a person decides about each payment"
    return f"above {usd(policy.approval_limit_cents or 0)} a person decides"


def record_dry_run(context: TopUpContext, refusal: Refusal, idempotency_key: str) -> Payment | None:
    """Inserts a SKIPPED payment, at most one per cooldown. It holds no slot and counts nowhere."""
    if refusal.reason != Reason.DRY_RUN_WOULD_CREATE or refusal.plan is None:
        return None
    now = context.clock.now()
    last = context.ledger.payments(context.account_id, (State.SKIPPED,), 1)
    if last and now - last[0].created_at < context.policy.cooldown:
        return None
    new_payment = _new_payment(context, refusal.plan, idempotency_key, hours_to_empty=None)
    skipped = context.ledger.insert_intent(new_payment, State.SKIPPED, lambda _: None, now)
    return skipped if isinstance(skipped, Payment) else None


def _revalidate(
    context: TopUpContext, seen: AccountSnapshot, current: AccountSnapshot, plan: PaymentPlan, now: datetime
) -> Refusal | None:
    """Evaluates the policy on the ledger inside the transaction with the vendor's observations of this run.

    Returns None if it leads to the same plan.
    """
    merged = dataclasses.replace(
        current,
        balance=seen.balance,
        listing=seen.listing,
        burn=seen.burn,
        killed=kill_switch_on(context.environment),
        paused=current.paused or seen.paused,
        unproven=seen.unproven,
    )
    decision = decide(merged, context.policy, now)
    if isinstance(decision, Refusal):
        return decision
    return None if decision == plan else Refusal(Reason.LOST_RACE, "the facts changed while deciding")


def _new_payment(
    context: TopUpContext, plan: PaymentPlan, idempotency_key: str, hours_to_empty: float | None
) -> NewPayment:
    return NewPayment(
        payment_id=context.ids.new(context.clock.now()),
        account_id=context.account_id,
        decision_id=idempotency_key,
        rail=plan.rail,
        amount_cents=plan.amount_cents,
        currency=plan.currency,
        network=plan.network,
        why=plan.explanation,
        hours_to_empty=None if hours_to_empty is None else f"{hours_to_empty:.1f}",
        baseline=_latest_balance_seq(context),
    )


def _latest_balance_seq(context: TopUpContext) -> int | None:
    """The number of the latest balance observation, the last one before the money can arrive."""
    latest = context.ledger.observations(context.account_id, "balance", limit=1)
    return latest[0].seq if latest else None


def _hours_to_empty(snapshot: AccountSnapshot) -> float | None:
    return snapshot.burn.hours_to_empty if snapshot.burn else None
