"""Every "no" is kept with its facts, also one that comes before anybody is asked, or after a yes."""

import sqlite3
from dataclasses import replace

import pytest
from topup_fakes import at_checkpoint

from topups import operator_actions
from topups.decision.snapshot import Reason
from topups.ledger import open_ledger
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.topup_run import run_topup

LIMITS = "SMSONLINE_TOPUP_CAP_WEEK_CENTS must be set: nothing is paid without these limits"


def recorded(world) -> list[tuple[str, str]]:
    """Reasons and figures, oldest first."""
    observations = world.ledger.observations("acc", "decision")[::-1]
    return [(seen.payload["reason"], seen.payload.get("figure", "")) for seen in observations]


def test_every_decision_is_recorded_with_its_explanation(world):
    world.vendor.cents = 5000
    world.run("quiet")
    observations = world.ledger.observations("acc", "decision")[0]
    assert observations.payload["reason"] == Reason.BALANCE_OK
    assert observations.payload["decision_id"] == "quiet"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [({"mode": "off"}, (Reason.DISABLED, "mode is off")), ({"cap_week_cents": None}, (Reason.NO_POLICY, LIMITS))],
)
def test_preflight_refusal_is_recorded(world, policy, expected):
    world.vendor.balance_down = world.vendor.list_down = True
    assert world.run(**policy).refusal.reason == expected[0]
    assert recorded(world) == [expected]
    assert world.ledger.payments() == []


def test_kill_switch_refusal_names_the_operator(world):
    operator_actions.pause(world.ledger, "Ada", "holidays", world.clock.now())
    world.run()
    operator_actions.resume(world.ledger, "Ada", world.clock.now())
    run_topup(replace(world.context, environment={"SMSONLINE_TOPUP_KILL": "1"}))
    assert recorded(world) == [
        (Reason.KILL_SWITCH, "paused by Ada: holidays"),
        (Reason.KILL_SWITCH, "the environment's kill switch is on"),
    ]


def test_same_preflight_refusal_is_recorded_hourly(world):
    for _ in range(125):
        world.run(mode="off")
        world.clock.advance(minutes=1)
    assert recorded(world) == [(Reason.DISABLED, "mode is off")] * 3
    world.run(cap_week_cents=None)
    world.run(mode="off")
    assert [reason for reason, _ in recorded(world)[3:]] == [Reason.NO_POLICY, Reason.DISABLED]


def test_refusal_after_a_positive_decision_is_recorded(world):
    run_topup(at_checkpoint(world.context, Checkpoint.SENDING, lambda: world.clock.advance(minutes=5)))
    assert [reason for reason, _ in recorded(world)] == [None, Reason.NOT_SENT_STALE]


def test_unwritable_ledger_keeps_the_preflight_refusal(world, tmp_path):
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", busy_seconds=0.05) as ledger:
        locked: TopUpContext = replace(world.with_policy(mode="off"), ledger=ledger)
        blocker = sqlite3.connect(tmp_path / "ledger.db")
        blocker.execute("BEGIN IMMEDIATE")
        assert run_topup(locked).refusal.reason == Reason.DISABLED
        blocker.close()
