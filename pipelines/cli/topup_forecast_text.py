"""How a forecast and its advice are told, in ``status`` and in ``topup plan``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from topups.advisor import ASSUMED, Advice
from topups.amounts import usd
from topups.forecast.forecasting import Forecast
from topups.forecast.lead import LEAST_PAYMENTS, Lead


def forecast_lines(found: Forecast | None, problem: str) -> list[str]:
    """The forecast for a person."""
    if found is None:
        return [f"no forecast: {problem}"]
    usual = "" if found.usual is None else f" (usual at this time: up to {found.usual:,.1f})"
    return [
        f"burn: {found.mean:,.1f} cents an hour in {found.known_hours} known hours, {found.recent:,.1f} lately{usual}",
        f"balance: {runway(found)}",
        f"re-order point: {usd(found.reorder_cents)}, what may be spent until a payment arrives{_arrival(found.lead)}",
    ]


def runway(found: Forecast) -> str:
    """How long the balance lasts."""
    if found.hours_p50 is None:
        return "lasts: nothing is being spent"
    soon = "" if found.hours_p10 is None else f" (1 in 10: within {found.hours_p10:,.0f} h)"
    return f"empty in {found.hours_p50:,.0f} h{soon}"


def advice_lines(advice: Sequence[Advice]) -> list[str]:
    """The advice for a person, with what it assumes."""
    return [f"advice: {entry.text}" for entry in advice] + [f"({ASSUMED})"] * bool(advice)


def outlook_json(found: Forecast | None, problem: str, advice: Sequence[Advice]) -> dict[str, Any]:
    """Forecast and advice as plain values; ``forecast_problem`` says why there is no forecast."""
    return {
        "forecast": found.as_json() if found else None,
        "forecast_problem": problem,
        "advice": [entry.as_json() for entry in advice],
        "advice_assumes": ASSUMED,
    }


def _arrival(lead: Lead) -> str:
    hours = lead.p90.total_seconds() / 3600
    if not lead.payments:
        return f" ({hours:.1f} h assumed: fewer than {LEAST_PAYMENTS} payments were measured)"
    return f" ({hours:.1f} h for nine of ten of the last {lead.payments} payments)"
