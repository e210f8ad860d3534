"""Accuracy of the forecast on invented accounts whose future is known. Run as a program it measures on many more."""

import random
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from statistics import fmean, median

import pytest
from forecast_accounts import hourly_burn, hours_to_empty
from topup_fakes import POLICY, START

from topups.decision.rules import is_anomalous
from topups.decision.snapshot import BurnForecast
from topups.forecast.runway import RECENT_HOURS, Forecast, LeadTime, SpendHistory, forecast_runway, typical_peak_burn

ACCOUNTS = 216
KNOWN_DAYS = (2, 4, 7, 14, 28)
FUTURE_DAYS = 18
LEAD = LeadTime(timedelta(hours=2), timedelta(hours=5))


def past_and_future(seed: int, known_days: int) -> tuple[random.Random, list[float], list[float]]:
    """An account's history (newest first) and future at any hour of the week."""
    chance = random.Random(f"cut {seed}")
    hours = hourly_burn(seed, known_days + 7 + FUTURE_DAYS)
    now = known_days * 24 + chance.randrange(7 * 24)
    return chance, hours[now - known_days * 24 : now][::-1], hours[now:]


def forecast_of(history: list[float], cents: int) -> Forecast:
    """The forecast for hours, newest first; the burn rate is the mean of the last 24, as the warehouse measures it."""
    forecast = forecast_runway(SpendHistory(START, fmean(history[:24]), history), cents, LEAD, START)
    assert forecast is not None
    return forecast


def calibration(accounts: int, known_days: int | None = None) -> dict[str, float]:
    """How often the balance ran out before p10 and before p50, and how far p10 lies below p50."""
    counts, sharpness = Counter(), []
    for seed in range(accounts):
        days = known_days or KNOWN_DAYS[seed % len(KNOWN_DAYS)]
        chance, history, future = past_and_future(seed, days)
        for hours in (chance.uniform(2, 12), chance.uniform(12, 60), chance.uniform(60, 240)):
            cents = max(20, round(fmean(history + future) * hours))
            forecast = forecast_of(history, cents)
            if forecast.hours_to_empty_p10 is None or forecast.hours_to_empty is None:
                continue
            real = hours_to_empty(future, cents)
            counts.update(cases=1, p10=real < forecast.hours_to_empty_p10, p50=real < forecast.hours_to_empty)
            sharpness.append(forecast.hours_to_empty_p10 / forecast.hours_to_empty)
    return {name: counts[name] / counts["cases"] for name in ("p10", "p50")} | {"p10 of p50": fmean(sharpness)}


def reordering(accounts: int) -> dict[str, float]:
    """How often the balance runs out between the re-order point and the arrival of the money, which takes so long as
    real payments do: half within two hours, one of ten longer than five."""
    late, covers = Counter(), []
    for seed in range(accounts):
        chance, history, future = past_and_future(seed, KNOWN_DAYS[seed % len(KNOWN_DAYS)])
        forecast = forecast_of(history, 10_000)
        for _ in range(20):
            start = chance.randrange(3)  # each run recomputes the point; it need not hold for longer
            takes = max(1, round(chance.lognormvariate(0.69, 0.71)))
            spent = sum(future[start : start + takes])
            late.update(cases=1, late=spent > forecast.reorder_cents)
        covers.append(forecast.reorder_cents / max(1.0, 2 * fmean(history)))
    return {"ran out": late["late"] / late["cases"], "cover": median(covers)}


def alarms(accounts: int) -> dict[str, float]:
    """How often usual spending looks like a leak, and how often a leak does, of ten times the mean burn for 1, 2 and 3
    hours."""
    counts = Counter()
    for seed in range(accounts):
        hours = hourly_burn(seed, 42)
        mean = fmean(hours) or 1
        policy = replace(POLICY, threshold_cents=round(24 * mean) + 1)
        for now in range(28 * 24, 42 * 24, 17):
            history = hours[now - 28 * 24 : now][::-1]
            counts.update(cases=1, false=_alarm(history, policy))
            for length in (1, 2, 3):
                leak = [cents + 10 * mean for cents in history[:length]] + history[length:]
                counts[f"leak {length} h"] += _alarm(leak, policy)
    return {name: counts[name] / counts["cases"] for name in ("false", "leak 1 h", "leak 2 h", "leak 3 h")}


def _alarm(history: list[float], policy) -> bool:
    return is_anomalous(BurnForecast(fmean(history[:RECENT_HOURS]), typical_peak_burn(history)), policy)


@pytest.mark.parametrize(("accounts", "known_days"), [(ACCOUNTS, None), (ACCOUNTS // 2, 2)])
def test_one_in_ten_runs_out_before_p10_and_half_before_p50(accounts, known_days):
    measured = calibration(accounts, known_days)
    assert 0.05 <= measured["p10"] <= 0.20, measured
    assert 0.42 <= measured["p50"] <= 0.60, measured
    assert measured["p10 of p50"] > 0.4, measured  # a p10 of nothing would be right as well


def test_a_payment_at_the_reorder_point_arrives_in_time():
    measured = reordering(ACCOUNTS)
    assert measured["ran out"] <= 0.06, measured
    assert measured["cover"] < 8, measured  # times what is spent in the median lead time


def test_bursts_are_usual_and_a_leak_is_not():
    measured = alarms(ACCOUNTS // 9)
    assert measured["false"] <= 0.02, measured
    assert measured["leak 2 h"] >= 0.7, measured
    assert measured["leak 3 h"] >= 0.9, measured


if __name__ == "__main__":
    many = int(sys.argv[1])
    for days in (1, 2, 4, 7, 14, 28, None):
        sys.stdout.write(f"{days or 'mixed'} days known: {calibration(many, days)}\n")
    sys.stdout.write(f"{reordering(many)}\n{alarms(many // 3)}\n")
