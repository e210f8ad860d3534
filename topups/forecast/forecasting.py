"""When the balance runs out, at which balance a payment has to be asked for, and whether spending is unusual. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from topups.decision.snapshot import BurnForecast
from topups.forecast.burn import Spending
from topups.forecast.lead_time import LeadTime
from topups.forecast.paths import futures

# With fewer known hours there is no forecast.
LEAST_HOURS = 6
# One order must not look like a leak: the present burn is that of the last three hours.
RECENT_HOURS = 3
# So many past spans of that length at this time of day are compared with; else so many at any time; else nothing is.
SPANS_OF_THIS_TIME = 7
SPANS_OF_ANY_TIME = 24
# What is spent while the next pass is awaited and a person reads the notice.
SAFETY_HOURS = 1.0
HOURS_A_MONTH = 730


@dataclass(frozen=True)
class Forecast:
    """What the past says about the future of one account. Amounts in US cents.

    ``recent`` is the burn per hour of the last three hours, ``usual`` what it reaches on one past day of ten at this
    time (None: too little is known to call anything unusual), ``mean`` that of all known hours. The balance lasts for
    ``hours_p50`` in half of the futures, for ``hours_p10`` in nine of ten; None when it lasts for ever. What is spent
    until a payment asked for now arrives is below ``reorder_cents`` in nine of ten futures.
    """

    mean: float
    recent: float
    usual: float | None
    hours_p50: float | None
    hours_p10: float | None
    reorder_cents: int
    known_hours: int
    lead: LeadTime
    spending: Spending

    @property
    def burn(self) -> BurnForecast:
        """The part that decisions and notices look at."""
        return BurnForecast(self.recent, self.usual, self.reorder_cents, self.hours_p50, self.hours_p10)

    @property
    def a_month(self) -> float:
        """US cents a month at the mean burn."""
        return self.mean * HOURS_A_MONTH

    def as_json(self) -> dict[str, Any]:
        """Plain values: cents, hours."""
        return {
            "burn_cents_per_hour": round(self.mean, 2),
            "recent_cents_per_hour": round(self.recent, 2),
            "usual_cents_per_hour": None if self.usual is None else round(self.usual, 2),
            "hours_to_empty": _rounded(self.hours_p50),
            "hours_to_empty_p10": _rounded(self.hours_p10),
            "reorder_cents": self.reorder_cents,
            "lead_hours_median": _rounded(self.lead.median.total_seconds() / 3600),
            "lead_hours_p90": _rounded(self.lead.p90.total_seconds() / 3600),
            "lead_payments": self.lead.payments,
            "known_hours": self.known_hours,
            "topped_up_cents": self.spending.topped_up_cents,
            "refunded_cents": self.spending.refunded_cents,
            "unexplained_cents": self.spending.unexplained_cents,
        }


def forecast(spending: Spending, balance_cents: int, lead: LeadTime, name: str) -> Forecast | None:
    """The forecast for the account ``name``; None when too few hours are known.

    Times to empty are quantiles over many futures, not a division: how long money lasts is skewed, and a pass that asks
    in the evening should know of the night. They never fall when the balance rises.
    """
    if len(spending.known) < LEAST_HOURS:
        return None
    span = lead.p90.total_seconds() / 3600 + SAFETY_HOURS
    possible = futures(spending.hours, name)
    empty = sorted(future.hours_to(balance_cents) for future in possible)
    demand = sorted(future.spent_in(span) for future in possible)
    recent = _mean(spending.hours[:RECENT_HOURS])
    return Forecast(
        mean=spending.mean,
        recent=spending.mean if recent is None else recent,
        usual=None if recent is None else usual(spending.hours),
        hours_p50=_finite(_quantile(empty, 0.5)),
        hours_p10=_finite(_quantile(empty, 0.1)),
        reorder_cents=math.ceil(_quantile(demand, 0.9)),
        known_hours=len(spending.known),
        lead=lead,
        spending=spending,
    )


def usual(hours: Sequence[float | None]) -> float | None:
    """What spans like the last one burn per hour on a busy day: nine of ten past ones burned less.

    Not their median: an account that buys in bursts has a median near zero, and every burst would look like a leak.
    """
    spans, least = _spans(hours, range(24, len(hours), 24)), SPANS_OF_THIS_TIME
    if len(spans) < least:
        spans, least = _spans(hours, range(RECENT_HOURS, len(hours))), SPANS_OF_ANY_TIME
    return _quantile(sorted(spans), 0.9) if len(spans) >= least else None


def _spans(hours: Sequence[float | None], starts: range) -> list[float]:
    means = (_mean(hours[start : start + RECENT_HOURS]) for start in starts)
    return [mean for mean in means if mean is not None]


def _mean(hours: Sequence[float | None]) -> float | None:
    """The mean of the known ones, None unless most are known."""
    known = [hour for hour in hours if hour is not None]
    return fmean(known) if len(known) * 2 > RECENT_HOURS else None


def _quantile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def _finite(hours: float) -> float | None:
    return None if math.isinf(hours) else hours


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
