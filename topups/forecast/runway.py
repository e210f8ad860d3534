"""Runway and re-order point of an account: how long its balance lasts, and at which balance to ask for a payment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from topups.decision.snapshot import BurnForecast
from topups.forecast.burn_rate import recent_burn, typical_peak_burn
from topups.forecast.inputs import HOURS_PER_DAY, SpendHistory, quantile, window_rates
from topups.forecast.lead_time import LeadTime

# Quantiles of fewer known hours say nothing.
MIN_KNOWN_HOURS = 6
HIGH_SHARE = 0.9
# Spend until the next run and until somebody reads the notice.
SAFETY_HOURS = 1.0
# The busy day of a short history is exceeded more often: after one known day the margin is half of it, and it shrinks
# with the root of the days. Measured in tests/topups/test_forecast_accuracy.py.
SHORT_HISTORY_MARGIN = 0.5
# An older balance says nothing about a leak that goes on now.
MAX_RECENT_AGE = timedelta(hours=1)
HOURS_PER_MONTH = 730


@dataclass(frozen=True)
class Forecast:
    """Forecast of one account. Amounts in US cents, rates per hour, durations in hours.

    ``hours_to_empty`` is the balance over the burn rate, ``hours_to_empty_p10`` over that of a busy day; None where
    nothing is spent. ``reorder_cents`` covers the spend of the lead time in nine of ten past windows of that length.
    ``recent`` and ``typical_peak`` are for the detection of unusual spend. Elsewhere None means not known yet.
    """

    burn_cents_per_hour: float
    hours_to_empty: float | None
    hours_to_empty_p10: float | None
    reorder_cents: int | None
    recent: float | None
    typical_peak: float | None
    lead: LeadTime
    spend: SpendHistory

    @property
    def burn(self) -> BurnForecast:
        """The figures that decisions and notices use."""
        recent = self.burn_cents_per_hour if self.recent is None else self.recent
        return BurnForecast(
            recent, self.typical_peak, self.reorder_cents or 0, self.hours_to_empty, self.hours_to_empty_p10
        )

    @property
    def monthly_cents(self) -> float:
        """Spend of a month at the burn rate."""
        return self.burn_cents_per_hour * HOURS_PER_MONTH

    def as_json(self) -> dict[str, Any]:
        """Plain values: cents, hours."""
        return {
            "burn_cents_per_hour": _rounded(self.burn_cents_per_hour, 2),
            "recent_cents_per_hour": _rounded(self.burn.cents_per_hour, 2),
            "usual_cents_per_hour": _rounded(self.typical_peak, 2),
            "hours_to_empty": _rounded(self.hours_to_empty, 1),
            "hours_to_empty_p10": _rounded(self.hours_to_empty_p10, 1),
            "reorder_cents": self.reorder_cents,
            "lead_hours_median": _rounded(self.lead.median / timedelta(hours=1), 1),
            "lead_hours_p90": _rounded(self.lead.p90 / timedelta(hours=1), 1),
            "lead_payments": self.lead.payments,
            "known_hours": self.spend.known_hours,
            "topped_up_cents": self.spend.deposit_cents,
            "refunded_cents": self.spend.refunded_cents,
            "unexplained_cents": self.spend.unexplained_cents,
        }


def forecast_runway(spend: SpendHistory, balance_cents: int, lead: LeadTime, at: datetime) -> Forecast | None:
    """The forecast as of ``at`` for a balance; None while the burn rate is not known yet.

    The times to empty never fall when the balance rises; the re-order point does not depend on the balance.
    """
    burn, left = spend.burn_cents_per_hour, max(0, balance_cents)
    if burn is None:
        return None
    enough, fresh = spend.known_hours >= MIN_KNOWN_HOURS, at - spend.as_of <= MAX_RECENT_AGE
    lead_hours = math.ceil(lead.p90 / timedelta(hours=1) + SAFETY_HOURS)
    demand = _high_spend(spend.hours, lead_hours) if enough else None
    recent = recent_burn(spend.hours) if fresh else None
    return Forecast(
        burn_cents_per_hour=burn,
        hours_to_empty=left / burn if burn else None,
        hours_to_empty_p10=_hours_on_busy_days(spend, left, burn) if enough else None,
        reorder_cents=None if demand is None else math.ceil(max(0.0, demand)),
        recent=recent,
        typical_peak=None if recent is None else typical_peak_burn(spend.hours),
        lead=lead,
        spend=spend,
    )


def _hours_on_busy_days(spend: SpendHistory, left: int, burn: float) -> float | None:
    busy_day = _high_spend(spend.hours, HOURS_PER_DAY)
    if busy_day is None:
        return None
    margin = 1 + SHORT_HISTORY_MARGIN / math.sqrt(spend.known_hours / HOURS_PER_DAY)
    rate = max(burn, busy_day / HOURS_PER_DAY * margin)
    return left / rate if rate > 0 else None


def _high_spend(hours: Sequence[float | None], length: int) -> float | None:
    """Spend that nine of ten past windows of ``length`` hours stay below; None where no window is known well enough.

    A history shorter than two windows is cut into windows of half its length, and their spend scaled up.
    """
    rates = window_rates(hours, min(length, max(1, len(hours) // 2)))
    return quantile(rates, HIGH_SHARE) * length if rates else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
