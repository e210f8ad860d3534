"""The development server as a process of its own, and questions to its GraphQL API."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 180
# In the environment of every process of a server.
FOLDER_VARIABLE = "TEST_FOLDER"
RUNS = "{ runsOrError { ... on Runs { results { runId jobName status creationTime startTime runConfigYaml } } } }"
LAUNCH = """mutation { launchRun(executionParams: {runConfigData: {}, selector: {repositoryLocationName: "smsonline",
    repositoryName: "__repository__", jobName: "%s", assetSelection: %s}}) { ... on LaunchRunSuccess { run { runId } }
    ... on Error { message } } }"""
EVENTS = """{ logsForRun(runId: "%s", limit: 1000) { ... on EventConnection { events { __typename ... on MessageEvent {
    message timestamp } } } } }"""


@dataclass(frozen=True)
class DagsterServer:
    """A running server: its address, its folder and what it printed."""

    url: str
    home: Path
    log: Path
    process: subprocess.Popen[bytes]

    def query(self, query: str) -> Any:
        """The data of a GraphQL response. Raises ``OSError`` while the server is not up."""
        body = json.dumps({"query": query}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)["data"]

    def runs(self, job: str = "") -> list[dict[str, Any]]:
        """The runs of a job, or all; none while the server is not up."""
        try:
            runs = self.query(RUNS)["runsOrError"]["results"]
        except OSError:
            return []
        return [run for run in runs if job in ("", run["jobName"])]

    def launch(self, job: str, assets: Iterable[str] = ()) -> str:
        """Requests a run of ``job``, or of these assets of it, as the UI does; returns its id."""
        keys = [f"{{path: {json.dumps(asset.split('/'))}}}" for asset in assets]
        selection = f"[{', '.join(keys)}]" if keys else "null"
        run_id: str = self.query(LAUNCH % (job, selection))["launchRun"]["run"]["runId"]
        return run_id

    def run(self, run_id: str, status: str) -> dict[str, Any]:
        """Waits until the run has ``status``."""
        run: dict[str, Any] = self.wait_for(
            lambda: next((run for run in self.runs() if (run["runId"], run["status"]) == (run_id, status)), None)
        )
        return run

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """The events of a run: type, message and timestamp in milliseconds."""
        events: list[dict[str, Any]] = self.query(EVENTS % run_id)["logsForRun"]["events"]
        return events

    def queued_until(self, run_id: str) -> float:
        """When the run left the queue and its process was requested, as a Unix time."""
        events = self.events(run_id)
        return next(int(event["timestamp"]) / 1000 for event in events if event["__typename"] == "RunStartingEvent")

    def fail(self, endpoint: str, kind: str) -> None:
        """Adds a fault to the sandbox beside the server, whose address is in the log."""
        address = re.findall(r"sandbox on (\S+);", self.log.read_text())[-1]
        body = json.dumps({"endpoint": endpoint, "kind": kind}).encode()
        urllib.request.urlopen(f"{address}/__sandbox__/faults", body, timeout=10).close()

    def interrupt(self, seconds: float) -> int:
        """Ctrl-C; returns the exit code. Raises ``subprocess.TimeoutExpired`` after so many seconds."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(seconds)

    def wait_for(self, condition: Callable[[], Any], seconds: float = START_SECONDS) -> Any:
        """The first true result of ``condition``; fails with the end of the log after so many seconds."""
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            tail = self.log.read_text()[-3000:]
            assert self.process.poll() is None and time.monotonic() < deadline, f"not within {seconds} s:\n{tail}"
            time.sleep(0.5)
        return result


@contextmanager
def started_server(folder: Path, settings: Mapping[str, str]) -> Iterator[DagsterServer]:
    """``make up SANDBOX=1`` in ``folder`` with these environment variables; what is left of it afterwards is killed."""
    port, log = free_port(), folder / "log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SMSONLINE_")}
    command = [sys.executable, "-m", "pipelines.dev_server", "--port", str(port)]
    environment = {**inherited, "SANDBOX": "1", FOLDER_VARIABLE: str(folder), **settings}
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        yield DagsterServer(f"http://127.0.0.1:{port}", folder / "data" / "sandbox" / "dagster", log, process)
    finally:
        process.kill()
        process.wait()
        kill_all(folder)


@contextmanager
def dagster_server(folder: Path, settings: Mapping[str, str]) -> Iterator[DagsterServer]:
    """As ``started_server``; afterwards Ctrl-C, which must end every process."""
    with started_server(folder, settings) as server:
        yield server
        code = server.interrupt(60)
        assert code == 0, server.log.read_text()[-3000:]
        assert processes_of(folder) == {}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processes_of(folder: Path) -> dict[int, str]:
    """Process ids and command lines of the server in ``folder`` and of everything that it started."""
    processes = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if f"{FOLDER_VARIABLE}={folder}\0".encode() in (process / "environ").read_bytes():
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                processes[int(process.name)] = command.decode(errors="replace")
    return processes


def kill_all(folder: Path) -> None:
    """Kills the server in ``folder`` and everything that it started, also what is started meanwhile."""
    while processes := processes_of(folder):
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)
