"""A pause, the kill switch or the mode ``off`` ends no payment that is under way; a full disk hides no request."""

import sqlite3
from dataclasses import replace

import pytest
from topup_fakes import ACCOUNT, at_checkpoint

from topups import operator_actions
from topups.decision.snapshot import Reason
from topups.ledger.queries import ledger_unavailable
from topups.payment_states import State
from topups.workflow.context import Checkpoint
from topups.workflow.topup_run import run_topup


def stop(world, how):
    if how == "off":
        return world.with_policy(mode="off")
    if how == "no limits":
        return world.with_policy(cap_week_cents=None)
    if how == "environment":
        return replace(world.context, environment={"SMSONLINE_TOPUP_KILL": "1"})
    operator_actions.pause(world.ledger, "me", "", world.clock.now(), ACCOUNT)
    return world.context


@pytest.mark.promise("Mode `off` stops every run that starts later")
@pytest.mark.parametrize("how", ["off", "no limits", "environment", "pause"])
def test_stopped_run_follows_the_payment(world, how):
    world.run()
    context = stop(world, how)
    world.clock.advance(minutes=2)
    world.vendor.set("paid")
    result = run_topup(context)
    assert result.refusal.reason in (Reason.DISABLED, Reason.NO_POLICY, Reason.KILL_SWITCH)
    assert world.only.state == State.PAID
    world.vendor.cents += 2500
    world.clock.advance(minutes=2)
    run_topup(context)
    assert world.only.state == State.CREDITED
    assert len(world.vendor.created) == 1


@pytest.mark.parametrize("how", ["off", "pause"])
def test_stopped_run_finds_an_unknown_outcome(world, how):
    world.vendor.script = ["lost_after_commit"]
    world.run()
    world.clock.advance(minutes=16)
    run_topup(stop(world, how))
    assert world.only.state == State.OPEN


def test_stopped_run_without_payments_calls_no_vendor(world):
    world.vendor.balance = world.vendor.payments = lambda: pytest.fail("nothing is to be followed")
    assert run_topup(stop(world, "off")).refusal.reason == Reason.DISABLED


def test_failing_vendor_does_not_change_the_refusal(world):
    world.run()
    world.vendor.list_down = world.vendor.balance_down = True
    assert run_topup(stop(world, "off")).refusal.reason == Reason.DISABLED


@pytest.mark.parametrize("outcome", ["ok", "lost", "declined", "raise"])
@pytest.mark.parametrize("call", ["transition", "update_payment", "record_payment_list", "enqueue_notices"])
def test_full_disk_after_the_request_says_what_is_known(world, monkeypatch, outcome, call):
    """Whatever can no longer be written once the request was sent."""
    world.vendor.script = [outcome]
    failed = []

    def fill_the_disk():
        def fail(*_, **__):
            failed.append(call)
            raise ledger_unavailable(sqlite3.OperationalError("database or disk is full"))

        monkeypatch.setattr(world.ledger, call, fail)

    result = run_topup(at_checkpoint(world.context, Checkpoint.REQUESTED, fill_the_disk))
    monkeypatch.undo()
    assert len(world.vendor.created) == 1
    if not failed:
        return
    line = str(result.refusal)
    assert "a request over 25.00 USD was sent, its outcome could not be written down" in line
    assert "searched for with the next run" in line
    assert "nothing is paid" not in line
    assert "free some disk space" in line
    assert result.payment.payment_id == world.only.payment_id
