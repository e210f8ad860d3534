"""A payment is reduced to what the limits leave, and never above what was approved."""

from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, POLICY, START

from topups.decision.evaluate import evaluate
from topups.decision.rules import amount_at_most_max
from topups.decision.snapshot import AccountSnapshot, PaymentPlan, PaymentView, Reason
from topups.gateway import Balance
from topups.payment_states import PaymentException, State
from topups.policy import Policy

HOUR = timedelta(hours=1)
LOW = AccountSnapshot(ACCOUNT, Balance(500, START))


def payment(state: State, cents: int, ago: timedelta = 40 * HOUR, **more: object) -> PaymentView:
    return PaymentView("p", state, PaymentException.NONE, cents, START - ago, holds_slot=False, **more)


def planned(policy: Policy, *payments: PaymentView, balance: int = 500) -> PaymentPlan:
    snapshot = replace(LOW, balance=Balance(balance, START), payments=payments)
    plan = evaluate(snapshot, policy, START).decision
    assert isinstance(plan, PaymentPlan), plan
    return plan


def refused(policy: Policy, *payments: PaymentView) -> Reason:
    refusal = evaluate(replace(LOW, payments=payments), policy, START).refusal
    assert refusal
    return refusal.reason


@pytest.mark.promise(
    "The amount is reduced to the largest amount and to what the caps leave, if that is at least the smallest amount."
)
@pytest.mark.promise("At most twice the target is prepaid")
@pytest.mark.parametrize(
    ("changes", "spent", "cents", "limit"),
    [
        ({"amount_max_cents": 1200}, [], 1200, "the largest amount"),
        ({"exposure_cents": 2999}, [], 2499, "the limit of prepaid money"),
        ({}, [payment(State.CREDITED, 3600, 23 * HOUR)], 2400, "the day cap"),
        ({}, [payment(State.EXPIRED, 9600, 6 * 24 * HOUR)], 2400, "the week cap"),
        ({}, [payment(State.CLOSED, 28_000, 29 * 24 * HOUR)], 2000, "the month cap"),
        ({"amount_max_cents": 2000}, [payment(State.CREDITED, 5500, 23 * HOUR)], 500, "the day cap"),
    ],
)
def test_payment_is_reduced_to_what_a_limit_leaves(changes, spent, cents, limit):
    plan = planned(replace(POLICY, **changes), *spent)
    assert plan.amount_cents == cents
    usd = f"{cents / 100:.2f} USD"
    assert plan.explanation.endswith(f"it is missing 25.00 USD, reduced from 25.00 USD to {usd} by {limit}")


def test_cap_that_leaves_less_than_the_minimum_refuses():
    """Its own reason, not that of another limit which could still be met."""
    spent = payment(State.CREDITED, 5501, 23 * HOUR)
    assert refused(replace(POLICY, amount_max_cents=1200), spent) == Reason.CAP_DAY
    week = payment(State.CREDITED, 11_501, 50 * HOUR)
    assert refused(POLICY, week) == Reason.CAP_WEEK


def test_payment_that_needs_no_reduction_says_nothing():
    assert planned(POLICY).explanation == "5.00 USD is below 10.00 USD; up to 30.00 USD it is missing 25.00 USD"


@pytest.mark.promise("An approved amount is never exceeded.")
def test_approved_amount_is_not_exceeded_even_below_the_minimum():
    waiting = payment(State.AWAITING_APPROVAL, 2000, HOUR, approved_at=START)
    assert planned(POLICY, waiting).amount_cents == 2000
    assert planned(replace(POLICY, amount_max_cents=1500), waiting).amount_cents == 1500
    assert refused(replace(POLICY, amount_min_cents=2100), waiting) == Reason.AMOUNT_BELOW_MIN


def test_fingerprint_stays_below_the_reduced_amount():
    policy = replace(POLICY, amount_max_cents=1200, fingerprint=True)
    first = planned(policy).amount_cents
    second = planned(policy, payment(State.CREDITED, first)).amount_cents
    assert 1000 < second < first < 1200


def test_fingerprint_gives_way_to_the_smallest_amount():
    policy = replace(POLICY, amount_min_cents=1200, amount_max_cents=1200, fingerprint=True)
    assert planned(policy).amount_cents == 1200


def test_rule_still_refuses_an_amount_above_the_largest():
    assert not amount_at_most_max(5001, POLICY).passed
    assert amount_at_most_max(5000, POLICY).passed
