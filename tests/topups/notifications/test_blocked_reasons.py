"""A walk through every reason that stops a due top-up: each is reported within an hour."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from notice_reader import STOPPED, Person
from topup_fakes import ACCOUNT, LOOSE, World

from topups import operator_actions
from topups.decision.snapshot import BurnForecast, Reason, Refusal
from topups.gateway import Balance
from topups.ledger.blocked import read_blocked
from topups.workflow.blocked_topups import update_blocked


@pytest.fixture
def person(world: World) -> Person:
    return Person(world)


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
