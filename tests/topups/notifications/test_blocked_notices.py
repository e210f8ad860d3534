"""Whatever stops a due top-up is reported when it begins and once a day, per reason, and its end once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, LOOSE, Inbox, World

from topups import operator_actions
from topups.decision.remedies import remedy
from topups.decision.snapshot import BurnForecast, Reason, Refusal
from topups.gateway import Balance
from topups.ledger.blocked import read_blocked
from topups.notifications.blocked_notices import BLOCKED, NORMAL_DURATION
from topups.notifications.delivery import deliver_outbox
from topups.policy import KILL_VARIABLE
from topups.workflow.blocked_topups import update_blocked

# A coin on a network that the policy does not allow.
STOPPED = {"rail": "v3_wallet", "currency": "USDT", "network": "ETH"}


class Person:
    """Reconciles on a schedule and reads what is delivered: hours since the beginning, and titles."""

    def __init__(self, world: World) -> None:
        self.world, self.inbox, self.start = world, Inbox(), world.clock.now()
        self.read: list[tuple[float, str]] = []

    def read_mail(self, **policy: object) -> list[str]:
        self.world.reconcile(**policy)
        before = len(self.inbox.notices)
        world = self.world.with_policy(**policy)
        deliver_outbox(world.ledger, self.inbox, ACCOUNT, world.clock, policy=world.policy)
        new = self.inbox.titles[before:]
        hours = (self.world.clock.now() - self.start).total_seconds() / 3600
        self.read += [(hours, title) for title in new]
        return new

    def watch(self, hours: float, step: float = 1.0, **policy: object) -> None:
        end = self.world.clock.now() + timedelta(hours=hours)
        while self.world.clock.now() < end:
            self.read_mail(**policy)
            self.world.clock.advance(hours=step)

    def times(self, fragment: str) -> list[float]:
        return [hours for hours, title in self.read if fragment in title]


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


def nothing(world: World) -> None:
    """The policy alone stops the top-up."""


def paused(world: World) -> None:
    operator_actions.pause(world.ledger, "me", "", world.clock.now())


def unreadable_list(world: World) -> None:
    world.vendor.list_down = True


def partial_list(world: World) -> None:
    world.vendor.partial = True


def no_balance(world: World) -> None:
    world.vendor.balance_down = True


def negative_balance(world: World) -> None:
    world.vendor.cents = -3


def old_balance(world: World) -> None:
    read = world.vendor.balance
    world.vendor.balance = lambda: replace(read(), at=world.clock.now() - timedelta(hours=1))


def wrong_clock(world: World) -> None:
    world.vendor.balance = lambda: Balance(500, world.clock.now(), world.clock.now() + timedelta(hours=1))


def requested(world: World) -> None:
    world.run()


def lost(world: World) -> None:
    world.vendor.script = ["lost"]
    world.run()


def paid(world: World) -> None:
    world.run()
    world.vendor.set("paid")


def underpaid(world: World) -> None:
    world.run()
    world.vendor.set("wrong_amount")


def declined(world: World) -> None:
    world.vendor.script = ["declined"]
    world.run()


def declined_thrice(world: World) -> None:
    world.vendor.script = ["declined"] * 3
    for _ in range(3):
        world.run(**LOOSE)


def requested_and_failed(world: World) -> None:
    world.run(**LOOSE)
    world.vendor.set("fail")
    world.reconcile()
    world.clock.advance(hours=2)


def below_an_early_reorder_point(world: World) -> None:
    world.vendor.cents = 1300
    world.context = replace(world.context, burn=lambda: BurnForecast(40, 40, reorder_cents=2000))


def cancelled(world: World) -> None:
    world.run()
    world.vendor.set("fail")


def spent_lately(world: World) -> None:
    for _ in range(2):
        world.run(**LOOSE)
        world.vendor.set("fail")
        world.reconcile()
        world.clock.advance(days=5)


def questioned(world: World) -> None:
    world.run(mode="approve")


def drained(world: World) -> None:
    world.context = replace(world.context, burn=lambda: BurnForecast(500, 10))
    world.run()


def seen_beside_another_ledger(world: World) -> None:
    world.reconcile()
    operator_actions.adopt(world.ledger, ACCOUNT, "me", world.clock.now())
    world.clock.advance(minutes=1)
    world.vendor.bill(2500)


def requested_in_another_unit(world: World) -> None:
    world.vendor.cents_per_unit = 100
    world.run()


CASES: dict[Reason, tuple[Callable[[World], None], dict[str, object]]] = {
    Reason.KILL_SWITCH: (paused, {}),
    Reason.DRY_RUN_WOULD_CREATE: (nothing, {"mode": "dry_run"}),
    Reason.NO_POLICY: (nothing, {"cap_day_cents": None}),
    Reason.BALANCE_STALE: (old_balance, {}),
    Reason.BALANCE_UNREADABLE: (no_balance, {}),
    Reason.IN_FLIGHT: (underpaid, {}),
    Reason.OUTCOME_UNKNOWN: (lost, {}),
    Reason.PAYMENT_OPEN_AT_VENDOR: (requested, {}),
    Reason.PAID_NOT_CREDITED: (paid, {}),
    Reason.VENDOR_LIST_UNAVAILABLE: (unreadable_list, {}),
    Reason.VENDOR_LIST_INCOMPLETE: (partial_list, {}),
    Reason.COOLDOWN: (cancelled, {"cooldown": timedelta(days=3), "backoff": (timedelta(),)}),
    Reason.BACKOFF: (declined, {}),
    Reason.BREAKER_OPEN: (declined_thrice, {}),
    Reason.CAP_DAY: (requested_and_failed, {"cap_day_cents": 2900, "cap_week_cents": 2900}),
    Reason.CAP_WEEK: (spent_lately, {"cap_day_cents": 2600, "cap_week_cents": 2700}),
    Reason.CAP_MONTH: (spent_lately, {"cap_day_cents": 2500, "cap_week_cents": 5000, "cap_month_cents": 5000}),
    Reason.COUNT_CAP: (requested_and_failed, {**LOOSE, "creates_per_day": 1}),
    Reason.EXPOSURE_CAP: (below_an_early_reorder_point, {"exposure_cents": 1700}),
    Reason.AMOUNT_BELOW_MIN: (nothing, {"amount_min_cents": 2501}),
    Reason.NETWORK_NOT_ALLOWED: (nothing, STOPPED),
    Reason.AWAITING_APPROVAL: (questioned, {"mode": "approve"}),
    Reason.ANOMALOUS_BURN: (drained, {}),
    Reason.CLOCK_SUSPECT: (wrong_clock, {}),
    Reason.LEDGER_UNPROVEN: (seen_beside_another_ledger, {}),
    Reason.UNITS_DISAGREE: (requested_in_another_unit, {}),
    Reason.NOT_EXECUTED: (nothing, {}),
}
# Reported in another way, or nothing that stops a top-up.
REPORTED_DIFFERENTLY = {
    Reason.DISABLED: "mode off is a decision of the owner",
    Reason.AMOUNT_ABOVE_MAX: "the amount is reduced to the largest one",
    Reason.BALANCE_OK: "no top-up is due",
    Reason.LEDGER_UNAVAILABLE: "sent without the ledger",
    Reason.OUTSIDE_HOURS: "test_owner_hours.py",
    Reason.APPROVAL_EXPIRED: "test_expired_approval_repeats_or_waits_for_a_run",
    Reason.LOST_RACE: "test_refusals_at_sending_are_reported",
    Reason.NOT_SENT_STALE: "test_refusals_at_sending_are_reported",
}


def test_every_reason_has_a_case_here():
    assert CASES.keys() | REPORTED_DIFFERENTLY.keys() == set(Reason)
    assert CASES.keys().isdisjoint(REPORTED_DIFFERENTLY)


@pytest.mark.parametrize("reason", CASES)
def test_each_blocking_reason_is_reported_within_an_hour(person, world, reason):
    """By its own notice, or by one about the payment that blocks."""
    arrange, policy = CASES[reason]
    arrange(world)
    end = world.clock.now() + timedelta(hours=1)
    reasons = set()
    while world.clock.now() <= end:
        person.read_mail(**policy)
        row = read_blocked(world.ledger, ACCOUNT)
        reasons |= {row.reason} if row else set()
        world.clock.advance(minutes=4)
    assert reason in reasons | ({Reason.ANOMALOUS_BURN} if Reason.AWAITING_APPROVAL in reasons else set())
    text = "\n".join(f"{notice.title}\n{notice.body}" for notice in person.inbox.notices)
    payment = world.ledger.payments(ACCOUNT, limit=1)
    assert str(reason) in text or (payment and payment[0].payment_id in text)


@pytest.mark.parametrize("reason", [Reason.NOT_SENT_STALE, Reason.LOST_RACE])
def test_refusals_at_sending_are_reported(person, world, reason):
    for _ in range(7):
        person.read_mail()
        snapshot = world.ledger.snapshot(ACCOUNT, world.clock.now())
        update_blocked(world.context, snapshot, snapshot.balance, Refusal(reason, "once more"))
        world.clock.advance(minutes=6)
    assert person.times(str(reason)) == [pytest.approx(0.4)]


@pytest.mark.parametrize("runs", [True, False])
def test_expired_approval_repeats_or_waits_for_a_run(person, world, runs):
    questioned(world)
    person.watch(24, mode="approve")
    for _ in range(40):
        if runs:
            world.run(mode="approve")
        person.watch(0.05, step=0.05, mode="approve")
    assert len(person.times("May 25.00 USD be asked for?")) == 1 + runs
    assert len(person.times("NOT_EXECUTED")) == (not runs)


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
    paused(world)
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
