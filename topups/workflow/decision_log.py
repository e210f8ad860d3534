"""Records every decision with its explanation, so that it can be seen later why no payment was created."""

from contextlib import suppress
from typing import Any

from topups.decision.reasons import PaymentPlan, Refusal
from topups.decision.snapshot import BurnForecast
from topups.ledger.queries import LedgerUnavailable
from topups.policy import HOUR
from topups.workflow.context import TopUpContext

# A schedule gets the same refusal every minute while top-ups are switched off or paused.
REPEAT_REFUSAL_AFTER = HOUR


def record_decision(
    context: TopUpContext, idempotency_key: str, decision: PaymentPlan | Refusal, burn: BurnForecast | None = None
) -> None:
    """Records a decision under its idempotency key, with the forecast behind it, which the sensor reads again."""
    payload = {
        "decision_id": idempotency_key,
        **_decision_payload(decision),
        **({"burn": burn._asdict()} if burn else {}),
    }
    context.ledger.record_decision(context.account_id, payload, context.clock.now())


def record_preflight_refusal(context: TopUpContext, idempotency_key: str, refusal: Refusal) -> None:
    """Records a refusal that needed no vendor call, unless the same one was recorded within the last hour.

    A ledger that cannot be written does not change the refusal.
    """
    recorded = context.ledger.observations(context.account_id, "decision", limit=1)
    if recorded and context.clock.now() - recorded[0].at < REPEAT_REFUSAL_AFTER:
        latest = recorded[0].payload
        if all(latest.get(name) == value for name, value in refusal.as_json().items()):
            return
    with suppress(LedgerUnavailable):
        record_decision(context, idempotency_key, refusal)


def _decision_payload(decision: PaymentPlan | Refusal) -> dict[str, Any]:
    return decision.as_json() if isinstance(decision, Refusal) else {"reason": None, "decision": decision.as_json()}
