"""Measured spend of an account, as the forecast takes it. Amounts in US cents, durations in hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

HISTORY_DAYS = 28
HOURS_PER_DAY = 24
# With less of an hour known, its rate would be a guess.
MIN_KNOWN_SHARE = 0.5


@dataclass(frozen=True)
class SpendHistory:
    """Spend before ``as_of``, the time of the newest balance.

    ``hours[k]`` is the spend of the hour that ended ``k`` hours before ``as_of``, net of refunds; None where it is
    unknown. The burn rate is measured where the hours are (``marts.burn_rate`` in the warehouse), and None while it is
    not known yet. The sums cover all hours: deposits, rises of the balance from refunds, and unexplained rises.
    """

    as_of: datetime
    burn_cents_per_hour: float | None
    hours: Sequence[float | None] = ()
    deposit_cents: int = 0
    refunded_cents: int = 0
    unexplained_cents: int = 0

    @property
    def known_hours(self) -> int:
        """Number of hours whose spend is known."""
        return sum(hour is not None for hour in self.hours)


def window_rates(hours: Sequence[float | None], length: int) -> list[float]:
    """Mean spend per hour of every past window of ``length`` hours of which at least half is known."""
    spent = [0.0, *accumulate(hour or 0.0 for hour in hours)]
    counts = [0, *accumulate(hour is not None for hour in hours)]
    windows = (
        (spent[start + length] - spent[start], counts[start + length] - counts[start])
        for start in range(len(hours) - length + 1)
    )
    return [cents / count for cents, count in windows if count and count >= length * MIN_KNOWN_SHARE]


def quantile(values: Sequence[float], share: float) -> float:
    """The empirical quantile: ``share`` of the values lie below it. Raises ``IndexError`` without values."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]
