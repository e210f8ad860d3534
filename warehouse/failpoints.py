"""Failpoints: named points at which a test can kill the process."""

import os
import signal

VARIABLE = "SMSONLINE_CRASH_AT"
POINTS = (
    "after fetching",
    "while landing",
    "after landing",
    "while loading",
    "before committing a load",
    "after committing a load",
    "before publishing",
    "while publishing",
    "after publishing",
)


def failpoint(point: str) -> None:
    """Kills the process (SIGKILL) when the environment names this point; does nothing otherwise."""
    if os.environ.get(VARIABLE) == point:
        os.kill(os.getpid(), signal.SIGKILL)
