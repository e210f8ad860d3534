"""When to act, how much to ask for, and whether a person has to agree. Pure."""

from __future__ import annotations

from topups.amounts import fingerprinted
from topups.policy import Policy
from topups.reasons import Reason
from topups.snapshot import Snapshot


def trigger_cents(snapshot: Snapshot, policy: Policy) -> int:
    """The balance below which to act: the threshold, or the forecast's earlier point, never near the target."""
    assert policy.threshold_cents is not None and policy.target_cents is not None
    forecast = min(snapshot.burn.reorder_cents, policy.target_cents * 2 // 3) if snapshot.burn else 0
    return max(policy.threshold_cents, forecast)


def sized(snapshot: Snapshot, policy: Policy) -> int:
    """What is missing up to the target, in US cents; an approved amount is never exceeded."""
    assert snapshot.balance and policy.target_cents is not None
    missing = policy.target_cents - snapshot.balance.cents - snapshot.pending_cents()
    waiting = snapshot.waiting()
    if waiting and waiting.approved_at:
        return min(missing, waiting.amount_cents)
    if policy.fingerprint:
        return fingerprinted(missing, {payment.amount_cents for payment in snapshot.payments})
    return missing


def approval_wanted(amount: int, snapshot: Snapshot, policy: Policy) -> Reason | None:
    """Why a person has to agree to a payment, or None."""
    burn = snapshot.burn
    if burn and burn.normal_cents_per_hour and burn.cents_per_hour > policy.anomaly_factor * burn.normal_cents_per_hour:
        return Reason.ANOMALOUS_BURN
    large = policy.approval_limit_cents is not None and amount > policy.approval_limit_cents
    return Reason.AWAITING_APPROVAL if large or policy.mode == "approve" else None
