"""What stops a due top-up is in the ledger: its reason, since when, and nothing once it is not due."""

from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, START, World

from topups import operator_actions
from topups.decision.snapshot import Reason, Refusal
from topups.ledger.blocked import read_blocked, record_blocked
from topups.workflow.context import Checkpoint

STOPPED = {"rail": "v3_wallet", "currency": "USDT", "network": "ETH"}


def blocked(world: World) -> tuple[Reason, str] | None:
    row = read_blocked(world.ledger, ACCOUNT)
    return row and (row.reason, f"{row.since:%H:%M}")


def test_blocked_reason_has_its_beginning(any_ledger):
    minutes = [START + timedelta(minutes=minute) for minute in range(40)]
    for minute in minutes[:20]:
        record_blocked(any_ledger, ACCOUNT, Refusal(Reason.CAP_DAY, f"{minute:%M}"), minute)
    row = read_blocked(any_ledger, ACCOUNT)
    assert (row.reason, row.since, row.seen_at, row.explanation) == (Reason.CAP_DAY, START, minutes[10], "10")
    before = record_blocked(any_ledger, ACCOUNT, Refusal(Reason.BACKOFF), minutes[20])
    assert before.reason == Reason.CAP_DAY
    assert read_blocked(any_ledger, ACCOUNT).since == minutes[20]
    assert record_blocked(any_ledger, ACCOUNT, None, minutes[21]).reason == Reason.BACKOFF
    assert read_blocked(any_ledger, ACCOUNT) is None
    assert record_blocked(any_ledger, ACCOUNT, None, minutes[22]) is None


def test_reconcile_records_what_blocks_while_due(world):
    world.reconcile(**STOPPED)
    assert blocked(world) == (Reason.NETWORK_NOT_ALLOWED, "09:00")
    world.vendor.cents = 5000
    world.reconcile(**STOPPED)
    assert blocked(world) is None


@pytest.mark.parametrize(("mode", "reason"), [("off", None), ("dry_run", Reason.DRY_RUN_WOULD_CREATE)])
def test_mode_off_plans_nothing_and_blocks_nothing(world, mode, reason):
    world.reconcile(mode=mode)
    row = blocked(world)
    assert (row and row[0]) == reason


def test_one_unread_balance_does_not_make_a_topup_due(world):
    world.vendor.cents = 5000
    world.reconcile()
    world.vendor.balance_down = True
    world.clock.advance(minutes=4)
    world.reconcile()
    assert blocked(world) is None
    world.clock.advance(minutes=8)
    world.reconcile()
    assert blocked(world) == (Reason.BALANCE_UNREADABLE, "09:12")


def test_preflight_refusal_is_recorded(world):
    operator_actions.pause(world.ledger, "me", "", world.clock.now())
    world.run()
    assert blocked(world) == (Reason.KILL_SWITCH, "09:00")
    world.vendor.cents = 5000
    world.reconcile()
    assert blocked(world) is None


def test_refusal_at_sending_outlasts_passing_evaluations(world):
    context = world.context

    def slow(checkpoint):
        if checkpoint == Checkpoint.LISTED_IN_SLOT:
            world.clock.advance(minutes=2)

    world.context = replace(context, checkpoint=slow)
    assert world.run().refusal.reason == Reason.NOT_SENT_STALE
    world.context = context
    world.clock.advance(minutes=50)
    world.reconcile()
    assert blocked(world)[0] == Reason.NOT_SENT_STALE
    world.run()
    world.reconcile()
    assert blocked(world)[0] == Reason.PAYMENT_OPEN_AT_VENDOR
