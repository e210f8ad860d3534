"""Burn: what was spent in which hour, from looks at the balance, orders and top-ups."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from topup_accounts import DAY, HOUR, Story

from topups.forecast.burn import spending
from topups.forecast.facts import History, Purchase, Sighting, TopUp

NOW = 100 * float(DAY)


def looks(*pairs: tuple[float, int]) -> list[Sighting]:
    """Balances by hours before now."""
    return [Sighting(NOW - hours * HOUR, cents) for hours, cents in pairs]


def hours_of(*pairs: tuple[float, int], purchases: tuple[Purchase, ...] = (), top_ups: tuple[TopUp, ...] = ()):
    return spending(History(looks(*pairs), purchases, top_ups), NOW)


def ago(hours: float) -> float:
    return NOW - hours * HOUR


def test_falls_of_the_balance_are_spending_in_their_hour():
    assert hours_of((2, 500), (1.5, 480), (1, 450), (0.5, 450), (0, 440)).hours == [10, 50]


def test_a_balance_that_stays_is_an_hour_without_spending_however_seldom_it_was_looked_at():
    assert hours_of((50, 500), (0, 500)).hours == [0] * 50


def test_an_hour_in_which_nobody_looked_is_unknown_and_not_free():
    found = hours_of((20, 500), (19, 400), (2, 100))
    assert found.hours[:2] == [None, None]
    assert found.mean == pytest.approx(400 / 18)


def test_a_fall_over_more_than_a_day_without_orders_says_nothing_about_hours():
    assert hours_of((30, 500), (1, 100), (0, 90)).hours == [10]


def test_orders_say_in_which_hours_of_a_long_gap_the_money_went():
    bought = (Purchase(ago(19.5), 300, ago(19)), Purchase(ago(3.5), 100, ago(3)))
    found = hours_of((30, 1000), (0, 600), purchases=bought)
    assert [place for place, cents in enumerate(found.hours) if cents] == [3, 19]
    assert (found.hours[3], found.hours[19]) == (100, 300)


def test_what_orders_do_not_explain_of_a_gap_is_spread_over_it():
    found = hours_of((10, 1000), (0, 800), purchases=(Purchase(ago(4.5), 100, ago(4)),))
    assert found.hours[4] == pytest.approx(110)
    assert found.hours[3] == pytest.approx(10)


def test_a_refund_is_no_top_up_and_makes_the_hour_of_its_purchase_cheaper():
    order = Purchase(ago(1.9), 30, ago(1.5), back_by=ago(1.2), refunded=True)
    found = hours_of((2, 500), (1.8, 450), (1.6, 450), (1.4, 480), (0, 480), purchases=(order,))
    assert found.hours == [0, pytest.approx(20)]
    assert (found.refunded_cents, found.topped_up_cents, found.unexplained_cents) == (30, 0, 0)


def test_a_refund_of_what_was_bought_before_the_first_look_makes_no_later_hour_cheaper():
    order = Purchase(ago(1.9), 30, ago(1.3), back_by=ago(1.1), refunded=True)
    found = hours_of((1.5, 500), (1.25, 480), (1.15, 510), (0, 510), purchases=(order,))
    assert found.hours == [0, pytest.approx(40)]  # half of the hour is known
    assert found.refunded_cents == 30


def test_each_refund_explains_a_rise_once():
    order = Purchase(ago(1.9), 30, ago(1.5), back_by=ago(1), refunded=True)
    found = hours_of((2, 500), (1.8, 470), (1.4, 500), (1.2, 530), purchases=(order,))
    assert (found.refunded_cents, found.unexplained_cents) == (30, 30)


def test_a_rise_that_nothing_explains_leaves_its_time_unknown():
    found = hours_of((3, 500), (2, 490), (1, 700), (0, 690))
    assert (found.hours, found.unexplained_cents) == ([10, None, 10], 210)


@pytest.mark.parametrize("told_by", ["the vendor's list", "the count of charges"])
def test_spending_beside_a_top_up_is_seen(told_by):
    totals = (0, 0, 2000, 2000) if told_by == "the count of charges" else (None,) * 4
    seen = [Sighting(ago(3 - n), cents, totals[n]) for n, cents in enumerate((500, 490, 2440, 2430))]
    paid = [] if totals[0] == 0 else [TopUp(ago(2.5), ago(1), 2000)]
    found = spending(History(seen, [], paid), NOW)
    assert (found.hours, found.topped_up_cents) == ([10, 50, 10], 2000)


def test_a_top_up_in_a_long_gap_is_added_to_what_the_balance_fell_by():
    found = hours_of((6, 500), (0, 400), top_ups=(TopUp(ago(3), ago(0), 2000),))
    assert sum(found.known) == pytest.approx(2100)


def test_a_payment_that_was_paid_before_the_first_look_explains_nothing():
    assert hours_of((2, 500), (1, 2400), top_ups=(TopUp(ago(90), ago(2), 2000),)).unexplained_cents == 1900


def test_a_count_of_charges_that_counts_something_else_explains_no_rise():
    seen = [Sighting(ago(2), 500, 0), Sighting(ago(1), 900, 10)]
    assert spending(History(seen), NOW).unexplained_cents == 400


def test_before_the_first_look_orders_tell_the_burn_from_the_oldest_ended_one_on():
    bought = (
        Purchase(ago(90), 1000, ends_at=NOW + DAY),  # still active: older orders may be missing from the list
        Purchase(ago(5.5), 40, ago(5)),
        Purchase(ago(4.5), 70, ago(4), back_by=ago(4), refunded=True),
        Purchase(ago(2.5), 20, ago(2)),
    )
    found = hours_of((1, 500), (0, 490), purchases=bought)
    assert found.hours == [10, 0, 20, 0, 0, pytest.approx(80)]  # half of the oldest hour is known


def test_nothing_known_is_nothing():
    found = spending(History(), NOW)
    assert (found.hours, found.known, found.mean) == ([], [], 0)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), totals=st.booleans(), minutes=st.sampled_from([2, 5, 15]))
def test_with_frequent_looks_every_cent_is_accounted_for(seed, totals, minutes):
    story = Story(seed, days=5)
    at = [float(second) for second in range(0, 5 * DAY + 1, minutes * 60)]
    found = spending(story.seen(at, totals=totals), 5.0 * DAY)
    truth = [story.net(5 * DAY - (k + 1) * HOUR, 5 * DAY - k * HOUR) for k in range(len(found.hours))]
    assert sum(found.known) == pytest.approx(sum(truth), rel=0.05, abs=100)
    # A refund that falls together with a purchase of the next hour makes that hour cheaper instead of its own.
    off = [abs(cents - real) for cents, real in zip(found.hours, truth, strict=True) if cents is not None]
    assert sum(off) / len(off) < {2: 8, 5: 14, 15: 25}[minutes]
    assert sum(cents is None for cents in found.hours) <= 3


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_with_outages_the_mean_burn_stays_right(seed):
    story, chance, at, now = Story(seed, days=14), random.Random(seed), [0.0], 14.0 * DAY
    while at[-1] < now:
        at.append(at[-1] + (chance.uniform(2, 20) * HOUR if chance.random() < 0.02 else 300))
    found = spending(story.seen([*at[:-1], now]), now)
    assert found.mean == pytest.approx(story.net(0, now) / (14 * 24), rel=0.04)
