"""The state of the simulated vendor: its market, one customer account, and the clock that moves both."""

from collections.abc import Callable
from datetime import UTC, datetime

from smsonline.sandbox.simulation.account import SimulatedAccount
from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.reference_data import Scale
from smsonline.sandbox.simulation.seeded_random import Ints

TEN_YEARS = 10 * 366 * 86_400


class SimulatedClock:
    """Real UTC time, or a caller's clock, that can be moved forward but not back."""

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


class SandboxState:
    """All data behind the sandbox's responses; determined by the seed, the opening day, the time and the calls.

    ``encoded_statistics`` is the tick and the body of the last statistics: encoding them takes long.
    """

    def __init__(self, seed: int, scale: Scale, user_id: str, now: Callable[[], datetime] | None) -> None:
        self.seed = seed
        self.user_id = user_id
        self.clock = SimulatedClock(now)
        self.market = Market(seed, scale)
        self.account = SimulatedAccount(seed, self.market, self.clock.instant())
        self.encoded_statistics: tuple[int, bytes] | None = None

    def process_due_events(self) -> int:
        """Runs every event that is due and returns the current time in Unix seconds."""
        now = self.clock.instant()
        self.account.process_due_events(now)
        return now

    def available_stock(self, offers: Ints, now: int) -> list[int]:
        """Numbers left per offer: the market's stock without the active numbers that API calls bought."""
        reserved = self.account.reserved_stock(now)
        stock = self.market.stock(offers, now // TICK_SECONDS).tolist()
        return [max(0, count - reserved[offer]) for offer, count in zip(offers.tolist(), stock, strict=True)]


def vendor_timestamp(instant: int) -> str:
    """A time in the vendor's format: ``YYYY-MM-DD HH:MM:SS`` in UTC, without an offset."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(instant: int) -> str:
    """A time as ISO 8601 with its offset, for the control routes."""
    return datetime.fromtimestamp(instant, UTC).isoformat()
