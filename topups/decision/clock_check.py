"""Whether this machine's clock can be trusted in a run, and the time that counts while it cannot.

A second clock tells: the vendor's ``Date``, or without one what the ledger recorded and the vendor's rows. While they
disagree nothing changes by time alone and nothing is requested.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from topups.gateway import Balance, PaymentList
from topups.ledger.future_instants import RecordedInstants
from topups.policy import DAY, HOUR, Policy

# Without a ``Date``: so much time between two runs has to be confirmed by a row of that time.
JUMP = 7 * DAY
# Runs are minutes apart: what lies further ahead than this was recorded by a clock that was ahead.
GAP = HOUR


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still."""

    at: datetime

    def now(self) -> datetime:
        """Always the same time."""
        return self.at


@dataclass(frozen=True)
class ClockCheck:
    """``problem`` is empty for a clock that is trusted; otherwise ``now`` is the time that counts meanwhile."""

    problem: str = ""
    now: datetime | None = None


def vendor_skew(read: Balance | PaymentList | None) -> timedelta | None:
    """How far the vendor's clock is ahead of this machine's; None without its ``Date``."""
    return read.vendor_at - read.at if read and read.vendor_at else None


def recorded_at(read: Balance | PaymentList, policy: Policy) -> datetime:
    """When a read took place; while the two clocks disagree the earlier one, so that the ledger gets no future."""
    skew = vendor_skew(read) or timedelta()
    return read.vendor_at if read.vendor_at and skew < -policy.clock_skew else read.at


def check_clock(
    now: datetime,
    recorded: RecordedInstants,
    balance: Balance | None,
    listing: PaymentList | None,
    policy: Policy,
) -> ClockCheck:
    """Compares ``now`` with the vendor's clock, or with what was ``recorded`` before this run and the vendor's rows."""
    skews = [skew for skew in (vendor_skew(balance), vendor_skew(listing)) if skew is not None]
    if skews:
        worst = max(skews, key=abs)
        if abs(worst) <= policy.clock_skew:
            return ClockCheck()
        direction = "ahead of" if worst < timedelta() else "behind"
        problem = f"this machine's clock is {_span(worst)} {direction} the vendor's"
        return ClockCheck(problem, now + worst if worst < timedelta() else now)
    created = [row.created_at for row in listing.rows if row.created_at] if listing else []
    if max(created, default=now) > now + JUMP:
        return ClockCheck("a payment of the vendor is younger than this machine's time", now)
    if recorded.after:
        return _check_recorded_future(now, recorded)
    if recorded.before and now - recorded.before > JUMP and not any(now - at <= JUMP for at in created):
        passed = _span(now - recorded.before)
        return ClockCheck(f"the clock moved by {passed} since the last run; the next run confirms it", recorded.before)
    return ClockCheck()


def _check_recorded_future(now: datetime, recorded: RecordedInstants) -> ClockCheck:
    """What lies far ahead of a history that goes on was recorded by a clock that was ahead; else ours is behind."""
    assert recorded.after
    distance = recorded.after - now
    if recorded.before and distance > GAP and now - recorded.before < distance:
        return ClockCheck()
    text = f"the ledger was written at {recorded.after:%Y-%m-%d %H:%M} UTC, which lies ahead"
    return ClockCheck(f"{text}; if this machine's clock is right: smsonline topup resume", now)


def _span(span: timedelta) -> str:
    return str(timedelta(seconds=round(abs(span).total_seconds())))


def with_time_of(listing: PaymentList | None, check: ClockCheck) -> PaymentList | None:
    """The list as of the time that counts, where this machine's does not."""
    if listing is None or check.now is None:
        return listing
    return replace(listing, at=min(listing.at, check.now), received_at=None)
