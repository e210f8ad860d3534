"""One pass, and the people it asks: what it sends, and what stops it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, POLICY, START, at_checkpoint

from topups import operator_actions
from topups.decision.snapshot import Reason
from topups.gateway import Balance
from topups.payment_states import PaymentException, State
from topups.policy import Policy
from topups.workflow.context import Checkpoint
from topups.workflow.topup_run import run_topup

# The world is on SQLite and on PostgreSQL.
ON_BOTH_DATABASES = True


def test_low_balance_becomes_one_verified_open_payment(world):
    result = world.run()
    assert result.refusal is None
    assert world.only.state == State.OPEN
    assert world.only.amount_cents == 2500
    assert world.only.url == "https://pay.cryptomus.com/pay/session-1"
    assert world.vendor.created == [result.payment.request]


def test_idempotency_key_leads_to_one_payment(world):
    world.run("decision-1")
    world.vendor.set("paid")
    world.vendor.cents += 2500
    world.reconcile()
    world.clock.advance(hours=1)
    world.vendor.cents = 500
    assert world.run("decision-1").refusal.reason == Reason.LOST_RACE
    assert world.run("decision-2").refusal is None


@pytest.mark.parametrize("how", ["ok", "declined", "lost", "lost_after_commit", "raise", "wrong_amount"])
def test_intent_is_sent_at_most_once(world, how):
    world.vendor.script = [how]
    for _ in range(10):
        world.run()
        world.clock.advance(minutes=1)
    assert len(world.vendor.created) == 1


def test_payment_appearing_inside_the_slot_stops_the_request(world):
    run_topup(at_checkpoint(world.context, Checkpoint.RESERVED, lambda: world.vendor.bill(700)))
    assert world.vendor.created == []
    assert State.RELEASED in {payment.state for payment in world.ledger.payments()}


def test_a_list_that_breaks_inside_the_slot_releases_it(world):
    run_topup(at_checkpoint(world.context, Checkpoint.RESERVED, lambda: setattr(world.vendor, "list_down", True)))
    assert world.vendor.created == []
    assert world.only.state == State.RELEASED
    assert world.only.slot is None


@pytest.mark.parametrize("policy", [{"mode": "off"}, {"cap_week_cents": None}])
def test_disabled_or_incomplete_policy_calls_no_vendor(world, policy):
    world.vendor.balance_down = world.vendor.list_down = True
    assert world.run(**policy).refusal.reason in (Reason.DISABLED, Reason.NO_POLICY)
    assert world.ledger.payments() == []


def test_large_payment_is_sent_once_approved(world):
    requested = world.run(approval_above_cents=1000)
    assert requested.refusal.reason == Reason.AWAITING_APPROVAL
    assert world.run(approval_above_cents=1000).refusal.reason == Reason.AWAITING_APPROVAL
    assert world.ledger.controls("acc").reserved_cents == 0
    payment_id = requested.payment.payment_id
    for _ in range(2):  # a second click changes nothing
        operator_actions.approve(world.ledger, payment_id, "me", world.clock.now(), world.context.policy)
    world.vendor.cents -= 200
    result = world.run(approval_above_cents=1000)
    assert result.payment.payment_id == payment_id
    assert result.payment.amount_cents == 2500, "never more than what was agreed to"
    assert world.only.state == State.OPEN


def test_missing_approval_expires_and_is_requested_again(world):
    requested = world.run(mode="approve")
    world.clock.advance(hours=25)
    assert world.run(mode="approve").refusal.reason == Reason.AWAITING_APPROVAL
    assert world.ledger.payment(requested.payment.payment_id).state == State.RELEASED
    assert world.ledger.controls(ACCOUNT).failures == 0
    with pytest.raises(operator_actions.ActionNotAllowed):
        operator_actions.approve(
            world.ledger, requested.payment.payment_id, "me", world.clock.now(), world.context.policy
        )


def test_a_refused_approval_creates_nothing(world):
    requested = world.run(mode="approve")
    operator_actions.reject(world.ledger, requested.payment.payment_id, "me", world.clock.now())
    assert world.run(mode="approve").refusal.reason == Reason.BACKOFF
    assert world.vendor.created == []


def test_operator_closes_a_stuck_payment(world):
    world.run()
    world.vendor.set("paid")
    world.reconcile()
    result = operator_actions.close(world.ledger, world.only.payment_id, "me", world.clock.now())
    assert (result.state, result.exception, result.slot) == (State.CLOSED, PaymentException.MANUAL_MARK, None)


WALLET = {"rail": "v3_wallet", "currency": "USDT", "network": "TRON"}


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (["process"], State.CONFIRMING),
        (["wrong_amount_waiting"], State.UNDERPAID_WAITING),
        (["system_fail", "process"], State.LATE_CONFIRMING),
    ],
)
def test_operator_closes_a_payment_the_vendor_never_ends(world, statuses, state):
    world.run()
    for status in statuses:
        world.vendor.set(status)
        world.reconcile()
    assert world.only.state == state
    finished = operator_actions.close(world.ledger, world.only.payment_id, "me", world.clock.now())
    assert (finished.state, finished.slot, finished.exception) == (State.CLOSED, None, PaymentException.MANUAL_MARK)


def test_future_ledger_passes_when_vendor_clock_confirms(world):
    world.ledger.record_balance(ACCOUNT, Balance(500, START + timedelta(days=400)), START + timedelta(days=400))
    assert world.run().refusal.reason == Reason.CLOCK_SUSPECT
    honest = world.vendor.balance
    world.vendor.balance = lambda: replace(honest(), vendor_at=world.clock.now())
    assert world.run().refusal is None


def test_unneeded_approved_payment_is_no_failure(world):
    requested = world.run(approval_above_cents=1000)
    operator_actions.approve(world.ledger, requested.payment.payment_id, "me", world.clock.now(), POLICY)
    world.vendor.cents = 5000
    world.clock.advance(hours=25)
    world.reconcile()
    assert world.only.state == State.RELEASED
    assert "nobody approved" not in world.only.detail
    assert world.ledger.controls(ACCOUNT).failures == 0


def test_approval_limit_of_zero_applies(world):
    assert world.run(approval_above_cents=0).refusal.reason == Reason.AWAITING_APPROVAL
    assert Policy(target_cents=100, exposure_cents=0).exposure_limit_cents == 0


def test_approved_payment_uses_the_coin_of_the_present_policy(world):
    requested = world.run(**WALLET, approval_above_cents=1000)
    operator_actions.approve(world.ledger, requested.payment.payment_id, "me", world.clock.now(), POLICY)
    now = {**WALLET, "network": "BSC", "networks": frozenset({"BSC"})}
    world.run(**now, approval_above_cents=1000)
    assert [order.network for order in world.vendor.created] == ["BSC"]
    assert world.only.network == "BSC"


def test_smaller_approved_payment_keeps_unique_cents(world):
    policy = {"approval_above_cents": 1000, "fingerprint": True}
    requested = world.run(**policy)
    operator_actions.approve(world.ledger, requested.payment.payment_id, "me", world.clock.now(), POLICY)
    world.vendor.cents = 600
    world.run(**policy)
    assert [order.amount_cents for order in world.vendor.created] == [2397]
