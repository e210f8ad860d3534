"""Whether the account needs a top-up, and how large: a pure function of what is known and what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

BALANCE_MAX_AGE = timedelta(minutes=10)


class Reason(StrEnum):
    """Why no payment is created. Every "no" is one of these."""

    DISABLED = "DISABLED"
    DRY_RUN_WOULD_CREATE = "DRY_RUN_WOULD_CREATE"
    NO_POLICY = "NO_POLICY"
    BALANCE_OK = "BALANCE_OK"
    BALANCE_STALE = "BALANCE_STALE"
    BALANCE_UNREADABLE = "BALANCE_UNREADABLE"
    AMOUNT_BELOW_MIN = "AMOUNT_BELOW_MIN"
    AMOUNT_ABOVE_MAX = "AMOUNT_ABOVE_MAX"


@dataclass(frozen=True)
class Policy:
    """What the owner wants; amounts in US cents, ``None`` where nothing was set."""

    mode: str = "off"
    threshold_cents: int | None = None
    target_cents: int | None = None
    amount_min_cents: int | None = None
    amount_max_cents: int | None = None


@dataclass(frozen=True)
class Snapshot:
    """What is known: the balance in US cents, and when the vendor told it (UTC)."""

    balance_cents: int | None
    balance_at: datetime | None


@dataclass(frozen=True)
class Plan:
    """The decision: what it would pay and the reason why nothing is created.

    Creating is not built yet, so there always is a reason; ``amount_cents`` is set when the balance calls for a
    payment.
    """

    reason: Reason
    facts: str
    amount_cents: int | None = None


def plan(snapshot: Snapshot, policy: Policy, now: datetime) -> Plan:
    """What the policy would do at ``now``."""
    if policy.mode == "off":
        return Plan(Reason.DISABLED, "topup_mode is off")
    if policy.threshold_cents is None or policy.target_cents is None:
        return Plan(Reason.NO_POLICY, "topup_threshold_cents and topup_target_cents must be set")
    if snapshot.balance_cents is None or snapshot.balance_at is None:
        return Plan(Reason.BALANCE_UNREADABLE, "no balance is known")
    if now - snapshot.balance_at > BALANCE_MAX_AGE:
        return Plan(Reason.BALANCE_STALE, f"the balance is from {snapshot.balance_at:%Y-%m-%d %H:%M} UTC")
    if snapshot.balance_cents >= policy.threshold_cents:
        return Plan(Reason.BALANCE_OK, f"{_usd(snapshot.balance_cents)} is not below {_usd(policy.threshold_cents)}")
    return _sized(snapshot.balance_cents, policy.threshold_cents, policy.target_cents, policy)


def _sized(balance: int, threshold: int, target: int, policy: Policy) -> Plan:
    amount = target - balance
    low = f"{_usd(balance)} is below {_usd(threshold)}; up to {_usd(target)} is missing {_usd(amount)}"
    if policy.amount_min_cents is not None and amount < policy.amount_min_cents:
        return Plan(Reason.AMOUNT_BELOW_MIN, f"{low}, the smallest payment is {_usd(policy.amount_min_cents)}")
    if policy.amount_max_cents is not None and amount > policy.amount_max_cents:
        return Plan(Reason.AMOUNT_ABOVE_MAX, f"{low}, the largest payment is {_usd(policy.amount_max_cents)}")
    return Plan(Reason.DRY_RUN_WOULD_CREATE, low, amount)


def _usd(cents: int) -> str:
    return f"{cents / 100:,.2f} USD"
