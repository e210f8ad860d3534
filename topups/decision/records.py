"""Recorded decisions: what is stored with one, and when two of them say the same."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from topups.decision.snapshot import BurnForecast, PaymentPlan, Refusal

# A schedule leads to the same refusal every two minutes. The sensor reads the forecast that is stored with the newest.
REPEAT_REFUSAL_AFTER = timedelta(hours=1)
NUMBER = re.compile(r"\d+")


def decision_payload(
    decision_id: str, decision: PaymentPlan | Refusal, burn: BurnForecast | None = None
) -> dict[str, Any]:
    """Plain values of a decision, with the forecast behind it."""
    refused = isinstance(decision, Refusal)
    return {
        "decision_id": decision_id,
        **(decision.as_json() if refused else {"reason": None, "decision": decision.as_json()}),
        **({"burn": burn._asdict()} if burn else {}),
    }


def decided(payload: Mapping[str, Any]) -> tuple[Any, ...]:
    """The part of a recorded decision that makes it another one: not what was measured, which is recorded by itself."""
    plan = payload.get("decision") or {}
    return payload.get("reason"), *(plan.get(name) for name in ("amount_cents", "rail", "currency", "network"))


def repeats(payload: Mapping[str, Any], previous: Mapping[str, Any]) -> bool:
    """Whether a refusal says the same as the one before it, but for its numbers, on about the same forecast.

    A plan never does: it is always recorded.
    """
    if payload.get("reason") is None:
        return False
    return _with_forecast(payload) == _with_forecast(previous)


def _with_forecast(payload: Mapping[str, Any]) -> tuple[Any, ...]:
    burn = payload.get("burn") or {}
    rates = tuple(value if value is None else f"{value:.2g}" for value in burn.values())
    texts = (NUMBER.sub("#", payload.get(name) or "") for name in ("figure", "limit"))
    return *decided(payload), *texts, rates
