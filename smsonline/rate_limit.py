"""How many calls an account may make, shared by every thread that calls for it.

The vendor documents no limit (vendor-api.md 2.7); the numbers are the ``CallPolicy``'s.
"""

from __future__ import annotations

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


class RateBudget:
    """A rolling budget per second and per minute, plus a pause that holds for all.

    A call that must wait reserves its place first and then sleeps once, outside the lock: waiting threads keep their
    order, and a ``sleep`` that returns at once (in tests) does not turn into a busy loop.
    """

    def __init__(
        self,
        per_second: int,
        per_minute: int,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bucket = InMemoryBucket(_rates(per_second, per_minute))
        self._sleep = sleep
        self._clock = clock
        self._lock = Lock()
        self._paused_until_ms = 0

    @property
    def blocked_seconds(self) -> float:
        """Seconds until a block ends; 0 when there is none."""
        with self._lock:
            return max(0, self._paused_until_ms - self._now_ms()) / 1000

    def acquire(self, max_wait: float = math.inf) -> None:
        """Waits until a request may be sent.

        Raises ``RateLimitWait``, without reserving a slot, when that would take more than ``max_wait`` seconds.
        """
        with self._lock:
            now = self._now_ms()
            slot = RateItem("request", max(now, self._paused_until_ms))
            self._bucket.leak(slot.timestamp)
            while (wait := (slot.timestamp - now) / 1000) <= max_wait:
                if self._bucket.put(slot):
                    break
                slot.timestamp += cast(int, self._bucket.waiting(slot))
            else:
                raise RateLimitWait(wait)
        self._wait_until(slot.timestamp, now)

    def pause(self, seconds: float) -> None:
        """Nobody sends for this long; a longer pause that is already running stays."""
        with self._lock:
            self._paused_until_ms = max(self._paused_until_ms, self._now_ms() + math.ceil(seconds * 1000))

    def _wait_until(self, due_ms: int, now_ms: int) -> None:
        while due_ms > now_ms:
            self._sleep((due_ms - now_ms) / 1000)
            # The pause may have begun, or grown, meanwhile.
            now_ms, due_ms = due_ms, max(due_ms, self._paused_until_ms)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _rates(per_second: int, per_minute: int) -> list[Rate]:
    """Both limits, or the one that binds: the library wants limits that grow and densities that fall."""
    second, minute = Rate(per_second, Duration.SECOND), Rate(per_minute, Duration.MINUTE)
    if per_minute <= per_second:
        return [minute]
    return [second, minute] if per_minute <= 60 * per_second else [second]
