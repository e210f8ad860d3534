"""Every rail under every fault of its create call, by several processes at once of which one is killed: one request."""

import signal

import pytest
from topup_process import RAILS, ended

from topups.payment_states import State
from topups.workflow.context import Checkpoint

pytest_plugins = ("topup_till",)

BEFORE_COMMIT = ("http_503", "timeout", "drop", "garbage", "html", "redirect")
AFTER_COMMIT = tuple(f"commit_then_{kind.removeprefix('http_')}" for kind in BEFORE_COMMIT)


@pytest.mark.parametrize("rail", RAILS)
@pytest.mark.parametrize("kind", [*BEFORE_COMMIT, *AFTER_COMMIT])
def test_concurrent_processes_under_a_fault_send_one_request(till, rail, kind):
    till.sandbox.faults.add(RAILS[rail], kind)
    # Short only where the answer never comes: a busy machine must not look like a lost answer.
    patience = 0.3 if "timeout" in kind else 10
    jobs = [till.job(rail=rail, patience=patience, die_at=step) for step in (Checkpoint.REQUESTED, "", "")]
    codes = [ended(process) for process in [job.start() for job in jobs]]
    assert codes[0] in (0, -signal.SIGKILL), "only who sent the request dies after it"
    assert codes[1:] == [0, 0]
    assert till.creates() == 1
    assert till.job(rail=rail, waits=(4, 8, 8, 2), patience=patience).run() == 0
    assert till.creates() == 1
    till.assert_paid_once_at_most()
    made = [payment.vendor_payment_id for payment in till.payments(State.OPEN)]
    assert made == till.payable()
    assert len(made) == (kind in AFTER_COMMIT)


def test_eight_processes_request_one_payment(till):
    for code in [ended(process) for process in [till.job().start() for _ in range(8)]]:
        assert code == 0
    assert till.creates() == 1
    till.assert_paid_once_at_most()
    assert len(till.payments(State.OPEN)) == 1
