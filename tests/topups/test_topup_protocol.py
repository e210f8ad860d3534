"""One pass, and the people it asks: what it sends, and what stops it."""

from __future__ import annotations

import pytest
from topup_fakes import at_checkpoint

from topups import operator_actions
from topups.decision.reasons import Reason
from topups.payment_states import PaymentException, State
from topups.workflow.context import Checkpoint
from topups.workflow.topup_run import run_topup


def test_a_low_balance_becomes_one_verified_open_payment(world):
    done = world.run()
    assert done.refusal is None
    assert world.only.state == State.OPEN
    assert world.only.amount_cents == 2500
    assert world.only.url == "https://pay.cryptomus.com/pay/session-1"
    assert world.vendor.created == [done.payment.request]


def test_a_decision_leads_to_one_payment_however_often_its_run_is_executed(world):
    world.run("decision-1")
    world.vendor.set("paid")
    world.vendor.cents += 2500
    world.reconcile()
    world.clock.advance(hours=1)
    world.vendor.cents = 500
    assert world.run("decision-1").refusal.reason == Reason.LOST_RACE
    assert world.run("decision-2").refusal is None


@pytest.mark.parametrize("how", ["ok", "declined", "lost", "lost_after_commit", "raise", "wrong_amount"])
def test_an_intent_is_sent_at_most_once_whatever_comes_back(world, how):
    world.vendor.script = [how]
    for _ in range(10):
        world.run()
        world.clock.advance(minutes=1)
    assert len(world.vendor.created) == 1


def test_a_payment_that_appears_while_the_slot_is_held_stops_the_request(world):
    run_topup(at_checkpoint(world.context, Checkpoint.RESERVED, lambda: world.vendor.bill(700)))
    assert world.vendor.created == []
    assert State.RELEASED in {payment.state for payment in world.ledger.payments()}


def test_a_list_that_breaks_inside_the_slot_releases_it(world):
    run_topup(at_checkpoint(world.context, Checkpoint.RESERVED, lambda: setattr(world.vendor, "list_down", True)))
    assert world.vendor.created == []
    assert world.only.state == State.RELEASED
    assert world.only.slot is None


@pytest.mark.parametrize("policy", [{"mode": "off"}, {"cap_week_cents": None}])
def test_switched_off_or_without_caps_nobody_even_asks_the_vendor(world, policy):
    world.vendor.balance_down = world.vendor.list_down = True
    assert world.run(**policy).refusal.reason in (Reason.DISABLED, Reason.NO_POLICY)
    assert world.ledger.payments() == []


def test_a_large_payment_waits_for_a_person_and_is_sent_once_agreed(world):
    asked = world.run(approval_above_cents=1000)
    assert asked.refusal.reason == Reason.AWAITING_APPROVAL
    assert world.run(approval_above_cents=1000).refusal.reason == Reason.AWAITING_APPROVAL
    assert world.ledger.controls("acc").reserved_cents == 0
    payment_id = asked.payment.payment_id
    for _ in range(2):  # a second click changes nothing
        operator_actions.approve(world.ledger, payment_id, "me", world.clock.now(), world.context.policy)
    world.vendor.cents -= 200
    done = world.run(approval_above_cents=1000)
    assert done.payment.payment_id == payment_id
    assert done.payment.amount_cents == 2500, "never more than what was agreed to"
    assert world.only.state == State.OPEN


def test_an_approval_that_nobody_gave_expires_and_backs_off(world):
    asked = world.run(mode="approve")
    world.clock.advance(hours=25)
    assert world.run(mode="approve").refusal.reason == Reason.BACKOFF
    assert world.only.state == State.RELEASED
    with pytest.raises(operator_actions.ActionNotAllowed):
        operator_actions.approve(world.ledger, asked.payment.payment_id, "me", world.clock.now(), world.context.policy)


def test_a_refused_approval_creates_nothing(world):
    asked = world.run(mode="approve")
    operator_actions.reject(world.ledger, asked.payment.payment_id, "me", world.clock.now())
    assert world.run(mode="approve").refusal.reason == Reason.BACKOFF
    assert world.vendor.created == []


def test_a_stuck_payment_can_be_declared_finished_by_a_person(world):
    world.run()
    world.vendor.set("paid")
    world.reconcile()
    done = operator_actions.close(world.ledger, world.only.payment_id, "me", world.clock.now())
    assert (done.state, done.exception, done.slot) == (State.CLOSED, PaymentException.MANUAL_MARK, None)
