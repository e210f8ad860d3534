"""What is wrong with a policy whose limits are all set: why it can never act, and what its owner may not expect."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from topups.money import usd

if TYPE_CHECKING:
    from topups.policy import Policy

PREFIX = "SMSONLINE_TOPUP_"
# With a smaller distance a top-up would trigger the next one at once.
TARGET_FACTOR_PERCENT = 150
NOT_ABOVE = (
    ("amount_min_cents", "amount_max_cents"),
    ("amount_min_cents", "target_cents"),
    ("amount_min_cents", "cap_day_cents"),
    ("cap_day_cents", "cap_week_cents"),
    ("cap_week_cents", "cap_month_cents"),
    ("amount_min_cents", "exposure_limit_cents"),
    ("threshold_cents", "exposure_limit_cents"),
)
# At 0 no decision could ever be carried out.
ABOVE_ZERO = (
    "balance_max_age",
    "send_deadline",
    "list_max_age",
    "approval_life",
    "creates_per_day",
    "breaker_failures",
)


class _Limits(NamedTuple):
    """The limits of a policy in US cents, none of them missing."""

    threshold: int
    target: int
    smallest: int
    largest: int
    cap_day: int
    cap_month: int
    exposure: int
    approval: int

    @property
    def gap(self) -> int:
        """What is missing up to the target when the balance has reached the threshold."""
        return self.target - self.threshold

    @property
    def usual_payment(self) -> int:
        """The payment at the threshold in an account that requested nothing lately."""
        room = self.exposure - self.threshold
        return max(self.smallest, min(self.gap, self.largest, self.cap_day, room))

    @property
    def acts_up_to(self) -> int:
        """The largest balance at which a payment of the smallest amount stays within target and prepaid limit."""
        return min(self.target, self.exposure) - self.smallest


def contradictions(policy: Policy) -> list[str]:
    """Why a policy that has all limits can never act; each line names the settings to correct."""
    lines = list(_wrong_values(policy))
    for smaller, larger in NOT_ABOVE:
        if getattr(policy, smaller) > getattr(policy, larger):
            lines.append(f"{_setting(smaller)} must not be above {_setting(larger)}")
    if (policy.target_cents or 0) * 100 < (policy.threshold_cents or 0) * TARGET_FACTOR_PERCENT:
        lines.append(f"{_setting('target_cents')} must be at least 1.5 times {_setting('threshold_cents')}")
    return lines


def warnings(policy: Policy) -> list[str]:
    """What the owner of a policy that can act may not expect: that it always asks, acts late, or seldom."""
    values = (
        *(policy.threshold_cents, policy.target_cents, policy.amount_min_cents, policy.amount_max_cents),
        *(policy.cap_day_cents, policy.cap_month_cents, policy.exposure_limit_cents, policy.approval_limit_cents),
    )
    limits = _Limits(*(value or 0 for value in values))
    return [*_approval_warnings(policy, limits), *_amount_warnings(policy, limits)]


def _approval_warnings(policy: Policy, limits: _Limits) -> Iterator[str]:
    asks_on_purpose = policy.mode != "auto" or policy.approval_above_cents == 0
    if not asks_on_purpose and limits.approval < limits.usual_payment:
        yield (
            f"mode auto asks a person before every usual payment: it is {usd(limits.usual_payment)}, and above "
            f"{usd(limits.approval)} approval is needed; raise {_setting('approval_above_cents')}"
        )
    if policy.mode == "auto" and policy.anomaly_factor <= 1:
        yield f"mode auto asks a person at usual spending: {_setting('anomaly_factor')} is not above 1"


def _amount_warnings(policy: Policy, limits: _Limits) -> Iterator[str]:
    if limits.acts_up_to < limits.threshold:
        yield (
            f"nothing is requested until the balance is {usd(limits.acts_up_to)}, below the threshold of "
            f"{usd(limits.threshold)}: the smallest payment would exceed the target or the prepaid limit; "
            f"lower {_setting('amount_min_cents')}"
        )
    a_day = min(policy.creates_per_day * limits.largest, limits.cap_day)
    if a_day < limits.gap:
        yield (
            f"the payments of a day are at most {usd(a_day)}, and from the threshold to the target "
            f"{usd(limits.gap)} are missing: raise {_setting('amount_max_cents')} or {_setting('cap_day_cents')}"
        )
    if limits.cap_month - limits.usual_payment < limits.smallest:
        yield (
            f"one payment of {usd(limits.usual_payment)} uses up 30 days: "
            f"a second one would exceed {_setting('cap_month_cents')}"
        )


def _wrong_values(policy: Policy) -> Iterator[str]:
    for field in dataclasses.fields(policy):
        value, may_be_zero = getattr(policy, field.name), field.name not in ABOVE_ZERO
        if isinstance(value, timedelta):
            if value < timedelta() or not (value or may_be_zero):
                yield f"{_setting(field.name)}_SECONDS must be {'at least' if may_be_zero else 'above'} 0"
        elif field.name == "approval_above_cents":
            if value is not None and value < 0:
                yield f"{_setting(field.name)} must be at least 0"
        elif ((field.name.endswith("_cents") and value is not None) or not may_be_zero) and value <= 0:
            yield f"{_setting(field.name)} must be above 0"


def _setting(name: str) -> str:
    """The setting of an entry of the policy; the prepaid limit is derived unless it is set."""
    return PREFIX + name.replace("exposure_limit", "exposure").upper()
