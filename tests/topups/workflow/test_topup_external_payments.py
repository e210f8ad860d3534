"""A person's own payment: nothing is asked for while its money is on the way, and nothing waits for it for ever."""

from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, POLICY, Inbox

from topups.decision.evaluate import evaluate
from topups.decision.replay import replay_snapshot
from topups.decision.snapshot import Reason
from topups.notifications.delivery import deliver_outbox


def pay_by_hand(world, cents=2500):
    """Somebody pays on the vendor's pages. The vendor says so, the balance does not show it yet."""
    world.vendor.bill(cents)
    world.reconcile()
    world.clock.advance(minutes=10)
    world.vendor.set("paid")
    world.reconcile()


def test_external_money_on_the_way_blocks_a_topup(world):
    pay_by_hand(world)
    for _ in range(5):
        world.clock.advance(minutes=11)
        assert world.run().refusal.reason == Reason.PAID_NOT_CREDITED
    assert world.vendor.created == []


def test_external_credit_is_waited_for_during_credit_wait(world):
    pay_by_hand(world)
    world.clock.advance(minutes=60)
    world.run()
    assert len(world.vendor.created) == 1


def test_credit_wait_counts_from_first_seen_paid(world):
    world.vendor.bill(2500, "process")
    world.pass_time(30, hours=9)
    world.vendor.set("paid")
    world.reconcile()
    world.clock.advance(minutes=59)
    assert world.run().refusal.reason == Reason.PAID_NOT_CREDITED


def test_what_has_arrived_is_waited_for_no_more(world):
    pay_by_hand(world, 600)
    world.vendor.cents += 600
    world.reconcile()
    world.vendor.cents = 300
    world.clock.advance(minutes=2)
    world.run()
    assert len(world.vendor.created) == 1


@pytest.mark.parametrize("status", ["paid", "paid_over"])
def test_external_payment_paid_before_first_read_blocks_nothing(world, status):
    world.vendor.bill(2500, status)
    world.reconcile()
    world.run()
    assert len(world.vendor.created) == 1


def test_a_past_plan_waits_for_it_as_well(world):
    pay_by_hand(world)
    now = world.clock.now()
    for later, reason in ((timedelta(), Reason.PAID_NOT_CREDITED), (timedelta(minutes=61), Reason.BALANCE_STALE)):
        decision = evaluate(replay_snapshot(world.ledger, ACCOUNT, now + later), POLICY, now + later).decision
        assert decision.reason == reason


def test_no_low_balance_notice_while_a_payment_is_in_progress(world):
    pay_by_hand(world)
    world.clock.advance(minutes=30)
    world.reconcile()
    inbox = Inbox()
    deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock)
    assert inbox.titles == ["Somebody else asked for 25.00 USD; nothing is created meanwhile"]
