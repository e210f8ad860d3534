"""When a top-up is due, how large it is, and whether it needs approval. Pure functions."""

from topups.decision.reasons import PaymentPlan, Reason
from topups.decision.snapshot import AccountSnapshot, BurnForecast
from topups.money import usd, with_unique_cents
from topups.payment_methods import PAYMENT_METHODS
from topups.policy import Policy

# If the threshold lasts longer than this at the present burn, the burn is not a leak.
LEAK_HORIZON_HOURS = 24


def reorder_point_cents(snapshot: AccountSnapshot, policy: Policy) -> int:
    """The balance below which a top-up is due: the threshold, or the forecast's earlier point."""
    assert policy.threshold_cents is not None
    forecast_point = min(snapshot.burn.reorder_cents, max_reorder_point_cents(policy)) if snapshot.burn else 0
    return max(policy.threshold_cents, forecast_point)


def max_reorder_point_cents(policy: Policy) -> int:
    """The highest re-order point of any forecast: above this balance none is needed to decide.

    A payment is then at least a third of the target, and never below the smallest allowed amount.
    """
    assert policy.target_cents is not None and policy.amount_min_cents is not None
    return min(policy.target_cents * 2 // 3, policy.target_cents - policy.amount_min_cents)


def topup_amount_cents(snapshot: AccountSnapshot, policy: Policy) -> int:
    """What is missing up to the target, in US cents; an approved amount is never exceeded."""
    assert snapshot.balance and policy.target_cents is not None
    missing = policy.target_cents - snapshot.balance.cents - snapshot.pending_cents()
    waiting = snapshot.pending_approval()
    if waiting and waiting.approved_at:
        missing = min(missing, waiting.amount_cents)
    if policy.fingerprint:
        return with_unique_cents(
            missing, {payment.amount_cents for payment in snapshot.payments if payment is not waiting}
        )
    return missing


def plan_payment(snapshot: AccountSnapshot, policy: Policy, cause: str) -> PaymentPlan:
    """The payment that would be created under the policy; ``cause`` is the text of the rule that calls for it."""
    assert policy.target_cents is not None
    amount, waiting = topup_amount_cents(snapshot, policy), snapshot.pending_approval()
    approved = waiting.payment_id if waiting and waiting.approved_at else None
    wallet = PAYMENT_METHODS[policy.rail].wallet
    return PaymentPlan(
        amount_cents=amount,
        rail=policy.rail,
        currency=policy.currency if wallet else "",
        network=policy.network if wallet else "",
        approval=None if approved else approval_reason(amount, snapshot, policy),
        approved_payment_id=approved,
        explanation=f"{cause}; up to {usd(policy.target_cents)} it is missing {usd(amount)}",
    )


def approval_reason(amount: int, snapshot: AccountSnapshot, policy: Policy) -> Reason | None:
    """Why an operator has to approve a payment, or None."""
    if snapshot.burn and is_anomalous(snapshot.burn, policy):
        return Reason.ANOMALOUS_BURN
    large = policy.approval_limit_cents is not None and amount > policy.approval_limit_cents
    return Reason.AWAITING_APPROVAL if large or policy.mode == "approve" else None


def is_anomalous(burn: BurnForecast, policy: Policy) -> bool:
    """Whether the burn is so far above the usual one that someone may be draining the account.

    Without a usual burn nothing is anomalous. Where the usual burn is close to zero, only the pace counts: it has to
    use up the threshold within a day.
    """
    if burn.normal_cents_per_hour is None:
        return False
    calm = (policy.threshold_cents or 0) / LEAK_HORIZON_HOURS
    return burn.cents_per_hour > max(policy.anomaly_factor * burn.normal_cents_per_hour, calm)
