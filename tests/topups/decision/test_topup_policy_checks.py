"""A policy that can never act is refused, and one with a surprise has a warning."""

from dataclasses import fields, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from topup_fakes import ACCOUNT, POLICY, START

from topups.decision.evaluate import evaluate
from topups.decision.snapshot import AccountSnapshot, PaymentPlan
from topups.gateway import Balance
from topups.money import NotWholeCents, whole_cents
from topups.policy import policy_from


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"amount_min_cents": 6001, "amount_max_cents": 7000, "target_cents": 9000}, "CAP_DAY_CENTS"),
        ({"amount_min_cents": 3001}, "TARGET_CENTS"),
        ({"exposure_cents": 499, "threshold_cents": 100}, "EXPOSURE_CENTS"),
        ({"exposure_cents": 999}, "EXPOSURE_CENTS"),
        ({"exposure_cents": 0}, "EXPOSURE_CENTS"),
        ({"amount_max_cents": 499}, "AMOUNT_MAX_CENTS"),
        ({"cap_month_cents": 11_000}, "CAP_MONTH_CENTS"),
        ({"creates_per_day": 0}, "CREATES_PER_DAY"),
        ({"breaker_failures": 0}, "BREAKER_FAILURES"),
        ({"approval_above_cents": -1}, "APPROVAL_ABOVE_CENTS"),
        ({"balance_max_age": timedelta()}, "BALANCE_MAX_AGE_SECONDS"),
        ({"cooldown": timedelta(seconds=-1)}, "COOLDOWN_SECONDS"),
    ],
)
def test_policy_that_can_never_act_is_refused(changes, setting):
    lines = replace(POLICY, **changes).problems()
    assert f"SMSONLINE_TOPUP_{setting}" in " ".join(lines)


def test_sensible_policy_has_neither_problem_nor_warning():
    assert POLICY.problems() == []
    assert POLICY.warnings() == []


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        # The example of docs/topups.md before this warning existed.
        (
            {
                **{"threshold_cents": 2000, "target_cents": 5000, "amount_min_cents": 1000, "amount_max_cents": 5000},
                **{"cap_day_cents": 6000, "cap_week_cents": 15_000, "cap_month_cents": 40_000},
                "approval_above_cents": None,
            },
            "asks a person before every usual payment",
        ),
        ({"approval_above_cents": 1999}, "asks a person before every usual payment: it is 20.00 USD"),
        ({"anomaly_factor": 1.0}, "at usual spending"),
        ({"amount_min_cents": 2500}, "nothing is requested until the balance is 5.00 USD"),
        ({"exposure_cents": 1200}, "nothing is requested until the balance is 7.00 USD"),
        ({"amount_max_cents": 600}, "a day are at most 18.00 USD"),
        (
            {"cap_day_cents": 2400, "cap_week_cents": 2400, "cap_month_cents": 2400},
            "one payment of 20.00 USD uses up 30 days",
        ),
    ],
)
def test_surprising_policy_has_one_warning(changes, fragment):
    policy = replace(POLICY, **changes)
    assert policy.problems() == []
    assert [fragment in line for line in policy.warnings()] == [True]
    assert "SMSONLINE_TOPUP_" in policy.warnings()[0]


@pytest.mark.parametrize("changes", [{"mode": "off"}, {"mode": "approve"}, {"approval_above_cents": 0}])
def test_no_warning_where_asking_is_chosen(changes):
    assert replace(POLICY, **({"approval_above_cents": 100} | changes)).warnings() == []


AMOUNTS = st.integers(1, 5000)


@given(st.fixed_dictionaries(dict.fromkeys(("threshold_cents", "target_cents", "exposure_cents"), AMOUNTS)), AMOUNTS)
def test_policy_without_problem_acts_on_an_empty_account(limits, smallest):
    policy = replace(POLICY, **limits, amount_min_cents=smallest, amount_max_cents=smallest, approval_above_cents=0)
    decision = evaluate(AccountSnapshot(ACCOUNT, Balance(0, START)), policy, START).decision
    assert policy.problems() or isinstance(decision, PaymentPlan)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("20.00", "2000 means 20.00 USD"), (20.0, "2000 means 20.00 USD"), ("35.5", "3550 means 35.50 USD")),
        *(("$7,25", "725 means 7.25 USD"), ("20 USD", "2000 means 20.00 USD"), (True, "2000 means 20.00 USD")),
    ],
)
def test_dollars_are_no_cents(written, meant):
    with pytest.raises(NotWholeCents, match=meant):
        whole_cents(written)


@pytest.mark.parametrize("name", [field.name for field in fields(POLICY) if field.name.endswith("_cents")])
def test_each_amount_of_a_policy_file_is_whole_cents(name):
    assert getattr(policy_from({name: " 2000 "}), name) == 2000
    with pytest.raises(ValueError, match=rf"^{name}: .*2000 means 20.00 USD$"):
        policy_from({name: 20.0})


def test_count_is_a_whole_number():
    with pytest.raises(ValueError, match="creates_per_day"):
        policy_from({"creates_per_day": 2.5})
