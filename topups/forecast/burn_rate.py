"""Whether an account spends faster than usual: its burn rate of the last hours beside that of comparable past hours."""

from collections.abc import Sequence

from topups.forecast.inputs import HOURS_PER_DAY, quantile, window_rates

# One order must not look like a leak: the present rate is the mean of three hours.
RECENT_HOURS = 3
# Past windows needed for a comparison: at this time of day, else at any time.
MIN_WINDOWS_SAME_TIME = 7
MIN_WINDOWS_ANY_TIME = 24
PEAK_SHARE = 0.9


def recent_burn(hours: Sequence[float | None]) -> float | None:
    """US cents per hour of the last ``RECENT_HOURS`` hours; None unless most of them are known."""
    rates = window_rates(hours[:RECENT_HOURS], RECENT_HOURS)
    return rates[0] if rates else None


def typical_peak_burn(hours: Sequence[float | None]) -> float | None:
    """US cents per hour that nine of ten past windows of ``RECENT_HOURS`` stay below; None with too few windows.

    Compares with the same time of earlier days, or with all past windows where there are few such days. A median would
    not do: an account that buys in bursts has a median near zero, and every burst would look like a leak.
    """
    starts = range(HOURS_PER_DAY, len(hours) - RECENT_HOURS + 1, HOURS_PER_DAY)
    rates = [rate for start in starts for rate in window_rates(hours[start : start + RECENT_HOURS], RECENT_HOURS)]
    needed = MIN_WINDOWS_SAME_TIME
    if len(rates) < needed:
        rates, needed = window_rates(hours[RECENT_HOURS:], RECENT_HOURS), MIN_WINDOWS_ANY_TIME
    return quantile(rates, PEAK_SHARE) if len(rates) >= needed else None
