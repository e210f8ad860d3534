"""The eighteen invariants of the protocol by number: 10 to 18. The first nine are in ``test_topup_invariants.py``."""

from dataclasses import replace
from datetime import timedelta
from itertools import cycle

import pytest
from topup_fakes import ACCOUNT, LOOSE, POLICY, RICH, START, Inbox

from topups import operator_actions
from topups.decision.preview import preview_from_ledger
from topups.decision.snapshot import BurnForecast, PaymentPlan, Reason
from topups.gateway import Balance
from topups.ledger import open_ledger
from topups.notifications.delivery import deliver_outbox
from topups.payment_states import SLOT_HOLDING, PaymentException, State
from topups.workflow.topup_run import run_topup


def test_invariant_10_a_dry_run_decides_the_same_and_has_no_effect(world):
    dry = world.run(mode="dry_run")
    assert dry.refusal.reason == Reason.DRY_RUN_WOULD_CREATE
    assert world.vendor.created == []
    assert (world.only.state, world.only.slot) == (State.SKIPPED, None)
    assert world.ledger.controls(ACCOUNT).reserved_cents == 0
    assert world.run().plan == dry.refusal.plan


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("balance_down", Reason.BALANCE_UNREADABLE),
        ("negative", Reason.BALANCE_UNREADABLE),
        ("list_down", Reason.VENDOR_LIST_UNAVAILABLE),
        ("partial", Reason.VENDOR_LIST_INCOMPLETE),
        ("hidden", Reason.VENDOR_LIST_INCOMPLETE),
        ("clock_back", Reason.CLOCK_SUSPECT),
    ],
)
def test_invariant_11_a_bad_balance_list_or_clock_creates_nothing(world, trouble, reason):
    world.vendor.bill(300, "check" if trouble == "hidden" else "cancel")
    world.reconcile()
    if trouble == "negative":
        world.vendor.cents = -5
    elif trouble == "clock_back":
        world.clock.advance(minutes=-3)
    else:
        setattr(world.vendor, trouble, {"order-1"} if trouble == "hidden" else True)
    assert world.run().refusal.reason == reason
    assert world.vendor.created == []


def test_invariant_12_the_sensors_part_is_pure(world):
    """The sensor itself is evaluated in ``tests/pipelines``; this is all that it calls."""
    world.ledger.record_balance(ACCOUNT, Balance(500, START), START)

    def dump() -> list[str]:
        with world.ledger.engine.connect() as connection:
            return list(connection.connection.driver_connection.iterdump())

    before = dump()
    plans = [preview_from_ledger(world.ledger, ACCOUNT, POLICY, START, environment={}) for _ in range(5)]
    assert isinstance(plans[0].decision, PaymentPlan)
    assert len({evaluation.facts_fingerprint for evaluation in plans}) == 1
    assert dump() == before
    assert world.vendor.created == []


@pytest.mark.parametrize("host", ["pay.cryptomus.com", "evil.example"])
def test_invariant_13_notices_are_sent_once_and_verified(world, host):
    world.vendor.host, inbox = host, Inbox()
    world.run()
    for _ in range(25):
        world.reconcile()
        deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock)
        world.clock.advance(minutes=1)
    unknown = ["It is unknown whether the vendor made a payment of 25.00 USD"] * (host == "evil.example")
    assert sorted(inbox.titles) == [*unknown, "Please pay 25.00 USD"]
    for notice in inbox.notices:
        assert ("https://" in notice.body) == bool(notice.qr) == (host != "evil.example")


@pytest.mark.promise("After three failures in a row nothing is requested until a payment is credited or you resume.")
def test_invariant_14_an_expiring_window_never_closes_the_breaker(world):
    world.vendor.script = ["declined"] * 9
    for _ in range(30):
        world.run()
        world.clock.advance(hours=40)
    assert len(world.vendor.created) == 3
    assert world.run().refusal.reason == Reason.BREAKER_OPEN
    operator_actions.resume(world.ledger, "me", world.clock.now(), ACCOUNT)
    world.vendor.script = []
    assert world.run().refusal is None, "a person closes it"


@pytest.mark.parametrize(
    ("how", "trouble", "state"),
    [
        ("lost", "", State.NOT_CREATED),
        ("lost_after_commit", "", State.OPEN),
        ("lost", "partial", State.NEEDS_HUMAN),
        ("lost_after_commit", "list_down", State.NEEDS_HUMAN),
    ],
)
def test_invariant_15_an_unknown_outcome_is_resolved_in_bounded_time(world, how, trouble, state):
    world.vendor.script, world.vendor.transactions = [how], False
    world.run()
    assert world.only.state == State.UNKNOWN
    if trouble:
        setattr(world.vendor, trouble, True)
    world.pass_time(hours=2, minutes=2)
    assert world.ledger.payments()[-1].state == state


@pytest.mark.parametrize("how", ["ok", "lost_after_commit"])
def test_invariant_16_losing_the_ledger_never_causes_a_second_payable_payment(world, tmp_path, how):
    world.vendor.script = [how]
    world.run()
    with open_ledger(f"sqlite:///{tmp_path / 'fresh.db'}") as fresh:
        lost = replace(world.context, ledger=fresh)
        for _ in range(5):
            assert run_topup(lost).refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
            world.clock.advance(minutes=5)
        assert [payment.exception for payment in fresh.payments()] == [PaymentException.UNPROVEN]
    assert world.vendor.payable() == len(world.vendor.created) == 1


@pytest.mark.promise("A forecast only requests earlier; it never exceeds a cap.")
def test_invariant_17_a_forecast_never_exceeds_the_caps(world):
    """The wildest forecast there can be, over two days in which nobody pays."""
    world.context = replace(
        world.context, burn=lambda: BurnForecast(10**6, None, reorder_cents=10**9, hours_to_empty=0.001)
    )
    world.vendor.cents = 2000
    assert world.run().refusal.reason == Reason.BALANCE_OK, "never above two thirds of the target"
    world.vendor.cents = 1999
    for _ in range(95):
        world.run(**LOOSE, cap_day_cents=2500)
        world.clock.advance(minutes=30)
        world.vendor.let_expire()
    made = [(row.created_at, row.amount_cents) for row in world.vendor.rows]
    assert {cents for _, cents in made} == {1001}, "earlier, and not larger"
    assert max(sum(c for at, c in made if last - timedelta(days=1) < at <= last) for last, _ in made) == 2002


def test_invariant_18_reserved_is_the_sum_of_the_open_intents_at_every_step(world):
    """Through payments that are paid, lost, unpaid and refused, with the ledger looked at after each step."""
    seen, outcomes = set(), cycle(["ok", "lost", "declined", "lost_after_commit"])

    def compare(_):
        holding = [p for p in world.ledger.payments(ACCOUNT) if p.state in SLOT_HOLDING and p.slot]
        reserved = world.ledger.controls(ACCOUNT).reserved_cents
        assert reserved == sum(payment.amount_cents for payment in holding)
        seen.add(reserved)

    for pass_number in range(60):
        world.vendor.script = [next(outcomes)]
        run_topup(replace(world.with_policy(**LOOSE, **RICH), checkpoint=compare))
        world.clock.advance(minutes=10)
        if pass_number % 20 == 5 and world.vendor.rows:
            world.vendor.set("paid")
            world.vendor.cents += 2500
        elif pass_number % 20 == 10:
            world.vendor.cents = 500
        world.vendor.let_expire()
    assert seen == {0, 2500}
    assert len(world.vendor.created) >= 4
