"""The forecast: how long the balance lasts, when to ask for a payment, what is unusual, how long payments take."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from topup_accounts import hourly_burn
from topup_fakes import POLICY, START

from topups.forecast.burn import Spending
from topups.forecast.forecasting import LEAST_HOURS, forecast, usual
from topups.forecast.lead import LEAST_PAYMENTS, Lead, lead_time
from topups.forecast.paths import futures
from topups.ledger.models import NewPayment
from topups.ledger.queries import new_payment
from topups.payment_states import State

LEAD = Lead(timedelta(hours=1), timedelta(hours=2))
HOURS = st.lists(st.none() | st.floats(0, 500), min_size=1, max_size=200)


def of(hours, cents=1000, lead=LEAD, name="acc"):
    return forecast(Spending(list(hours)), cents, lead, name)


def as_hours(value):
    return math.inf if value is None else value


@given(HOURS, st.integers(0, 50_000), st.integers(1, 50_000))
def test_p10_is_never_after_p50_and_more_money_never_lasts_shorter(hours, cents, more):
    less, richer = of(hours, cents), of(hours, cents + more)
    if less is None or richer is None:
        assert less is richer is None
        return
    assert as_hours(less.hours_p10) <= as_hours(less.hours_p50)
    assert as_hours(less.hours_p10) <= as_hours(richer.hours_p10)
    assert as_hours(less.hours_p50) <= as_hours(richer.hours_p50)
    assert less.reorder_cents == richer.reorder_cents >= 0


@given(HOURS)
def test_the_same_facts_give_the_same_answer(hours):
    assert of(hours) == of(hours)


def test_where_nothing_burns_the_balance_lasts_for_ever_and_nothing_is_asked_for_early():
    found = of([0.0] * 48)
    assert (found.hours_p50, found.hours_p10, found.reorder_cents) == (None, None, 0)


@pytest.mark.parametrize("hours", [[], [None] * 40, [10.0] * (LEAST_HOURS - 1)])
def test_with_too_few_known_hours_there_is_no_forecast(hours):
    assert of(hours) is None


def test_an_even_burn_of_weeks_is_a_division_but_for_what_is_not_known():
    found = of([10.0] * 28 * 24, 1000)
    assert found.hours_p50 == pytest.approx(100, rel=0.01)
    assert 85 < found.hours_p10 < 100
    assert found.reorder_cents == pytest.approx(30, rel=0.15)  # two hours until it arrives, one for safety


def test_the_night_is_known_in_the_evening():
    # 24 hours ago it was the same time of day: the next 12 hours are those in which nothing is ever spent.
    day = [50.0] * 12 + [0.0] * 12
    evening, morning = of(day * 20, 300), of((day[12:] + day[:12]) * 20, 300)
    assert evening.hours_p10 > 12 > morning.hours_p50
    assert evening.reorder_cents == 0 < 150 <= morning.reorder_cents


def test_a_gap_in_the_past_is_filled_with_what_other_days_had_at_that_time():
    day = [50.0] * 12 + [0.0] * 12
    holes = [None if 30 <= place < 36 else cents for place, cents in enumerate(day * 20)]
    assert of(holes, 300).hours_p50 == pytest.approx(of(day * 20, 300).hours_p50, rel=0.05)


def test_slower_payments_raise_the_reorder_point():
    hours, slow = hourly_burn(3, 28)[::-1], Lead(timedelta(hours=3), timedelta(hours=12))
    assert of(hours, lead=slow).reorder_cents > 3 * of(hours).reorder_cents > 0


def test_futures_of_an_unknown_past_are_refused():
    with pytest.raises(ValueError, match="no hour"):
        futures([None, None], "acc")


# What is unusual


def test_a_calm_account_is_used_to_its_own_pace():
    assert usual([10.0] * 28 * 24) == pytest.approx(10)


def test_what_is_usual_is_that_of_the_time_of_day():
    day = [5.0] * 12 + [50.0] * 12
    assert usual(day * 20) == pytest.approx(5)


@pytest.mark.parametrize("hours", [[10.0] * 20, [10.0] * 3 + [None] * 300, [10.0] * 3 + ([10.0] * 2 + [None] * 22) * 6])
def test_with_little_history_nothing_is_unusual(hours):
    assert usual(hours) is None


def test_an_unknown_present_is_neither_usual_nor_unusual():
    found = of([None, None, 500.0, *[10.0] * 28 * 24])
    assert found.burn.normal_cents_per_hour is None


# How long payments take


def paid(hours: float, state=State.CREDITED, ended=START):
    draft = NewPayment("id", "acc", "decision", "v3_invoice", 2000)
    return new_payment(draft, ended - timedelta(hours=hours), state=state, state_since=ended)


def test_the_lead_time_is_measured_from_the_decision_to_the_credit():
    payments = [paid(hours) for hours in (1, 2, 3, 4, 5, 6, 7, 8, 9, 30)]
    assert lead_time(payments, POLICY, START) == Lead(timedelta(hours=5), timedelta(hours=9), 10)


def test_with_few_payments_the_slowest_counts_and_with_fewer_the_policy():
    few = [paid(hours) for hours in (1, 2, 3, 4, 5)]
    assert lead_time(few, POLICY, START).p90 == timedelta(hours=5)
    assumed = POLICY.invoice_life + POLICY.credit_wait
    assert lead_time(few[: LEAST_PAYMENTS - 1], POLICY, START) == Lead(assumed, assumed, 0)


def test_only_what_had_arrived_by_then_is_measured():
    known = [paid(hours) for hours in (1, 1, 1, 1, 1)]
    others = [
        paid(50, ended=START + timedelta(minutes=1)),
        paid(50, ended=START - timedelta(days=200)),
        paid(50, state=State.EXPIRED),
        replace(paid(50), state=State.OPEN),
    ]
    assert lead_time([*known, *others], POLICY, START) == Lead(timedelta(hours=1), timedelta(hours=1), 5)
