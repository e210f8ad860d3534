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

    def acquire(self, *, longest_pause: float = math.inf, longest_wait: float = math.inf) -> float:
        """Waits for a place in the budget and returns 0, or the seconds it would take when that is not allowed.

        ``longest_pause`` bounds the rest of a pause in seconds, ``longest_wait`` the whole wait.
        """
        with self._lock:
            now = self._now_ms()
            pause = (self._paused_until_ms - now) / 1000
            if pause > longest_pause:
                return pause
            call = RateItem("call", max(now, self._paused_until_ms))
            self._bucket.leak(call.timestamp)
            while (wait := (call.timestamp - now) / 1000) <= longest_wait:
                if self._bucket.put(call):
                    break
                call.timestamp += cast(int, self._bucket.waiting(call))
            else:
                return wait
        self._wait_until(call.timestamp, now)
        return 0.0

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
