"""The times of stored responses, put right where they contradict each other.

A replay loads responses in the order in which they were logged. If this machine's clock was wrong for a while, their
times disagree with that order, or lie in the future; then the vendor's clock decides, which is stored with each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from assets.response_clock import clock_skew
from warehouse.loading.replay_target import LoggedResponse

# Two syncs at once log their loads in any order; the difference of the two clocks stays the same within this.
TOLERANCE = timedelta(seconds=60)


def correct_times(responses: Sequence[LoggedResponse], now: datetime) -> list[LoggedResponse]:
    """``responses``, in the order in which they were logged, with the time at which each was requested.

    Nothing changes without a contradiction. Otherwise each response whose clock differed from the vendor's more than
    the best one did is moved by the difference; one later than ``now``, with no time of the vendor's, is moved to the
    first that was logged after it.
    """
    if not _contradict(responses, now):
        return list(responses)
    skews = [clock_skew(response) for response in responses]
    # The vendor's clock may itself differ: the smallest difference counts as none.
    usual = min((skew for skew in skews if skew is not None), key=abs, default=timedelta())
    moved = [
        _move(response, skew - usual if skew is not None else timedelta())
        for response, skew in zip(responses, skews, strict=True)
    ]
    return list(reversed([*_before_later_ones(reversed(moved), now)]))


def _contradict(responses: Sequence[LoggedResponse], now: datetime) -> bool:
    """Whether a response is later than ``now``, or earlier than one logged before it by another clock."""
    latest: LoggedResponse | None = None
    for response in responses:
        if response.requested_at > now:
            return True
        if latest and response.requested_at < latest.requested_at:
            skew, latest_skew = clock_skew(response), clock_skew(latest)
            if skew is not None and latest_skew is not None and abs(skew - latest_skew) > TOLERANCE:
                return True
        else:
            latest = response
    return False


def _move(response: LoggedResponse, off: timedelta) -> LoggedResponse:
    return replace(response, requested_at=response.requested_at - off) if abs(off) > TOLERANCE else response


def _before_later_ones(newest_first: Iterable[LoggedResponse], now: datetime) -> Iterable[LoggedResponse]:
    earliest: datetime | None = None
    for response in newest_first:
        if response.requested_at <= now:
            earliest = min(response.requested_at, earliest or now)
        is_unknown = response.requested_at > now and response.server_date is None
        yield replace(response, requested_at=earliest) if is_unknown and earliest else response
