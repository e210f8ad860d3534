"""The daemon with a key from ``smsonline.toml`` while a sync hangs: money is not delayed, the key not recorded."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from dagster_server import DagsterServer, dagster_server

from smsonline.sandbox import Sandbox, serve

pytestmark = pytest.mark.browser

CANARY = "canary-3c91f07ad5e246b8"
MAX_DELAY_SECONDS = 10
TICKS = """{ scheduleOrError(scheduleSelector: {repositoryLocationName: "smsonline", repositoryName: "__repository__",
    scheduleName: "topup_reconcile"}) { ... on Schedule { scheduleState { ticks { timestamp runIds } } } } }"""
RESOURCES = """{ allTopLevelResourceDetailsOrError(repositorySelector: {repositoryLocationName: "smsonline",
    repositoryName: "__repository__"}) { ... on ResourceDetailsList { results { name resourceType
    configuredValues { key value type } } } } }"""
EVENTS = """{ logsForRun(runId: "%s", limit: 1000) { ... on EventConnection { events { ... on MessageEvent {
    message } } } } }"""
EXECUTIONS = """{ assetCheckExecutions(assetKey: {path: ["sms", "statistics"]}, checkName: "%s", limit: 1) {
    status } }"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterServer]:
    """Runs while the vendor does not respond to the request for statistics: for two minutes, with retries."""
    folder = tmp_path_factory.mktemp("daemon")
    sandbox = Sandbox(api_key=CANARY)
    sandbox.faults.add("statistics", "timeout")
    with serve(sandbox) as address:
        values = {"user_id": sandbox.user_id, "api_key": CANARY, "base_url": address.base_url}
        values |= {"v2_base_url": address.v2_base_url, "topup_mode": "dry_run"}
        toml = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        (folder / "smsonline.toml").write_text(toml)
        with dagster_server(folder, {}) as server:
            server.wait_for(lambda: any(run["status"] == "STARTED" for run in server.runs("sync_datasets")))
            yield server


def test_a_reconcile_starts_within_seconds_while_a_sync_hangs(server):
    (sync,) = server.runs("sync_datasets")

    def later_reconciles() -> list[dict[str, Any]]:
        return [run for run in server.runs("topup_reconcile_job") if (run["startTime"] or 0) > sync["startTime"]]

    run = server.wait_for(later_reconciles, 150)[0]
    ticks = server.query(TICKS)["scheduleOrError"]["scheduleState"]["ticks"]
    (due,) = [tick["timestamp"] for tick in ticks if run["runId"] in tick["runIds"]]
    assert run["startTime"] - due <= MAX_DELAY_SECONDS
    assert "STARTED" in {run["status"] for run in server.runs("sync_datasets")}


def test_a_key_of_the_settings_file_is_nowhere_in_dagster(server):
    server.wait_for(lambda: any(run["status"] == "SUCCESS" for run in server.runs("topup_reconcile_job")), 150)
    resources = server.query(RESOURCES)["allTopLevelResourceDetailsOrError"]["results"]
    fields = {
        (resource["name"], field["key"]): field["value"]
        for resource in resources
        for field in resource["configuredValues"]
    }
    assert fields["smsonline", "user_id"] == '"sandbox"'
    assert fields["smsonline", "api_key"] == fields["topups", "api_key"] == '""'
    runs = server.runs()
    events = [server.query(EVENTS % run["runId"]) for run in runs]
    assert len(json.dumps(events)) > 1000
    assert CANARY not in json.dumps([resources, runs, events])
    recorded = b"".join(path.read_bytes() for path in server.home.rglob("*") if path.is_file())
    assert b"topup_reconcile_job" in recorded  # what is searched is what was recorded
    assert CANARY.encode() not in recorded
    assert CANARY not in server.log.read_text()


def test_after_the_failed_load_its_check_fails(server):
    server.wait_for(lambda: any(run["status"] == "FAILURE" for run in server.runs("sync_datasets")), 300)
    for check, status in {"last_load_ok": "FAILED", "unique_key": "SUCCEEDED"}.items():
        (execution,) = server.query(EXECUTIONS % check)["assetCheckExecutions"]
        assert execution["status"] == status
