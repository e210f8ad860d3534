"""The time limit of a run of the top-ups is longer than its slowest legal path."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from pipelines.bootstrap import topup_client_config
from pipelines.defs.schedules import MAX_ACTIVE
from pipelines.defs.topup_jobs import MAX_RUNTIME_SECONDS, topup_create_job, topup_reconcile_job
from pipelines.settings import Settings
from topups.ledger.engine import BUSY_SECONDS
from topups.policy import Policy

DAGSTER = yaml.safe_load((Path(__file__).parents[3] / "pipelines" / "dagster.yaml").read_text("utf-8"))
# Transactions of the ledger in one run, each as slow as one that waits for another program, and the notices after it.
LEDGER_AND_NOTICES_SECONDS = 40 * BUSY_SECONDS + 120


@pytest.mark.parametrize("per_minute", [1, 1000])
def test_run_limit_exceeds_the_slowest_legal_run(per_minute):
    client = topup_client_config(Settings(requests_per_minute=per_minute))
    assert client.longest_use_seconds + LEDGER_AND_NOTICES_SECONDS < MAX_RUNTIME_SECONDS


@pytest.mark.parametrize("job", [topup_create_job, topup_reconcile_job])
def test_no_other_limit_is_shorter(job):
    assert job.tags["dagster/max_runtime"] == str(MAX_RUNTIME_SECONDS)
    assert DAGSTER["run_monitoring"]["max_runtime_seconds"] >= MAX_RUNTIME_SECONDS
    assert timedelta(seconds=MAX_RUNTIME_SECONDS) < MAX_ACTIVE


def test_response_is_awaited_as_long_as_the_client_waits():
    """Only then may another run give the request up; it left before the send deadline."""
    client = topup_client_config(Settings())
    assert Policy().response_wait.total_seconds() > client.total_timeout_seconds
