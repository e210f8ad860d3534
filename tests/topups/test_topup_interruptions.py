"""Passes that die, stall, meet a kill switch or each other: wherever that happens, one request goes out at most."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from topups import operator_actions
from topups.payment_states import PaymentException, State
from topups.workflow.context import Step, drive
from topups.workflow.topup_run import run_topup

ALL_STEPS = [
    *(Step.BALANCE_READ, Step.BALANCE_WRITTEN, Step.LIST_READ, Step.LIST_WRITTEN, Step.RECONCILED),
    *(Step.DECIDED, Step.RESERVED, Step.LISTED_IN_SLOT, Step.SENDING, Step.REQUESTED, Step.ANSWER_WRITTEN),
    *(Step.VERIFIED,),
]


@pytest.mark.parametrize("step", ALL_STEPS)
def test_a_crash_at_any_step_never_leads_to_a_second_request(world, step):
    steps = run_topup(world.context)
    assert any(found == step for found in steps), "the step exists"
    steps.close()
    sent = len(world.vendor.created)
    for _ in range(30):
        world.run()
        world.clock.advance(minutes=4)
        assert sum(row.status == "check" for row in world.vendor.rows) <= 1
    # Nothing was sent before the crash, or it was found again: one request in two hours either way.
    assert len(world.vendor.created) == 1 >= sent
    assert world.ledger.payments(states=[State.OPEN])[0].vendor_payment_id == "order-1"


@pytest.mark.parametrize("step", ALL_STEPS[: ALL_STEPS.index(Step.SENDING) + 1])
@pytest.mark.parametrize("switch", ["ledger", "environment"])
def test_a_kill_switch_thrown_at_any_step_before_the_request_stops_it(world, step, switch):
    environment: dict[str, str] = {}
    for found in run_topup(replace(world.context, environment=environment)):
        if found == step:
            if switch == "ledger":
                operator_actions.pause(world.ledger, "me", "", world.clock.now())
            environment |= {"SMSONLINE_TOPUP_KILL": "1"} if switch == "environment" else {}
    assert world.vendor.created == []
    assert {State.RELEASED, State.NOT_SENT}.issuperset(payment.state for payment in world.ledger.payments())
    operator_actions.resume(world.ledger, "me", world.clock.now())
    environment.clear()
    assert world.run(cooldown=timedelta()).refusal is None


def test_two_passes_interleaved_at_every_step_ask_for_one_payment(world):
    """A second pass runs from start to end at each step of the first."""
    for step in run_topup(world.context):
        if step == Step.SENDING:
            world.clock.advance(seconds=1)
        drive(run_topup(world.context))
    assert len(world.vendor.created) == 1
    assert len([row for row in world.vendor.rows if row.status == "check"]) == 1


def test_a_process_that_stalls_before_the_request_does_not_send_it(world):
    for step in run_topup(world.context):
        if step == Step.SENDING:
            world.clock.advance(minutes=61)
    assert world.vendor.created == []
    assert world.only.state == State.NOT_SENT


def test_a_payment_that_another_program_gave_up_on_is_not_sent(world):
    for step in run_topup(world.context):
        if step == Step.SENDING:
            world.ledger.transition(world.only, State.UNKNOWN, world.clock.now())
    assert world.vendor.created == []
    assert world.only.state == State.UNKNOWN


def test_an_answer_that_comes_after_the_payment_was_given_up_on_still_counts(world):
    world.vendor.hidden = {"order-1"}  # the list lags
    for step in run_topup(world.context):
        if step == Step.REQUESTED:
            world.ledger.transition(world.only, State.UNKNOWN, world.clock.now())
    assert world.only.claim["session_id"] == "session-1"
    world.vendor.hidden = set()
    world.reconcile()
    assert world.only.state == State.OPEN
    assert world.only.exception == PaymentException.NONE
