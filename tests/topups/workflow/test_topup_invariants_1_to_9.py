"""The eighteen invariants of the protocol by number, one direct case each on the real code and a real SQLite: 1 to 9.

10 to 18 are in ``test_topup_invariants_10_to_18.py``. The simulation (``tests/simulation``) holds 1-9, 13, 15 and 18
against thousands of worlds as well; ``tests/e2e/test_topup_kills.py`` has 1, 3 and 6 with killed processes and requests
counted at the server. More cases of each lie in the files of their subject. Whatever uses ``world`` checks 8 and 18 at
its end.
"""

import sqlite3
from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, LOOSE, POLICY, RICH, START, CountingIds, at_checkpoint

from topups import operator_actions
from topups.decision.snapshot import Reason
from topups.ledger import open_ledger
from topups.ledger.audit import audit
from topups.payment_states import State
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.topup_run import run_topup


def test_invariant_01_at_most_one_payable_payment_per_account(world):
    """Two programs over three days, every second answer lost, nobody pays."""
    world.vendor.script = ["ok", "lost_after_commit", "lost", "raise"] * 20
    for _ in range(110):
        first = world.with_policy(**LOOSE, **RICH)
        run_topup(at_checkpoint(first, Checkpoint.BALANCE_READ, lambda: world.run(**LOOSE, **RICH)))
        assert world.vendor.payable() <= 1
        world.clock.advance(minutes=30)
        world.vendor.let_expire()
    assert len(world.vendor.rows) > 10


@pytest.mark.parametrize("status", ["check", "process", "confirm_check", "wrong_amount_waiting", "locked", "new word"])
def test_invariant_02_no_create_while_another_payment_is_payable_or_confirming(world, status):
    world.vendor.bill(700, status)
    assert world.run().refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
    assert world.vendor.created == []


@pytest.mark.parametrize("how", ["ok", "declined", "lost", "lost_after_commit", "raise", "wrong_amount"])
def test_invariant_03_at_most_one_create_request_per_intent(world, how):
    world.vendor.script = [how]
    for _ in range(60):
        world.run(**LOOSE)
        world.reconcile()
        world.clock.advance(minutes=1)
    sent = [payment for payment in world.ledger.payments() if payment.sending_at]
    assert len(world.vendor.created) == len(sent) >= 1


def test_invariant_04_every_create_has_an_earlier_committed_sending_row_with_its_amount(tmp_path, vendor):
    """Seen from outside, over a connection of its own: what is not committed is not there."""
    seen = []
    create = vendor.create

    def looked_up(order, confirm):
        with sqlite3.connect(tmp_path / "ledger.db") as outside:
            rows = outside.execute("SELECT state, amount_cents, sending_at FROM payments").fetchall()
        outside.close()
        seen.append((rows, order.amount_cents))
        return create(order, confirm)

    vendor.create = looked_up
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        run_topup(TopUpContext(ledger, vendor, POLICY, vendor.clock, CountingIds(), environment={}))
    assert [([row[:2] for row in rows], cents) for rows, cents in seen] == [([("SENDING", 2500)], 2500)]
    assert seen[0][0][0][2] <= START.isoformat(timespec="microseconds")


@pytest.mark.promise(
    "What was created counts towards the caps, whether or not it was paid, in rolling windows of 24 hours, 7 and 30 "
    "days."
)
@pytest.mark.promise("At most three payments are requested within 24 hours")
@pytest.mark.parametrize(("limit", "most"), [({"cap_day_cents": 6000}, 6000), ({"creates_per_day": 3}, 7500)])
def test_invariant_05_the_rolling_sum_and_count_of_what_was_created_keep_the_caps(world, limit, most):
    """Nobody pays: what was created counts, not what was paid. Each payment is 2500 cents, or what the cap leaves."""
    for _ in range(110):
        world.run(**(LOOSE | RICH | limit))
        world.clock.advance(minutes=30)
        world.vendor.let_expire()
    made = [(row.created_at, row.amount_cents) for row in world.vendor.rows]
    in_a_day = [sum(cents for second, cents in made if at - timedelta(days=1) < second <= at) for at, _ in made]
    assert max(in_a_day) == most
    assert len(made) > 6, "the windows roll"


def test_invariant_06_every_payment_of_the_vendor_ends_in_the_ledger_exactly_once(world):
    world.vendor.bill(300, "cancel")
    world.vendor.bill(1500, "paid", "stripe")
    world.vendor.script = ["lost_after_commit"]
    world.run()
    world.vendor.bill(900)
    world.pass_time(minutes=30)
    ids = [payment.vendor_payment_id for payment in world.ledger.payments()]
    assert sorted(filter(None, ids)) == ["order-1", "order-2", "order-3", "order-4"]


def test_invariant_07_credited_means_paid_at_the_vendor_and_a_rise_of_the_balance(world):
    world.run()
    world.vendor.set("paid")
    world.pass_time(minutes=20)
    assert world.only.state == State.PAID
    assert world.run().refusal.reason == Reason.PAID_NOT_CREDITED
    world.vendor.cents += 2400  # a bit was spent meanwhile
    world.reconcile()
    assert (world.only.state, world.only.slot) == (State.CREDITED, None)
    before, after = world.ledger.observations(ACCOUNT, "balance", world.only.credit - 3)[::-1][:2]
    assert after.seq == world.only.credit
    assert after.figure - before.figure == 2400


def test_invariant_08_only_legal_transitions_and_events_that_replay_to_the_present(world):
    world.run()
    for status in ("check", "wrong_amount_waiting", "process", "paid"):
        world.vendor.set(status)
        world.reconcile()
    world.vendor.cents += 2500
    world.reconcile()
    steps = [(event.from_state, event.to_state) for event in world.ledger.events(world.only.payment_id)]
    assert ("OPEN", "UNDERPAID_WAITING") in steps
    assert ("PAID", "CREDITED") in steps
    assert audit(world.ledger) == []
    with world.ledger.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE payments SET state = 'OPEN'")
    assert audit(world.ledger) == [f"payment {world.only.payment_id} differs from its events"]
    with world.ledger.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE payments SET state = 'CREDITED'")


@pytest.mark.parametrize("stop", ["ledger", "account", "environment", "unreadable"])
def test_invariant_09_no_create_after_the_kill_switch_or_with_an_unreadable_ledger(tmp_path, vendor, stop):
    environment = {"SMSONLINE_TOPUP_KILL": "1"} if stop == "environment" else {}
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        if stop in ("ledger", "account"):
            operator_actions.pause(ledger, "me", "", START, "*" if stop == "ledger" else ACCOUNT)
        if stop == "unreadable":
            with ledger.engine.connect() as connection, connection.begin():
                connection.exec_driver_sql("DROP TABLE controls")
        result = run_topup(TopUpContext(ledger, vendor, POLICY, vendor.clock, CountingIds(), environment))
    assert result.refusal.reason == (Reason.LEDGER_UNAVAILABLE if stop == "unreadable" else Reason.KILL_SWITCH)
    assert vendor.created == []
