"""Nights without a person: nothing is asked for, nothing opens the breaker, and the morning brings the news."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from topup_fakes import ACCOUNT, LOOSE, Inbox, World

from topups import operator_actions
from topups.decision.snapshot import BurnForecast, Reason
from topups.notifications.delivery import deliver_outbox
from topups.payment_states import State

DAYTIME = {"hours": "08:00-22:00", "time_zone": "UTC"}
NIGHT = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)


def read_mail(world: World, inbox: Inbox, **policy: object) -> list[str]:
    before = len(inbox.notices)
    world.reconcile(**policy)
    deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock, policy=world.with_policy(**policy).policy)
    return inbox.titles[before:]


def burning(world: World, hours: float, busy: float | None = None) -> None:
    world.context = replace(
        world.context, burn=lambda: BurnForecast(40, 40, hours_to_empty=hours, hours_to_empty_p10=busy)
    )


@pytest.mark.promise("With `[topup] hours`, no invoice of one hour is created while you sleep")
def test_nothing_is_requested_while_the_owner_sleeps(world):
    world.clock.at = NIGHT
    refusal = world.run(**DAYTIME).refusal
    assert refusal.reason == Reason.OUTSIDE_HOURS
    assert "Tue 3 Mar 2026, 08:00 UTC" in refusal.explanation
    world.clock.advance(hours=9)
    assert world.run(**DAYTIME).payment.state == State.OPEN


@pytest.mark.promise("unless the balance ends before the morning")
@pytest.mark.parametrize(("hours", "busy", "requested"), [(10, None, False), (8, None, True), (10, 8, True)])
def test_runway_that_ends_before_the_morning_is_requested(world, hours, busy, requested):
    world.clock.at = NIGHT
    burning(world, hours, busy)
    assert (world.run(**DAYTIME).refusal is None) == requested


def test_empty_balance_is_requested_at_night(world):
    world.clock.at, world.vendor.cents = NIGHT, 0
    assert world.run(**DAYTIME).refusal is None


def test_approval_at_night_shows_an_owner_who_is_awake(world):
    policy = {**DAYTIME, "mode": "approve"}
    world.clock.at = NIGHT - timedelta(hours=2)
    world.run(**policy)
    world.clock.at = NIGHT
    assert world.run(**policy).refusal.reason == Reason.AWAITING_APPROVAL
    operator_actions.approve(world.ledger, world.only.payment_id, "me", world.clock.now(), world.context.policy)
    assert world.run(**policy).refusal is None


def test_reason_of_the_night_is_not_sent_once_it_is_over(world):
    world.clock.at, inbox = NIGHT, Inbox()
    while world.clock.now() < NIGHT + timedelta(hours=9):
        assert read_mail(world, inbox, **DAYTIME) == []
        world.clock.advance(minutes=30)
    assert read_mail(world, inbox, **DAYTIME) == []


def test_news_waits_for_the_morning_and_urgent_notices_do_not(world):
    world.run()
    world.vendor.set("paid")
    world.reconcile()
    world.vendor.cents, world.clock.at, inbox = 3000, NIGHT, Inbox()
    assert "Arrived: 25.00 USD" not in read_mail(world, inbox, **DAYTIME)
    world.vendor.cents = 500
    blocked = {**LOOSE, **DAYTIME, "rail": "v3_wallet", "currency": "USDT", "network": "ETH"}
    titles = read_mail(world, inbox, **blocked)
    assert titles == ["The balance is low and no payment is requested: NETWORK_NOT_ALLOWED"]
    world.clock.advance(hours=9, minutes=1)
    assert "Arrived: 25.00 USD" in read_mail(world, inbox, **blocked)


@pytest.mark.promise("An unanswered approval is no failure")
def test_unanswered_approvals_are_no_failures(world):
    inbox, questions = Inbox(), 0
    for _ in range(5 * 24):
        world.run(mode="approve")
        questions += read_mail(world, inbox, mode="approve").count("May 25.00 USD be asked for?")
        world.clock.advance(hours=1)
    assert world.ledger.controls(ACCOUNT).failures == 0
    assert questions == 5, "once a day"


def test_rejected_approval_stays_a_failure(world):
    world.run(mode="approve")
    operator_actions.reject(world.ledger, world.only.payment_id, "me", world.clock.now())
    assert world.ledger.controls(ACCOUNT).failures == 1


@pytest.mark.promise("neither is an invoice that expired in the night before you were reminded twice")
@pytest.mark.parametrize(("start_hour", "failures"), [(10, 1), (20, 1), (21.5, 0), (23, 0)])
def test_only_invoices_of_waking_hours_are_failures(world, start_hour, failures):
    world.clock.at = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=start_hour)
    burning(world, 1)
    world.run(**DAYTIME, anomaly_factor=99)
    world.clock.advance(minutes=61)
    world.vendor.let_expire()
    world.clock.advance(minutes=40)
    world.reconcile(**DAYTIME)
    assert world.only.state == State.EXPIRED
    assert world.ledger.controls(ACCOUNT).failures == failures


def test_open_breaker_is_reported_daily(world):
    world.vendor.script, inbox = ["declined"] * 3, Inbox()
    for _ in range(3):
        world.run(**{**LOOSE, "breaker_failures": 3})
    opened = []
    for hour in range(75):
        titles = read_mail(world, inbox)
        opened += [hour for title in titles if title.startswith("Top-ups stopped") or "BREAKER_OPEN" in title]
        world.clock.advance(hours=1)
    assert opened == [0, 24, 48, 72]
    assert all("smsonline topup resume" in notice.body for notice in inbox.notices if "topped" in notice.title)
