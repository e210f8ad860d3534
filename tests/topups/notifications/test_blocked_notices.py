"""Whatever stops a due top-up is reported when it begins and once a day, per reason, and its end once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from notice_reader import STOPPED, Person
from topup_fakes import ACCOUNT, World

from topups import operator_actions
from topups.decision.remedies import remedy
from topups.decision.snapshot import Reason
from topups.notifications.blocked_notices import BLOCKED, NORMAL_DURATION
from topups.notifications.delivery import deliver_outbox
from topups.policy import KILL_VARIABLE


@pytest.fixture
def person(world: World) -> Person:
    return Person(world)


@pytest.mark.promise(
    "Whatever stops a top-up that is due is reported when it begins and once a day, per reason, with the command "
    "that helps"
)
def test_reason_is_reported_at_once_and_daily(person):
    person.watch(72, **STOPPED, time_zone="Europe/Berlin")
    assert person.times("NETWORK_NOT_ALLOWED") == [0, 24, 48]
    body = person.inbox.notices[0].body
    assert "Balance: 5.00 USD" in body
    assert "NETWORK_NOT_ALLOWED: USDT on ETH (limit: USDT on BSC, TRON)" in body
    assert "Since Mon 2 Mar 2026, 10:00 Europe/Berlin" in body
    assert remedy(Reason.NETWORK_NOT_ALLOWED) in body
    assert person.inbox.notices[0].urgent


def test_second_reason_in_the_same_low_is_reported_too(person, world):
    person.watch(5, **STOPPED)
    world.vendor.list_down = True
    person.watch(25, **STOPPED)
    assert person.times("NETWORK_NOT_ALLOWED") == [0]
    assert person.times("VENDOR_LIST_UNAVAILABLE") == [5, 29]


def test_backoff_uses_no_other_reason_up(person, world):
    world.vendor.script = ["declined"]
    world.run()
    person.read_mail()
    assert person.times("BACKOFF") == [0]
    world.clock.advance(minutes=61)
    person.read_mail(**STOPPED)
    assert person.times("NETWORK_NOT_ALLOWED") == [pytest.approx(61 / 60)]


def test_end_of_a_block_is_reported_once(person, world):
    person.watch(2, **STOPPED)
    world.vendor.cents = 5000
    person.watch(3)
    assert person.times("Top-ups continue") == [2]
    assert "50.00 USD is not below 10.00 USD" in person.inbox.notices[-1].body
    world.vendor.cents = 500
    person.watch(1, **STOPPED)
    assert person.times("NETWORK_NOT_ALLOWED") == [0, 5], "the last message was that they continue"


def test_block_that_was_not_reported_ends_without_a_notice(person, world):
    world.run()
    person.read_mail()
    world.vendor.cents = 5000
    world.clock.advance(minutes=2)
    assert not [title for title in person.read_mail() if title == "Top-ups continue"]


def test_flapping_reason_is_reported_twice_a_day_at_most(person, world):
    for _ in range(24):
        world.vendor.cents = 500 if world.vendor.cents == 5000 else 5000
        person.watch(1, step=0.5, **STOPPED)
    assert len(person.times("NETWORK_NOT_ALLOWED")) == 2
    assert len(person.times("Top-ups continue")) == 1


def test_mode_off_reports_nothing(person):
    person.watch(48, mode="off")
    assert person.read == []


def test_dry_run_is_reported_and_not_urgent(person):
    person.watch(30, mode="dry_run")
    assert person.times("DRY_RUN_WOULD_CREATE") == [0, 24]
    assert not any(notice.urgent for notice in person.inbox.notices)


def test_pending_notice_of_a_block_that_ended_is_not_sent(person, world):
    person.inbox.broken = True
    person.read_mail(**STOPPED)
    world.vendor.cents = 5000
    world.clock.advance(minutes=5)
    person.inbox.broken = False
    assert person.read_mail(**STOPPED) == []
    world.vendor.cents = 500
    world.clock.advance(minutes=5)
    assert len(person.read_mail(**STOPPED)) == 1, "what was not sent does not count as the notice of the day"


def test_key_revoked_and_balance_unreadable_for_days(person, world):
    world.vendor.cents = 5000
    person.read_mail()
    world.vendor.balance_down = world.vendor.list_down = True
    person.watch(50, step=0.2)
    assert [round(hours, 1) for hours in person.times("the balance is unknown: BALANCE_UNREADABLE")] == [
        0.2,
        24.2,
        48.2,
    ]
    assert remedy(Reason.BALANCE_UNREADABLE) in person.inbox.notices[0].body


def test_names_of_settings_are_shown_in_full(person):
    person.read_mail(cap_day_cents=None)
    assert "NO_POLICY: SMSONLINE_TOPUP_CAP_DAY_CENTS must be set" in person.inbox.notices[0].body


def test_notice_names_the_blocking_payment(person, world):
    world.run()
    world.vendor.set("refund_process")
    person.watch(26)
    assert person.times("IN_FLIGHT") == [24]
    assert f"smsonline topup show {world.only.payment_id}" in person.inbox.notices[-1].body


def test_runs_that_request_nothing_for_an_hour_are_reported(person, world):
    """The sensor is off: reconciliation goes on, and no run requests what is due."""
    person.watch(1, step=1 / 30)
    assert person.read == []
    person.watch(49, step=1 / 4)
    assert person.times("NOT_EXECUTED") == [pytest.approx(1), pytest.approx(25), pytest.approx(49)]
    assert "switch on the sensor low_balance" in person.inbox.notices[0].body
    assert world.run().refusal is None
    person.read_mail()
    assert person.times("Please pay") == [pytest.approx(50)]


def test_hourly_runs_are_often_enough(person, world):
    for _ in range(5):
        person.watch(1, step=1 / 30)
        world.vendor.cents = 5000
        world.run()
        world.vendor.cents = 500
    assert person.read == []


def test_end_of_a_pause_is_reported_before_a_run_comes(person, world):
    operator_actions.pause(world.ledger, "me", "", world.clock.now())
    person.watch(1)
    operator_actions.resume(world.ledger, "me", world.clock.now())
    person.watch(3)
    assert person.times("KILL_SWITCH") == [0]
    assert person.times("Top-ups continue") == [1]
    assert person.times("NOT_EXECUTED") == [2]


def test_normal_durations_are_within_an_hour():
    assert all(duration <= timedelta(hours=1) for duration in NORMAL_DURATION.values())


def test_kind_of_each_reason_fits_its_column():
    assert all(len(f"{BLOCKED}{reason}") <= 32 for reason in Reason)


def test_kill_switch_of_the_environment_is_reported_by_runs_alone(person, world):
    world.context = replace(world.context, environment={KILL_VARIABLE: "1"})
    for _ in range(30):
        world.run()
        deliver_outbox(world.ledger, person.inbox, ACCOUNT, world.clock)
        world.clock.advance(hours=1)
    assert person.inbox.titles == ["No payment can be requested, the balance is unknown: KILL_SWITCH"] * 2
