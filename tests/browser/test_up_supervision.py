"""``make up`` whose processes are killed: data flows again within a minute, and no process outlives it."""

import os
import signal
import time

import pytest
from dagster_server import DagsterServer, dagster_server, kill_all, processes_of, started_server

pytestmark = pytest.mark.browser

FLOW_SECONDS = 60
NOTICE_SECONDS = 5
END_SECONDS = 10
CHILDREN = {
    "sandbox": "pipelines.up.sandbox_server",
    "code server": "api grpc",
    "daemon": "dagster._daemon",
    "UI": "dagster_webserver",
}


def last_success(server: DagsterServer) -> float:
    return max((run["startTime"] for run in server.runs("sync_datasets") if run["status"] == "SUCCESS"), default=0)


def hanging_sync(server: DagsterServer) -> str:
    """The id of a run that waits for the vendor."""
    server.wait_for(lambda: last_success(server))
    server.fail("statistics", "timeout")
    run_id = server.launch("sync_datasets", ["sms/statistics"])
    server.run(run_id, "STARTED")
    return run_id


@pytest.fixture
def report(record_property):
    """Stores what was measured in the test report."""

    def record(name: str, seconds: float) -> None:
        record_property(name, round(seconds, 1))
        print(f"{name}: {seconds:.1f} s")  # noqa: T201

    return record


def test_data_flows_after_everything_was_killed_in_a_run(tmp_path, report):
    with started_server(tmp_path, {}) as server:
        run_id = hanging_sync(server)
        kill_all(tmp_path)
    began = time.time()
    with dagster_server(tmp_path, {}) as again:
        again.wait_for(lambda: last_success(again) > began, FLOW_SECONDS + 60)
        report("kill -9 of everything until data flows", time.time() - began)
        (run,) = (run for run in again.runs("sync_datasets") if run["runId"] == run_id)
        assert run["status"] == "FAILURE"
        assert time.time() - began < FLOW_SECONDS


@pytest.fixture(scope="module")
def supervised(tmp_path_factory):
    folder = tmp_path_factory.mktemp("supervised")
    with dagster_server(folder, {}) as server:
        server.wait_for(lambda: last_success(server))
        yield server, folder


@pytest.mark.parametrize("name", CHILDREN)
def test_a_killed_child_is_started_again_and_runs_go_on(supervised, report, name):
    server, folder = supervised
    (child,) = (
        pid
        for pid, command in processes_of(folder).items()
        if f"child {server.process.pid}" in command and CHILDREN[name] in command
    )
    line, before = f"the {name} ended (killed by signal 9", server.log.read_text().count(f"the {name} ended")
    began = time.monotonic()
    os.kill(child, signal.SIGKILL)
    server.wait_for(lambda: server.log.read_text().count(line) > before, NOTICE_SECONDS)
    report(f"until a killed {name} is noticed", time.monotonic() - began)
    requested_at = time.time()

    def new_run() -> bool:
        try:
            server.launch("sync_datasets", ["sms/balances"])
        except (OSError, KeyError):  # the UI or its connection to the code server is not up again
            return False
        return True

    server.wait_for(new_run, FLOW_SECONDS)
    server.wait_for(lambda: last_success(server) > requested_at, FLOW_SECONDS)
    report(f"until a run succeeds after the {name} was killed", time.monotonic() - began)


def test_ctrl_c_ends_everything_while_a_sync_hangs(tmp_path, report):
    with started_server(tmp_path, {}) as server:
        hanging_sync(server)
        began = time.monotonic()
        assert server.interrupt(END_SECONDS) == 0
        report("Ctrl-C during a hanging sync", time.monotonic() - began)
        assert processes_of(tmp_path) == {}


def test_nothing_outlives_a_killed_server(tmp_path, report):
    with started_server(tmp_path, {}) as server:
        hanging_sync(server)
        assert len(processes_of(tmp_path)) >= 6  # with the run's process
        began = time.monotonic()
        server.process.kill()
        server.process.wait()
        while processes_of(tmp_path) and time.monotonic() - began < NOTICE_SECONDS:
            time.sleep(0.05)
        assert processes_of(tmp_path) == {}
        report("until nothing is left after kill -9 of make up", time.monotonic() - began)
