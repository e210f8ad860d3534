"""SIGKILL of a process at every named step of a pass: nothing is asked for twice, and what was made is found again."""

import signal

import pytest
from topup_process import RAILS

from topups.payment_states import State
from topups.workflow.context import Checkpoint

pytest_plugins = ("topup_till",)

MONEY = (
    *(Checkpoint.RESERVED, Checkpoint.LISTED_IN_SLOT, Checkpoint.SENDING, Checkpoint.REQUESTED),
    *(Checkpoint.RESPONSE_RECORDED, Checkpoint.VERIFIED),
)
# A pass meets these only when the answer to the create call was lost; MOVED comes with reconciling, further down.
AFTER_LOST_RESPONSE = (Checkpoint.TRANSACTION_READ, Checkpoint.OUTCOME_RECORDED)
CASES = [("v3_invoice", step) for step in Checkpoint if step != Checkpoint.MOVED]
CASES += [(rail, step) for rail in ("v3_wallet", "v2_invoice") for step in MONEY]
SENT = (*MONEY[3:], *AFTER_LOST_RESPONSE, Checkpoint.NOTIFIED, Checkpoint.NOTICE_RECORDED)
# Longer than everything that was on its way, at the pace of a schedule.
RECOVERY = (4, 8, 8, 2)


@pytest.mark.parametrize(("rail", "step"), CASES)
def test_kill_at_any_checkpoint_leaves_one_request(till, rail, step):
    if step in AFTER_LOST_RESPONSE:
        till.sandbox.faults.add(RAILS[rail], "commit_then_500", times=1)
    killed = till.job(rail=rail, die_at=step, waits=(0, 16, 5))
    assert killed.run() == -signal.SIGKILL, "the step was reached"
    assert till.creates() == (step in SENT)
    assert till.job(rail=rail, waits=RECOVERY).run() == 0
    assert till.creates() == (step != Checkpoint.SENDING), (
        "between SENDING and the request nobody knows that nothing was sent"
    )
    till.assert_paid_once_at_most()
    assert len(till.payments(State.OPEN)) == till.creates()


@pytest.mark.parametrize("step", [Checkpoint.LIST_RECORDED, Checkpoint.ADOPTED, Checkpoint.MOVED])
def test_a_kill_while_reconciling_loses_nothing(till, step):
    till.job().run()
    paid = till.payments(State.OPEN)[0]
    till.sandbox.state.account.create_invoice("cryptomus", 700, till.sandbox.state.clock.instant())
    till.sandbox.pay(paid.vendor_payment_id, paid.amount_cents)
    assert till.job(reconcile=True, waits=(1,), die_at=step).run() == -signal.SIGKILL
    assert till.job(reconcile=True, waits=(0, 6, 1)).run() == 0
    assert till.creates() == 1
    assert [payment.payment_id for payment in till.payments(State.CREDITED)] == [paid.payment_id]
    till.assert_paid_once_at_most()


def test_repeatedly_killed_program_sends_one_request(till):
    """Killed at each step in turn, on one ledger, before anything has recovered."""
    till.sandbox.faults.add("create_invoice", "commit_then_drop")
    for step in Checkpoint:
        till.job(die_at=step, waits=(2,)).run()
        assert till.creates() <= 1
    till.job(waits=RECOVERY).run()
    assert till.creates() == 1
    till.assert_paid_once_at_most()
