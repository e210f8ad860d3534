"""Forecast and recommendations as text and JSON, for ``status`` and ``topup plan``."""

from collections.abc import Mapping, Sequence
from typing import Any

from topups.forecast.recommendations import ASSUMPTIONS, Recommendation
from topups.forecast.runway import MIN_KNOWN_HOURS, MIN_PAYMENTS, NOT_KNOWN_YET, RECENT_HOURS, Forecast, LeadTime
from topups.money import usd


def runway_text(figures: Mapping[str, Any]) -> str:
    """How long the balance lasts, from the figures of a forecast or of ``marts.balance_runway``."""
    burn, hours, p10 = (figures.get(name) for name in ("burn_cents_per_hour", "hours_to_empty", "hours_to_empty_p10"))
    if burn is None:
        return f"runway {NOT_KNOWN_YET}"
    if hours is None:
        return "nothing is being spent"
    early = "" if p10 is None else f" (1 in 10: within {p10:,.0f} h)"
    return f"empty in {hours:,.0f} h{early}"


def reorder_text(forecast: Forecast) -> str:
    """The balance at which a payment has to be asked for."""
    return NOT_KNOWN_YET if forecast.reorder_cents is None else usd(forecast.reorder_cents)


def forecast_lines(forecast: Forecast | None, problem: str) -> list[str]:
    """The forecast for a person."""
    if forecast is None:
        return [f"no forecast: {problem}"]
    recent = "" if forecast.recent is None else f", {forecast.recent:,.1f} in the last {RECENT_HOURS}"
    usual = "" if forecast.typical_peak is None else f" (usual at this time: up to {forecast.typical_peak:,.1f})"
    if forecast.reorder_cents is None:
        detail = f" ({forecast.spend.known_hours} of {MIN_KNOWN_HOURS} hours known)"
    else:
        detail = f", what may be spent until a payment arrives{_arrival(forecast.lead)}"
    return [
        f"burn rate: {forecast.burn_cents_per_hour:,.1f} cents an hour in the last 24{recent}{usual}",
        f"balance: {runway_text(forecast.as_json())}",
        f"re-order point: {reorder_text(forecast)}{detail}",
    ]


def recommendation_lines(recommendations: Sequence[Recommendation]) -> list[str]:
    """The recommendations for a person, with what they assume."""
    return [f"advice: {entry.text}" for entry in recommendations] + [f"({ASSUMPTIONS})"] * bool(recommendations)


def forecast_json(forecast: Forecast | None, problem: str, recommendations: Sequence[Recommendation]) -> dict[str, Any]:
    """Forecast and recommendations as plain values; ``forecast_problem`` says why there is no forecast."""
    return {
        "forecast": forecast.as_json() if forecast else None,
        "forecast_problem": problem,
        "advice": [entry.as_json() for entry in recommendations],
        "advice_assumes": ASSUMPTIONS,
    }


def _arrival(lead: LeadTime) -> str:
    hours = lead.p90.total_seconds() / 3600
    if not lead.payments:
        return f" ({hours:.1f} h assumed: fewer than {MIN_PAYMENTS} payments were measured)"
    return f" ({hours:.1f} h for nine of ten of the last {lead.payments} payments)"
