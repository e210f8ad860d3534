"""What the supervisor does when the Dagster home has a problem."""

import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from pipelines.up import supervisor
from pipelines.up.home_health import HomeProblem
from pipelines.up.supervisor import DamagedHome, Supervisor

FULL = HomeProblem("the disk is full: make room", is_damage=False)
DAMAGE = HomeProblem("runs.db is damaged: rename it", is_damage=True)


class Child:
    """Notes what the supervisor does with it."""

    def __init__(self, events: list[str]) -> None:
        self.events, self.is_running, self.stop_seconds = events, False, 0

    def start(self, _output) -> None:
        self.events.append("start")

    def restart_if_ended(self, _output) -> None:
        self.events.append("look")

    def interrupt(self) -> None:
        self.events.append("stop")

    def kill(self) -> None:
        self.events.append("kill")


class Ended(KeyboardInterrupt):
    """The end of the scripted findings."""


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the supervisor on a home with these findings, one per look; then comes Ctrl-C."""

    def run(*findings: HomeProblem | None) -> list[str]:
        events, left = [], iter(findings)
        clock = SimpleNamespace(seconds=0.0)

        def sleep(seconds: float) -> None:
            clock.seconds += seconds

        def find(*_, **__) -> HomeProblem | None:
            for finding in left:
                return finding
            raise Ended

        monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: clock.seconds, sleep=sleep))
        monkeypatch.setattr(supervisor, "find_problem", find)
        try:
            Supervisor(tmp_path, [Child(events)], lambda: events.append("clean up")).run()
        except (Ended, DamagedHome) as error:
            events.append(str(error) or "ended")
        return [event for event in events if event != "look"]

    return run


@pytest.fixture(autouse=True)
def log_handler_closed() -> Iterator[None]:
    yield
    for handler in logging.getLogger("smsonline.up").handlers:
        handler.close()


def test_ctrl_c_ends_the_children(run):
    assert run(None, None) == ["clean up", "start", "stop", "kill", "ended"]


def test_damage_ends_the_children_with_its_line(run):
    assert run(None, DAMAGE) == ["clean up", "start", "stop", "kill", DAMAGE.line]


def test_nothing_runs_while_the_disk_is_full(run, capfd):
    events = run(None, FULL, *[FULL] * 29, None, None)
    assert events == ["clean up", "start", "stop", "kill", "clean up", "start", "stop", "kill", "ended"]
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == f"nothing runs: {FULL.line}"
    assert len(lines) == 2
    assert lines[1].endswith("can be written again: everything is started again")


def test_a_full_disk_is_reported_once_a_minute(run, capfd):
    run(FULL, *[FULL] * 59, None)
    assert capfd.readouterr().err.count("nothing runs") == 2


def test_damage_that_a_full_disk_caused_ends_everything(run):
    assert run(FULL, DAMAGE)[-1] == DAMAGE.line
