"""Who uses a Dagster home: one ``make up`` at a time, and never while a run of another process may be going on.

Two lock files, whose locks the system drops when their process ends, however it ends:

* ``up.lock`` is held by ``make up`` and contains its process id.
* ``processes.lock`` is shared by every process that uses the home. Whoever gets it for itself knows that no
  run is alive.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

UP, PROCESSES = "up.lock", "processes.lock"
INTERVAL_SECONDS = 0.1

_shared: list[IO[bytes]] = []


class HomeInUse(Exception):
    """Another process uses the Dagster home; ``str()`` is one line with the next step."""


def mark_home_in_use() -> None:
    """Shares ``$DAGSTER_HOME`` until this process ends. Does nothing without a home, or where it cannot be written."""
    home = os.environ.get("DAGSTER_HOME", "")
    if _shared or not home or not Path(home).is_dir():
        return
    with suppress(OSError):
        file = Path(home, PROCESSES).open("ab")  # noqa: SIM115 - the lock lasts as long as the file is open
        fcntl.flock(file, fcntl.LOCK_SH)
        _shared.append(file)


class HomeLock:
    """The right to be the only ``make up`` on ``home``. Raises ``HomeInUse``, or ``OSError`` for an unusable folder."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file = (home / UP).open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().decode(errors="replace").strip()
            self._file.close()
            raise HomeInUse(
                f"make up runs already on {home} (PID {holder}): end it first, or set DAGSTER_HOME to another folder"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()).encode())
        self._file.flush()

    def wait_for_processes(self, seconds: float) -> None:
        """Returns when no process uses the home any more. Raises ``HomeInUse`` after so many seconds."""
        deadline = time.monotonic() + seconds
        with (self._home / PROCESSES).open("ab") as file:
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                if time.monotonic() > deadline:
                    raise HomeInUse(
                        f"another process of Dagster (such as dg dev, or a run) uses {self._home}: "
                        "end it first, or set DAGSTER_HOME to another folder"
                    )
                time.sleep(INTERVAL_SECONDS)

    def close(self) -> None:
        """Lets another ``make up`` start on the home."""
        self._file.close()
