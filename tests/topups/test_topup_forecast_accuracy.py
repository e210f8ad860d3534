"""How right the forecast is, on invented accounts whose future is known. Run as a program it measures on many more."""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from statistics import fmean, median

import pytest
from topup_accounts import hourly_burn, hours_to_empty
from topup_fakes import POLICY

from topups.decision.sizing import is_anomalous
from topups.decision.snapshot import BurnForecast
from topups.forecast.burn import Spending
from topups.forecast.forecasting import RECENT_HOURS, forecast, usual
from topups.forecast.lead import Lead

ACCOUNTS = 72
KNOWN_DAYS = (2, 4, 7, 14, 28)
AHEAD_DAYS = 18
LEAD = Lead(timedelta(hours=2), timedelta(hours=5))


def cut(seed: int, known_days: int) -> tuple[random.Random, list[float], list[float]]:
    """An account's past (newest first) and future at any hour of the week."""
    chance = random.Random(f"cut {seed}")
    hours = hourly_burn(seed, known_days + 7 + AHEAD_DAYS)
    now = known_days * 24 + chance.randrange(7 * 24)
    return chance, hours[now - known_days * 24 : now][::-1], hours[now:]


def calibration(accounts: int, known_days: int | None = None) -> dict[str, float]:
    """How often the balance ran out before p10 and before p50, and how far p10 lies below p50."""
    seen, sharpness = Counter(), []
    for seed in range(accounts):
        days = known_days or KNOWN_DAYS[seed % len(KNOWN_DAYS)]
        chance, past, future = cut(seed, days)
        for hours in (chance.uniform(2, 12), chance.uniform(12, 60), chance.uniform(60, 240)):
            cents = max(20, round(fmean(past + future) * hours))
            found = forecast(Spending(list(past)), cents, LEAD, f"account {seed}")
            if found is None or found.hours_p10 is None or found.hours_p50 is None:
                continue
            real = hours_to_empty(future, cents)
            seen.update(cases=1, p10=real < found.hours_p10, p50=real < found.hours_p50)
            sharpness.append(found.hours_p10 / found.hours_p50)
    return {name: seen[name] / seen["cases"] for name in ("p10", "p50")} | {"p10 of p50": fmean(sharpness)}


def reordering(accounts: int) -> dict[str, float]:
    """How often the balance runs out between the re-order point and the arrival of the money, which takes so long as
    real payments do: half within two hours, one of ten longer than five."""
    late, covers = Counter(), []
    for seed in range(accounts):
        chance, past, future = cut(seed, KNOWN_DAYS[seed % len(KNOWN_DAYS)])
        found = forecast(Spending(list(past)), 10_000, LEAD, f"account {seed}")
        for _ in range(20):
            start = chance.randrange(3)  # the point is worked out anew by each pass; it need not hold for longer
            takes = max(1, round(chance.lognormvariate(0.69, 0.71)))
            spent = sum(future[start : start + takes])
            late.update(cases=1, late=spent > found.reorder_cents)
        covers.append(found.reorder_cents / max(1.0, 2 * fmean(past)))
    return {"ran out": late["late"] / late["cases"], "cover": median(covers)}


def alarms(accounts: int) -> dict[str, float]:
    """How often usual spending looks like a leak, and how often a leak does, of ten times the mean burn for 1, 2 and 3
    hours."""
    seen = Counter()
    for seed in range(accounts):
        hours = hourly_burn(seed, 42)
        mean = fmean(hours) or 1
        policy = replace(POLICY, threshold_cents=round(24 * mean) + 1)
        for now in range(28 * 24, 42 * 24, 17):
            past = hours[now - 28 * 24 : now][::-1]
            seen.update(cases=1, false=_alarm(past, policy))
            for length in (1, 2, 3):
                leak = [cents + 10 * mean for cents in past[:length]] + past[length:]
                seen[f"leak {length} h"] += _alarm(leak, policy)
    return {name: seen[name] / seen["cases"] for name in ("false", "leak 1 h", "leak 2 h", "leak 3 h")}


def _alarm(past: list[float], policy) -> bool:
    return is_anomalous(BurnForecast(fmean(past[:RECENT_HOURS]), usual(past)), policy)


@pytest.mark.parametrize(("accounts", "known_days"), [(ACCOUNTS, None), (ACCOUNTS // 2, 2)])
def test_one_balance_of_ten_runs_out_before_p10_and_half_before_p50(accounts, known_days):
    found = calibration(accounts, known_days)
    assert 0.05 <= found["p10"] <= 0.20, found
    assert 0.42 <= found["p50"] <= 0.60, found
    assert found["p10 of p50"] > 0.4, found  # a p10 of nothing would be right as well


def test_a_payment_asked_for_at_the_reorder_point_nearly_always_arrives_in_time():
    found = reordering(ACCOUNTS)
    assert found["ran out"] <= 0.06, found
    assert found["cover"] < 8, found  # times what is spent in the median lead time


def test_bursts_are_usual_and_a_leak_is_not():
    found = alarms(ACCOUNTS // 3)
    assert found["false"] <= 0.02, found
    assert found["leak 2 h"] >= 0.7, found
    assert found["leak 3 h"] >= 0.9, found


if __name__ == "__main__":
    many = int(sys.argv[1])
    for days in (1, 2, 4, 7, 14, 28, None):
        sys.stdout.write(f"{days or 'mixed'} days known: {calibration(many, days)}\n")
    sys.stdout.write(f"{reordering(many)}\n{alarms(many // 3)}\n")
