"""Every "no" is kept with its facts, also one that comes before anybody is asked, or after a yes."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from topup_fakes import at_checkpoint

from topups import operator_actions
from topups.decision.reasons import Reason
from topups.ledger import open_ledger
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.topup_run import run_topup

LIMITS = "SMSONLINE_TOPUP_CAP_WEEK_CENTS must be set: nothing is paid without these limits"


def kept(world) -> list[tuple[str, str]]:
    """Reasons and figures, oldest first."""
    found = world.ledger.observations("acc", "decision")[::-1]
    return [(seen.payload["reason"], seen.payload.get("figure", "")) for seen in found]


def test_every_decision_is_written_down_with_its_facts(world):
    world.vendor.cents = 5000
    world.run("quiet")
    found = world.ledger.observations("acc", "decision")[0]
    assert found.payload["reason"] == Reason.BALANCE_OK
    assert found.payload["decision_id"] == "quiet"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [({"mode": "off"}, (Reason.DISABLED, "mode is off")), ({"cap_week_cents": None}, (Reason.NO_POLICY, LIMITS))],
)
def test_a_no_before_anybody_was_asked_is_written_down(world, policy, expected):
    world.vendor.balance_down = world.vendor.list_down = True
    assert world.run(**policy).refusal.reason == expected[0]
    assert kept(world) == [expected]
    assert world.ledger.payments() == []


def test_a_kill_switch_is_written_down_with_who_threw_it(world):
    operator_actions.pause(world.ledger, "Ada", "holidays", world.clock.now())
    world.run()
    operator_actions.resume(world.ledger, "Ada", world.clock.now())
    run_topup(replace(world.context, environment={"SMSONLINE_TOPUP_KILL": "1"}))
    assert kept(world) == [
        (Reason.KILL_SWITCH, "paused by Ada: holidays"),
        (Reason.KILL_SWITCH, "the environment's kill switch is on"),
    ]


def test_the_same_early_no_is_written_once_an_hour_and_each_other_one_at_once(world):
    for _ in range(125):
        world.run(mode="off")
        world.clock.advance(minutes=1)
    assert kept(world) == [(Reason.DISABLED, "mode is off")] * 3
    world.run(cap_week_cents=None)
    world.run(mode="off")
    assert [reason for reason, _ in kept(world)[3:]] == [Reason.NO_POLICY, Reason.DISABLED]


def test_a_no_that_comes_after_a_yes_is_written_down_too(world):
    run_topup(at_checkpoint(world.context, Checkpoint.SENDING, lambda: world.clock.advance(minutes=5)))
    assert [reason for reason, _ in kept(world)] == [None, Reason.NOT_SENT_STALE]


def test_a_ledger_that_cannot_be_written_leaves_the_early_no_as_it_is(world, tmp_path):
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", busy_seconds=0.05) as ledger:
        locked: TopUpContext = replace(world.with_policy(mode="off"), ledger=ledger)
        other = sqlite3.connect(tmp_path / "ledger.db")
        other.execute("BEGIN IMMEDIATE")
        assert run_topup(locked).refusal.reason == Reason.DISABLED
        other.close()
