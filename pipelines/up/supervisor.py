"""Keeps the children of ``make up`` running on a healthy Dagster home."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from pipelines.cli.console import print_stderr
from pipelines.up.child_processes import ChildProcess, stop
from pipelines.up.home_health import HomeProblem, find_problem
from pipelines.up.output import Output

LOOK_SECONDS = 0.2
HEALTH_SECONDS = 2.0
REPORT_SECONDS = 60.0
LOG_NAME = "up.log"


class DamagedHome(Exception):
    """The Dagster home is damaged; ``str()`` is one line with the way out."""


class Supervisor:
    """Starts the children in order, restarts what ends, and ends all when the home cannot be written.

    ``before_start`` cleans up what earlier processes left, whenever all children are started.
    """

    def __init__(self, home: Path, children: Sequence[ChildProcess], before_start: Callable[[], None]) -> None:
        self._home, self._children, self._before_start = home, children, before_start
        self._output = Output(home / LOG_NAME, self._is_unwell)

    def run(self) -> NoReturn:
        """Runs until an exception: ``KeyboardInterrupt``, ``ChildFailed`` or ``DamagedHome``. Leaves nothing."""
        try:
            while True:
                self._start()
                self._wait_for_room(self._watch())
        finally:
            try:
                stop(self._children)
            except KeyboardInterrupt:
                for child in self._children:
                    child.kill()

    def _start(self) -> None:
        self._before_start()
        for child in self._children:
            child.start(self._output)

    def _watch(self) -> HomeProblem:
        """Restarts children until the home has a problem that passes. Raises ``DamagedHome`` for another."""
        look_at = time.monotonic()
        while True:
            for child in self._children:
                child.restart_if_ended(self._output)
            if time.monotonic() >= look_at:
                if problem := find_problem(self._home):
                    if problem.is_damage:
                        raise DamagedHome(problem.line)
                    return problem
                look_at = time.monotonic() + HEALTH_SECONDS
            time.sleep(LOOK_SECONDS)

    def _wait_for_room(self, problem: HomeProblem | None) -> None:
        """Ends the children, which can record nothing, and reports once a minute until the home can be written."""
        stop(self._children)
        report_at = time.monotonic()
        while problem:
            if problem.is_damage:
                raise DamagedHome(problem.line)
            if time.monotonic() >= report_at:
                print_stderr(f"nothing runs: {problem.line}")
                report_at = time.monotonic() + REPORT_SECONDS
            time.sleep(HEALTH_SECONDS)
            problem = find_problem(self._home)
        print_stderr(f"{self._home} can be written again: everything is started again")

    def _is_unwell(self) -> bool:
        """Asked before a warning is shown: the problem behind it has a line of its own."""
        return find_problem(self._home) is not None
