"""Rate limiter of one account, shared by all threads that call the vendor for it.

The vendor documents no limit (vendor-api.md 2.7); the rates come from ``ClientConfig``.
"""

import math
import time
from collections.abc import Callable
from threading import Lock
from typing import cast

from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem


class RateLimitWait(Exception):
    """The next free slot is further away than the caller waits; ``seconds`` is the wait it would take."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class RateLimiter:
    """Rolling limits per second and per minute, plus a block of all requests after a ``Retry-After``.

    A request reserves its slot first and sleeps once, outside the lock: waiting threads keep their order, and a no-op
    ``sleep`` in tests cannot spin.
    """

    def __init__(
        self,
        per_second: int,
        per_minute: int,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        second, minute = Rate(per_second, Duration.SECOND), Rate(per_minute, Duration.MINUTE)
        # The library accepts only rates whose density falls as the interval grows: otherwise the stricter one counts.
        stricter = minute if per_minute <= per_second else second
        self._bucket = InMemoryBucket([second, minute] if per_second < per_minute <= 60 * per_second else [stricter])
        self._sleep = sleep
        self._clock = clock
        self._lock = Lock()
        self._blocked_until_ms = 0

    @property
    def blocked_seconds(self) -> float:
        """Seconds until the current block ends; 0 without one."""
        with self._lock:
            return max(0, self._blocked_until_ms - self._now_ms()) / 1000

    def block_for(self, seconds: float) -> None:
        """Blocks all requests for this long; a longer block that is already active stays."""
        with self._lock:
            self._blocked_until_ms = max(self._blocked_until_ms, self._now_ms() + math.ceil(seconds * 1000))

    def acquire(self, max_wait: float = math.inf) -> None:
        """Waits until a request may be sent.

        Raises ``RateLimitWait``, without reserving a slot, when that would take more than ``max_wait`` seconds.
        """
        with self._lock:
            now = self._now_ms()
            slot = RateItem("request", max(now, self._blocked_until_ms))
            self._bucket.leak(slot.timestamp)
            while (wait := (slot.timestamp - now) / 1000) <= max_wait:
                if self._bucket.put(slot):
                    break
                slot.timestamp += cast(int, self._bucket.waiting(slot))
            else:
                raise RateLimitWait(wait)
        due = slot.timestamp
        while due > now:
            self._sleep((due - now) / 1000)
            # A block may have begun, or grown, during the sleep.
            now, due = due, max(due, self._blocked_until_ms)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
