"""The rule about the hours in which the owner is awake. It sees the same inputs as every rule."""

from datetime import datetime, timedelta

from topups.decision.snapshot import AccountSnapshot, Reason, RuleResult
from topups.policy import HOUR, Policy

# How long an approval shows that the owner is awake.
APPROVER_AWAKE = HOUR


def owner_awake(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> RuleResult:
    """Nobody is asked to pay while the owner sleeps, unless the balance may be empty before the morning.

    An owner who has just approved a payment is awake.
    """
    waking, waiting = policy.waking_hours, snapshot.pending_approval()
    limit = f"within {policy.hours}, or a balance that is empty before then"
    approved_at = waiting.approved_at if waiting else None
    if waking.is_awake(now) or (approved_at and now - approved_at < APPROVER_AWAKE):
        return RuleResult(Reason.OUTSIDE_HOURS, True, "the owner is awake", limit if policy.hours else "")
    morning = waking.next_morning(now)
    figure = f"the owner is awake at {waking.text(morning)}"
    expected = [hours for hours in _hours_to_empty(snapshot) if hours is not None]
    empty_before = bool(expected) and now + timedelta(hours=min(expected)) < morning
    return RuleResult(Reason.OUTSIDE_HOURS, empty_before, figure, limit)


def _hours_to_empty(snapshot: AccountSnapshot) -> list[float | None]:
    """At the present spending, and on a busy day."""
    if snapshot.balance and snapshot.balance.cents <= 0:
        return [0.0]
    return [snapshot.burn.hours_to_empty, snapshot.burn.hours_to_empty_p10] if snapshot.burn else []
