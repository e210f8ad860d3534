"""When the account needs a top-up, and how large."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topups.policy import BALANCE_MAX_AGE, Policy, Reason, Snapshot, plan

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POLICY = Policy("dry_run", threshold_cents=1000, target_cents=3000, amount_min_cents=500, amount_max_cents=2800)


def planned(balance_cents: int | None, *, age: timedelta = timedelta(), policy: Policy = POLICY):
    return plan(Snapshot(balance_cents, NOW - age), policy, NOW)


@pytest.mark.parametrize(
    ("balance_cents", "reason"),
    [
        (None, Reason.BALANCE_UNREADABLE),
        (1000, Reason.BALANCE_OK),
        (999, Reason.DRY_RUN_WOULD_CREATE),
        (200, Reason.DRY_RUN_WOULD_CREATE),
        (199, Reason.AMOUNT_ABOVE_MAX),
        (-50, Reason.AMOUNT_ABOVE_MAX),
    ],
)
def test_the_balance_decides(balance_cents, reason):
    assert planned(balance_cents).reason == reason


def test_an_amount_fills_up_to_the_target():
    assert planned(400).amount_cents == 2600


def test_an_amount_below_the_smallest_payment_is_not_planned():
    policy = replace(POLICY, amount_min_cents=2500)
    assert planned(900, policy=policy).reason == Reason.AMOUNT_BELOW_MIN


def test_off_and_half_a_policy_plan_nothing():
    assert planned(0, policy=Policy()).reason == Reason.DISABLED
    assert planned(0, policy=replace(POLICY, target_cents=None)).reason == Reason.NO_POLICY


def test_a_stale_balance_plans_nothing():
    assert planned(0, age=BALANCE_MAX_AGE).reason == Reason.AMOUNT_ABOVE_MAX
    assert planned(0, age=BALANCE_MAX_AGE + timedelta(seconds=1)).reason == Reason.BALANCE_STALE


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**5), st.integers(1, 10**5))
def test_a_planned_amount_is_within_its_limits_and_reaches_the_target(balance_cents, smallest, largest):
    policy = replace(POLICY, amount_min_cents=smallest, amount_max_cents=largest)
    amount = planned(balance_cents, policy=policy).amount_cents
    if amount is not None:
        assert smallest <= amount <= largest
        assert balance_cents + amount == policy.target_cents
