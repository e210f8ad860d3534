"""Passes that die, stall, meet a kill switch or each other: wherever that happens, one request goes out at most."""

from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import at_checkpoint, run_killed_at

from topups import operator_actions
from topups.payment_states import PaymentException, State
from topups.workflow.context import Checkpoint
from topups.workflow.topup_run import run_topup

ALL_STEPS = [
    *(Checkpoint.BALANCE_READ, Checkpoint.BALANCE_RECORDED, Checkpoint.LIST_READ, Checkpoint.LIST_RECORDED),
    *(Checkpoint.RECONCILED, Checkpoint.DECIDED, Checkpoint.RESERVED, Checkpoint.LISTED_IN_SLOT, Checkpoint.SENDING),
    *(Checkpoint.REQUESTED, Checkpoint.RESPONSE_RECORDED, Checkpoint.VERIFIED),
]

# The world is on SQLite and on PostgreSQL.
ON_BOTH_DATABASES = True


def give_up(world):
    world.ledger.transition(world.only, State.UNKNOWN, world.clock.now())


@pytest.mark.parametrize("step", ALL_STEPS)
def test_crash_at_any_checkpoint_sends_no_second_request(world, step):
    run_killed_at(world.context, step)
    sent = len(world.vendor.created)
    for _ in range(30):
        world.run()
        world.clock.advance(minutes=4)
        assert sum(row.status == "check" for row in world.vendor.rows) <= 1
    # Nothing was sent before the crash, or it was found again: one request in two hours either way.
    assert len(world.vendor.created) == 1 >= sent
    assert world.ledger.payments(states=[State.OPEN])[0].vendor_payment_id == "order-1"


@pytest.mark.parametrize("step", ALL_STEPS[: ALL_STEPS.index(Checkpoint.SENDING) + 1])
@pytest.mark.parametrize("switch", ["ledger", "environment"])
def test_kill_switch_before_the_request_stops_it(world, step, switch):
    environment: dict[str, str] = {}

    def throw():
        if switch == "ledger":
            operator_actions.pause(world.ledger, "me", "", world.clock.now())
        else:
            environment["SMSONLINE_TOPUP_KILL"] = "1"

    run_topup(at_checkpoint(replace(world.context, environment=environment), step, throw))
    assert world.vendor.created == []
    assert {State.RELEASED, State.NOT_SENT}.issuperset(payment.state for payment in world.ledger.payments())
    operator_actions.resume(world.ledger, "me", world.clock.now())
    environment.clear()
    assert world.run(cooldown=timedelta()).refusal is None


def test_interleaved_runs_request_one_payment(world):
    """A second pass runs from start to end at each step of the first."""

    def run_another(checkpoint):
        if checkpoint == Checkpoint.SENDING:
            world.clock.advance(seconds=1)
        run_topup(world.context)

    run_topup(replace(world.context, checkpoint=run_another))
    assert len(world.vendor.created) == 1
    assert len([row for row in world.vendor.rows if row.status == "check"]) == 1


def test_stalled_process_does_not_send(world):
    run_topup(at_checkpoint(world.context, Checkpoint.SENDING, lambda: world.clock.advance(minutes=61)))
    assert world.vendor.created == []
    assert world.only.state == State.NOT_SENT


def test_timed_out_payment_is_not_sent(world):
    run_topup(at_checkpoint(world.context, Checkpoint.SENDING, lambda: give_up(world)))
    assert world.vendor.created == []
    assert world.only.state == State.UNKNOWN


def test_response_after_timeout_still_counts(world):
    world.vendor.hidden = {"order-1"}  # the list lags
    run_topup(at_checkpoint(world.context, Checkpoint.REQUESTED, lambda: give_up(world)))
    assert world.only.claim["session_id"] == "session-1"
    world.vendor.hidden = set()
    world.reconcile()
    assert world.only.state == State.OPEN
    assert world.only.exception == PaymentException.NONE
