"""``smsonline topup`` as a person or cron starts it, killed for real; a later process on a later clock recovers."""

import json
import os
import signal
import subprocess
import sys

import pytest
from topup_process import POLICY

from smsonline.sandbox.simulation.state import SandboxState
from topups.payment_states import State
from topups.policy import REQUIRED
from warehouse.failpoints import VARIABLE

pytest_plugins = ("topup_till",)

COMMAND = "import sys; from pipelines.cli.app import app; app(sys.argv[1:])"


@pytest.fixture
def smsonline(till, tmp_path):
    """Runs a command in a fresh interpreter, on this machine's clock, which the vendor's follows."""
    till.sandbox.state = SandboxState(7, "small", till.sandbox.user_id, None)
    account, home = till.account, {name: text for name, text in os.environ.items() if not name.startswith("SMSONLINE_")}
    home |= {"SMSONLINE_USER_ID": account.user_id, "SMSONLINE_API_KEY": account.api_key}
    home |= {"SMSONLINE_BASE_URL": account.base_url, "SMSONLINE_V2_BASE_URL": account.v2_base_url}
    home |= {f"SMSONLINE_TOPUP_{name.upper()}": str(getattr(POLICY, name)) for name in ("mode", *REQUIRED)}
    home |= {"SMSONLINE_LEDGER": till.url}

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", COMMAND, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=home | variables, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.mark.parametrize(("step", "sent"), [("sending", 0), ("requested", 1), ("response_recorded", 1)])
def test_killed_command_is_recovered_without_second_request(till, smsonline, step, sent):
    killed = smsonline("topup", "run", **{VARIABLE: f"topup {step}"})
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert till.creates() == sent
    at_once = smsonline("topup", "run", "--json")
    assert at_once.returncode == 0, at_once.stderr
    assert json.loads(at_once.stdout)["decision"] == "refuse"
    assert till.job(waits=(4, 8, 8, 2)).run() == 0
    assert till.creates() == sent
    assert len(till.payments(State.OPEN)) == sent
    till.assert_paid_once_at_most()


def test_killed_reconcile_is_recovered_by_the_next(till, smsonline):
    killed = smsonline("topup", "reconcile", **{VARIABLE: "topup adopted"})
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert smsonline("topup", "reconcile").returncode == 0
    till.assert_paid_once_at_most()
