"""The sandbox's clock: real UTC time, or a caller's clock, that can be moved forward."""

from collections.abc import Callable
from datetime import UTC, datetime

TEN_YEARS = 10 * 366 * 86_400


class SimulatedClock:
    """Whole seconds since 1970 in UTC. ``advance`` adds to an offset and never turns back."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or (lambda: datetime.now(UTC))
        self._offset = 0.0

    def instant(self) -> int:
        """The current simulated time in Unix seconds. Whole seconds keep sums of durations exact."""
        return int(self._now().timestamp() + self._offset)

    def advance(self, seconds: float) -> None:
        """Moves the clock forward. Raises ``ValueError`` for a negative number and for more than ten years."""
        if not 0 <= seconds <= TEN_YEARS:
            raise ValueError("the sandbox's clock only goes forward, and by ten years at most")
        self._offset += seconds


def vendor_timestamp(instant: int) -> str:
    """A time in the vendor's format: ``YYYY-MM-DD HH:MM:SS`` in UTC, without an offset."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(instant: int) -> str:
    """A time as ISO 8601 with its offset, for the control routes."""
    return datetime.fromtimestamp(instant, UTC).isoformat()
