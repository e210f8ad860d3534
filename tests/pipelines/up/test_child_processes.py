"""Children of ``make up`` that end: started again, given up, and ended together."""

import signal
import subprocess
from types import SimpleNamespace

import pytest

from pipelines.up import child_processes
from pipelines.up.child_processes import MAX_RESTARTS, RESTART_WINDOW_SECONDS, ChildFailed, ChildProcess, stop


class Clock(SimpleNamespace):
    """A clock that only sleeping and the test move."""

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock(seconds=0.0)
    monkeypatch.setattr(child_processes, "time", clock)
    return clock


class Scripted(ChildProcess):
    """A child whose process is a shell command; ``events`` notes what happens to it."""

    def __init__(self, command: str, name: str = "daemon", events: list[str] | None = None) -> None:
        self.command, self.events = command, [] if events is None else events
        super().__init__(name, "unused", [], before_restart=lambda: self.events.append(f"clean up for {name}"))

    def launch(self, _output) -> None:
        self.events.append(f"launch {self.name}")
        self.process = subprocess.Popen(["/bin/sh", "-c", self.command], process_group=0)
        if "sleep" not in self.command:
            self.process.wait()

    def interrupt(self) -> None:
        self.events.append(f"interrupt {self.name}")
        super().interrupt()


def restart(child: ChildProcess, clock: Clock) -> float:
    """Looks at the child until it was started again; returns after how many seconds."""
    began, before = clock.seconds, len(child.events)
    while len(child.events) == before:
        child.restart_if_ended(None)
        clock.sleep(0.5)
    return clock.seconds - began - 0.5


def test_a_child_that_ended_is_cleaned_up_for_and_started_again(clock, capfd):
    child = Scripted("exit 3")
    child.launch(None)
    child.restart_if_ended(None)
    assert child.events == ["launch daemon", "clean up for daemon", "launch daemon"]
    assert capfd.readouterr().err == "the daemon ended (exit code 3); it is started again\n"


def test_a_signal_is_named(clock, capfd):
    child = Scripted("kill -9 $$")
    child.launch(None)
    child.restart_if_ended(None)
    assert "(killed by signal 9, SIGKILL)" in capfd.readouterr().err


def test_a_running_child_is_left_alone(clock):
    child = Scripted("sleep 60")
    child.launch(None)
    child.restart_if_ended(None)
    assert child.events == ["launch daemon"]
    child.kill()
    assert not child.is_running


def test_the_pauses_grow_and_the_last_end_is_an_error(clock):
    child = Scripted("exit 3")
    child.launch(None)
    assert [restart(child, clock) for _ in range(MAX_RESTARTS)] == [0, 1, 3, 7, 15]
    with pytest.raises(ChildFailed, match=r"^the daemon ended 6 times in five minutes: exit code 3$"):
        restart(child, clock)


def test_a_child_that_seldom_ends_is_always_started_again(clock):
    child = Scripted("exit 3")
    child.launch(None)
    for _ in range(3 * MAX_RESTARTS):
        restart(child, clock)
        clock.sleep(RESTART_WINDOW_SECONDS / MAX_RESTARTS + 20)


def test_a_child_that_ends_before_it_is_ready_is_an_error(clock):
    child = Scripted("exit 3")
    child.is_ready = lambda: False
    with pytest.raises(ChildFailed, match=r"^the daemon did not come up: exit code 3$"):
        child.start(None)


def test_a_child_that_is_never_ready_is_an_error(clock):
    child = Scripted("sleep 60")
    child.is_ready = lambda: False
    with pytest.raises(ChildFailed, match=r"^the daemon did not come up: nothing after 120 s$"):
        child.start(None)
    child.kill()


def test_children_end_in_reverse_order_and_by_force_if_need_be(clock):
    events: list[str] = []
    children = [Scripted("trap '' INT; sleep 60; sleep 60", name, events) for name in ("first", "second")]
    for child in children:
        child.launch(None)
    stop([*children, Scripted("exit 0", "never started", events)])
    assert events[2:] == ["interrupt never started", "interrupt second", "interrupt first"]
    assert {child.process.returncode for child in children} <= {-signal.SIGKILL, -signal.SIGINT}
