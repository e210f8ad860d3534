"""The long-running processes of ``make up``: started in order, started again when they end, and ended together."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pipelines.cli.console import print_stderr
from pipelines.up.output import Output

POLL_SECONDS = 0.1
READY_SECONDS = 120
MAX_RESTARTS = 5
RESTART_WINDOW_SECONDS = 300
MAX_PAUSE_SECONDS = 15.0


class ChildFailed(Exception):
    """A process ends again and again, or does not come up; ``str()`` is one line."""


@dataclass
class ChildProcess:
    """One process: a module with its arguments, a test of readiness, and what to do before it is started again."""

    name: str
    module: str
    arguments: Sequence[str]
    is_ready: Callable[[], bool] = lambda: True
    before_restart: Callable[[], None] = lambda: None
    stop_seconds: float = 2.0
    process: "subprocess.Popen[str] | None" = None
    _reader: threading.Thread | None = None
    _last_line: str = ""
    _restarts: deque[float] = field(default_factory=deque)
    _start_at: float = 0.0

    def start(self, output: Output) -> None:
        """Starts the process and waits until it is ready. Raises ``ChildFailed`` when it ends or takes too long."""
        self.launch(output)
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if not self.is_running or time.monotonic() > deadline:
                raise ChildFailed(f"the {self.name} did not come up: {self._reason()}")
            time.sleep(POLL_SECONDS)

    def launch(self, output: Output) -> None:
        """Starts the process in a group of its own, so that Ctrl-C reaches it from here only."""
        command = [sys.executable, "-W", "ignore", "-m", "pipelines.up.child", str(os.getpid()), self.module]
        process = subprocess.Popen(  # noqa: S603
            [*command, *self.arguments],
            process_group=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

        def read() -> None:
            if process.stdout:
                with process.stdout as lines:
                    self._last_line = output.read(lines)

        self.process, self._last_line = process, ""
        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def restart_if_ended(self, output: Output) -> None:
        """Says that the process ended and starts it again. Raises ``ChildFailed`` when that happens too often."""
        now = time.monotonic()
        if self.is_running or now < self._start_at:
            return
        if self.process:
            self.kill()  # what it started
            self._restarts.append(now)
            while now - self._restarts[0] > RESTART_WINDOW_SECONDS:
                self._restarts.popleft()
            reason = self._reason()
            self.process = None
            if len(self._restarts) > MAX_RESTARTS:
                raise ChildFailed(f"the {self.name} ended {len(self._restarts)} times in five minutes: {reason}")
            print_stderr(f"the {self.name} ended ({reason}); it is started again")
            self._start_at = now + min(2.0 ** (len(self._restarts) - 1) - 1, MAX_PAUSE_SECONDS)
        if now >= self._start_at:
            self.before_restart()
            self.launch(output)

    def interrupt(self) -> None:
        """Asks the process to end."""
        if self.process and self.is_running:
            self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Kills the process and everything that it started, and waits for it."""
        if self.process:
            with suppress(ProcessLookupError, PermissionError):  # macOS: a group of zombies may not be signalled
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _reason(self) -> str:
        if self._reader:
            self._reader.join(1)
        code = self.process.poll() if self.process else None
        if code is None:
            return f"nothing after {READY_SECONDS} s"
        if code < 0:
            return f"killed by signal {-code}, {signal.Signals(-code).name}"
        return f"exit code {code}{': ' if self._last_line else ''}{self._last_line}"


def stop(children: Sequence[ChildProcess]) -> None:
    """Ends the children, the last one first, each within its ``stop_seconds``, and all that they started."""
    for child in reversed(children):
        child.interrupt()
        deadline = time.monotonic() + child.stop_seconds
        while child.is_running and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        child.kill()
