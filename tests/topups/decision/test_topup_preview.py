"""Looking never changes anything, and the past can be judged anew."""

from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, POLICY, START

from topups.decision.evaluate import evaluate
from topups.decision.preview import preview_from_ledger
from topups.decision.replay import replay_snapshot
from topups.decision.snapshot import Reason
from topups.gateway import Balance
from topups.ledger import open_ledger


def test_preview_and_run_agree(world):
    world.ledger.record_balance(ACCOUNT, Balance(500, START), START)
    planned = preview_from_ledger(world.ledger, ACCOUNT, POLICY, START, environment={}).decision
    assert world.run().plan == planned
    assert (
        preview_from_ledger(world.ledger, ACCOUNT, POLICY, START, environment={}).decision.reason
        == Reason.PAYMENT_OPEN_AT_VENDOR
    )


def test_the_environments_kill_switch_is_seen(world):
    evaluation = preview_from_ledger(world.ledger, ACCOUNT, POLICY, START, environment={"SMSONLINE_TOPUP_KILL": "1"})
    assert evaluation.decision.reason == Reason.KILL_SWITCH
    assert evaluation.as_json()["reason"] == "KILL_SWITCH"


def test_a_ledger_that_cannot_be_read_is_a_refusal(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = open_ledger(f"sqlite:///{path}")
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE payments")
    assert preview_from_ledger(ledger, ACCOUNT, POLICY, START).decision.reason == Reason.LEDGER_UNAVAILABLE
    ledger.close()


@pytest.mark.parametrize(("threshold", "expected"), [(1000, Reason.BALANCE_OK), (2000, Reason.DRY_RUN_WOULD_CREATE)])
def test_past_snapshot_is_evaluated_under_another_policy(world, threshold, expected):
    world.vendor.cents = 1500
    world.reconcile()
    then = world.clock.now()
    world.clock.advance(hours=1)
    world.vendor.cents = 100
    world.run()
    policy = replace(POLICY, mode="dry_run", threshold_cents=threshold, target_cents=threshold * 2)
    at = then + timedelta(seconds=1)
    assert evaluate(replay_snapshot(world.ledger, ACCOUNT, at), policy, at).decision.reason == expected


def test_past_snapshot_has_external_open_payment(world):
    world.vendor.bill(700)
    assert world.run().refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
    now = world.clock.now()
    decision = evaluate(replay_snapshot(world.ledger, ACCOUNT, now), POLICY, now).decision
    assert getattr(decision, "reason", "would create") == Reason.PAYMENT_OPEN_AT_VENDOR
