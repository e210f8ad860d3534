"""Runway, re-order point, typical peak burn and lead time."""

import math
from dataclasses import replace
from datetime import timedelta
from statistics import fmean

import pytest
from forecast_accounts import hourly_burn
from hypothesis import given
from hypothesis import strategies as st
from topup_fakes import POLICY, START

from topups.forecast.runway import (
    MIN_KNOWN_HOURS,
    MIN_PAYMENTS,
    LeadTime,
    SpendHistory,
    forecast_runway,
    lead_time,
    typical_peak_burn,
)
from topups.ledger.models import NewPayment, new_payment
from topups.payment_states import State

LEAD = LeadTime(timedelta(hours=1), timedelta(hours=2))
HOURS = st.lists(st.none() | st.floats(-50, 500), min_size=1, max_size=200)
DAY_AND_NIGHT = [50.0] * 12 + [0.0] * 12


def made(hours, cents=1000, lead=LEAD, burn=None):
    """A forecast on hours, newest first; the burn rate is the mean of the last 24 unless it is given."""
    rates = [hour for hour in hours[:24] if hour is not None]
    measured = max(0.0, fmean(rates)) if rates and burn is None else burn
    return forecast_runway(SpendHistory(START, measured, list(hours)), cents, lead, START)


def as_hours(value):
    return math.inf if value is None else value


@given(HOURS, st.integers(-100, 50_000), st.integers(1, 50_000))
def test_p10_is_not_after_p50_and_more_money_lasts_longer(hours, cents, more):
    less, richer = made(hours, cents), made(hours, cents + more)
    if less is None or richer is None:
        assert less is richer is None
        return
    assert as_hours(less.hours_to_empty_p10 or less.hours_to_empty) <= as_hours(less.hours_to_empty)
    assert as_hours(less.hours_to_empty) <= as_hours(richer.hours_to_empty)
    assert (less.hours_to_empty_p10 is None) == (richer.hours_to_empty_p10 is None)
    assert as_hours(less.hours_to_empty_p10) <= as_hours(richer.hours_to_empty_p10)
    assert less.reorder_cents == richer.reorder_cents
    assert (less.reorder_cents or 0) >= 0


def test_without_spend_the_balance_lasts_for_ever():
    forecast = made([0.0] * 48)
    assert (forecast.hours_to_empty, forecast.hours_to_empty_p10, forecast.reorder_cents) == (None, None, 0)


@pytest.mark.parametrize("hours", [[], [None] * 40])
def test_without_a_burn_rate_there_is_no_forecast(hours):
    assert made(hours) is None


def test_few_known_hours_give_a_burn_rate_and_no_quantiles():
    forecast = made([10.0] * (MIN_KNOWN_HOURS - 1))
    assert (forecast.burn_cents_per_hour, forecast.hours_to_empty) == (10, 100)
    assert (forecast.hours_to_empty_p10, forecast.reorder_cents, forecast.typical_peak) == (None, None, None)
    assert forecast.burn.reorder_cents == 0
    assert forecast.as_json()["reorder_cents"] is None


def test_an_even_burn_of_weeks_is_a_division():
    forecast = made([10.0] * 28 * 24, 1000)
    assert forecast.hours_to_empty == pytest.approx(100)
    assert 85 < forecast.hours_to_empty_p10 < 100  # the margin of a short history
    assert forecast.reorder_cents == 30  # two hours until it arrives, one for safety


def test_the_reorder_point_covers_the_busy_hours_of_the_day():
    evening, morning = made(DAY_AND_NIGHT * 20, 300), made((DAY_AND_NIGHT[12:] + DAY_AND_NIGHT[:12]) * 20, 300)
    assert evening.reorder_cents == morning.reorder_cents == 3 * 50


def test_unknown_hours_are_left_out():
    gaps = [None if 30 <= age < 36 else cents for age, cents in enumerate(DAY_AND_NIGHT * 20)]
    complete, partial = made(DAY_AND_NIGHT * 20), made(gaps)
    assert partial.reorder_cents == complete.reorder_cents
    assert partial.hours_to_empty_p10 == pytest.approx(complete.hours_to_empty_p10, rel=0.05)


def test_a_history_shorter_than_the_lead_time_is_scaled_up():
    week = LeadTime(timedelta(hours=100), timedelta(hours=167))
    assert made([10.0] * 48, lead=week).reorder_cents == 1680


def test_a_busy_day_shortens_p10_only():
    days = [[10.0] * 24, [50.0] * 24] + [[10.0] * 24] * 8
    forecast = made([hour for day in days for hour in day])
    assert forecast.hours_to_empty == pytest.approx(100)
    assert 10 < forecast.hours_to_empty_p10 < 80


def test_slower_payments_raise_the_reorder_point():
    hours, slow = hourly_burn(3, 28)[::-1], LeadTime(timedelta(hours=3), timedelta(hours=12))
    assert made(hours, lead=slow).reorder_cents > 3 * made(hours).reorder_cents > 0


# Typical peak burn


def test_typical_peak_of_an_even_burn_is_that_burn():
    assert typical_peak_burn([10.0] * 28 * 24) == pytest.approx(10)


def test_typical_peak_is_that_of_the_time_of_day():
    day = [5.0] * 12 + [50.0] * 12
    assert typical_peak_burn(day * 20) == pytest.approx(5)


@pytest.mark.parametrize("hours", [[10.0] * 20, [10.0] * 3 + [None] * 300, [10.0] * 3 + ([10.0] * 2 + [None] * 22) * 6])
def test_little_history_gives_no_typical_peak(hours):
    assert typical_peak_burn(hours) is None


def test_unknown_recent_hours_give_no_typical_peak():
    forecast = made([None, None, 500.0, *[10.0] * 28 * 24])
    assert forecast.burn.normal_cents_per_hour is None


# Lead time


def paid(hours: float, state=State.CREDITED, ended=START):
    draft = NewPayment("id", "acc", "decision", "v3_invoice", 2000)
    return new_payment(draft, ended - timedelta(hours=hours), state=state, state_since=ended)


def test_lead_time_is_measured_from_decision_to_credit():
    payments = [paid(hours) for hours in (1, 2, 3, 4, 5, 6, 7, 8, 9, 30)]
    assert lead_time(payments, POLICY, START) == LeadTime(timedelta(hours=5), timedelta(hours=9), 10)


def test_few_payments_give_the_slowest_and_fewer_the_policy():
    few = [paid(hours) for hours in (1, 2, 3, 4, 5)]
    assert lead_time(few, POLICY, START).p90 == timedelta(hours=5)
    assumed = POLICY.invoice_life + POLICY.credit_wait
    assert lead_time(few[: MIN_PAYMENTS - 1], POLICY, START) == LeadTime(assumed, assumed, 0)


def test_only_payments_credited_by_then_are_measured():
    credited = [paid(hours) for hours in (1, 1, 1, 1, 1)]
    ignored = [
        paid(50, ended=START + timedelta(minutes=1)),
        paid(50, ended=START - timedelta(days=200)),
        paid(50, state=State.EXPIRED),
        replace(paid(50), state=State.OPEN),
    ]
    assert lead_time([*credited, *ignored], POLICY, START) == LeadTime(timedelta(hours=1), timedelta(hours=1), 5)
