"""What a response says about the time: the vendor's clock against this machine's.

A response's ``Date`` is the vendor's clock; a cache may send it later and says so in ``Age``. The clocks agree where
``Date``, or ``Date`` plus ``Age``, lies between the request and the end of its response.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from assets.errors import ContractViolation

MAX_CLOCK_SKEW = timedelta(minutes=30)
UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


class TimedResponse(Protocol):
    """The times of a response, UTC."""

    @property
    def requested_at(self) -> datetime:
        """When the successful attempt was sent, by this machine's clock."""

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds until it was complete."""

    @property
    def generated_at(self) -> datetime | None:
        """When the vendor generated it, by the vendor's clock (``Date`` less ``Age``)."""

    @property
    def cache_age_seconds(self) -> int:
        """Seconds that it spent in caches (``Age``)."""


class ClockSkewed(ContractViolation):
    """This machine's clock and the vendor's differ too much to stamp the response."""


def clock_skew(response: TimedResponse) -> timedelta | None:
    """How far this machine's clock is ahead of the vendor's, negative when behind; ``None`` without a ``Date``."""
    if response.generated_at is None:
        return None
    # Differences: a sum may lead beyond the year 9999.
    age, elapsed = timedelta(seconds=response.cache_age_seconds), timedelta(milliseconds=response.elapsed_ms)
    before = response.requested_at - response.generated_at
    skews = (before - age, before - 2 * age)
    return min((skew if skew > timedelta() else min(skew + elapsed, timedelta()) for skew in skews), key=abs)


def check_clock(dataset: str, response: TimedResponse, records: int, max_skew: timedelta) -> None:
    """Raises ``ClockSkewed`` for a response of ``records`` records when the clocks differ by more than ``max_skew``."""
    skew = clock_skew(response)
    if skew is None or abs(skew) <= max_skew:
        return
    side = "ahead of" if skew > timedelta() else "behind"
    raise ClockSkewed(
        f"{dataset}: this machine's clock is {describe_span(abs(skew))} {side} the vendor's, so nothing was loaded; "
        "set it right, or raise SMSONLINE_MAX_CLOCK_SKEW_MINUTES if the vendor's is wrong",
        fetched=records,
    )


def is_clock_confirmed(responses: Sequence[TimedResponse], max_skew: timedelta) -> bool:
    """Whether the vendor's clock agrees with this machine's in any of ``responses``."""
    skews = [clock_skew(response) for response in responses]
    return any(skew is not None and abs(skew) <= max_skew for skew in skews)


def describe_span(span: timedelta) -> str:
    """A span in its largest unit, such as ``400 days``."""
    for unit, name in UNITS:
        if span >= unit:
            count = round(span / unit)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{span.seconds} seconds"
