"""When to act, how much to ask for, and whether a person has to agree. Pure."""

from __future__ import annotations

from topups.decision.reasons import Decision, Reason
from topups.decision.snapshot import Burn, Snapshot
from topups.money import fingerprinted, usd
from topups.payment_methods import RAILS
from topups.policy import Policy

# A burn at which the threshold lasts for longer than this is no leak, whatever the account is used to.
CALM_HOURS = 24


def trigger_cents(snapshot: Snapshot, policy: Policy) -> int:
    """The balance below which to act: the threshold, or the forecast's earlier point."""
    assert policy.threshold_cents is not None
    forecast = min(snapshot.burn.reorder_cents, highest_trigger_cents(policy)) if snapshot.burn else 0
    return max(policy.threshold_cents, forecast)


def highest_trigger_cents(policy: Policy) -> int:
    """No forecast acts above this balance, so only below it one is needed to decide.

    A payment then is at least a third of the target, and never smaller than the smallest one allowed.
    """
    assert policy.target_cents is not None and policy.amount_min_cents is not None
    return min(policy.target_cents * 2 // 3, policy.target_cents - policy.amount_min_cents)


def sized(snapshot: Snapshot, policy: Policy) -> int:
    """What is missing up to the target, in US cents; an approved amount is never exceeded."""
    assert snapshot.balance and policy.target_cents is not None
    missing = policy.target_cents - snapshot.balance.cents - snapshot.pending_cents()
    waiting = snapshot.waiting()
    if waiting and waiting.approved_at:
        missing = min(missing, waiting.amount_cents)
    if policy.fingerprint:
        return fingerprinted(missing, {other.amount_cents for other in snapshot.payments if other is not waiting})
    return missing


def sized_payment(snapshot: Snapshot, policy: Policy, cause: str) -> Decision:
    """The payment that would be created under the policy; ``cause`` is the text of the rule that calls for it."""
    assert policy.target_cents is not None
    amount, waiting = sized(snapshot, policy), snapshot.waiting()
    approved = waiting.payment_id if waiting and waiting.approved_at else None
    wallet = RAILS[policy.rail].wallet
    return Decision(
        amount_cents=amount,
        rail=policy.rail,
        currency=policy.currency if wallet else "",
        network=policy.network if wallet else "",
        approval=None if approved else approval_wanted(amount, snapshot, policy),
        approved_payment_id=approved,
        why=f"{cause}; up to {usd(policy.target_cents)} it is missing {usd(amount)}",
    )


def approval_wanted(amount: int, snapshot: Snapshot, policy: Policy) -> Reason | None:
    """Why a person has to agree to a payment, or None."""
    if snapshot.burn and is_anomalous(snapshot.burn, policy):
        return Reason.ANOMALOUS_BURN
    large = policy.approval_limit_cents is not None and amount > policy.approval_limit_cents
    return Reason.AWAITING_APPROVAL if large or policy.mode == "approve" else None


def is_anomalous(burn: Burn, policy: Policy) -> bool:
    """Whether money leaves the account so much faster than usual that somebody may be stealing it.

    Without a usual burn nothing is unusual. Where the usual burn is nearly nothing only the pace counts: it has to use
    up the threshold within a day.
    """
    if burn.normal_cents_per_hour is None:
        return False
    calm = (policy.threshold_cents or 0) / CALM_HOURS
    return burn.cents_per_hour > max(policy.anomaly_factor * burn.normal_cents_per_hour, calm)
