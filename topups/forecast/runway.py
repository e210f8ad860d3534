"""Runway and re-order point of an account: how long its balance lasts, and at which balance to ask for a payment."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from topups.decision.snapshot import BurnForecast
from topups.payment_states import State
from topups.policy import DAY, Policy

if TYPE_CHECKING:
    from topups.ledger.models import Payment


NOT_KNOWN_YET = "not known yet"
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


# Fewer say nothing about the slow ones.
MIN_PAYMENTS = 5
MAX_PAYMENT_AGE = 180 * DAY


@dataclass(frozen=True)
class LeadTime:
    """Half of the payments arrived within ``median``, nine of ten within ``p90``.

    ``payments`` is the number measured; 0 when the times are assumed from the policy.
    """

    median: timedelta
    p90: timedelta
    payments: int = 0


def lead_time(payments: Iterable[Payment], policy: Policy, at: datetime) -> LeadTime:
    """The lead time as of ``at``, from payments that arrived by then.

    Measured from the decision, so that an operator's approval counts, to the balance that showed the money. With fewer
    than ``MIN_PAYMENTS`` it is assumed: the life of an invoice, which may be paid in its last minute, and the time that
    a credit may take.
    """
    durations = sorted(
        payment.state_since - payment.created_at
        for payment in payments
        if payment.state == State.CREDITED and at - MAX_PAYMENT_AGE < payment.state_since <= at
    )
    if len(durations) < MIN_PAYMENTS:
        assumed = policy.invoice_life + policy.credit_wait
        return LeadTime(assumed, assumed)
    return LeadTime(_upper_quantile(durations, 0.5), _upper_quantile(durations, 0.9), len(durations))


def _upper_quantile(durations: Sequence[timedelta], share: float) -> timedelta:
    """The smallest duration that ``share`` do not exceed. With few durations that is the largest: the safe side."""
    return durations[math.ceil(share * len(durations)) - 1]


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
