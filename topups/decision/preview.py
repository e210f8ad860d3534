"""Evaluates the policy on what the ledger has recorded. Reads the ledger, makes no vendor call, changes nothing."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime

from topups.decision.evaluate import Evaluation, evaluate
from topups.decision.records import REPEAT_REFUSAL_AFTER
from topups.decision.snapshot import BurnForecast, Reason, Refusal
from topups.ledger.ledger import Ledger
from topups.ledger.queries import LedgerUnavailable
from topups.policy import Policy, kill_switch_on

# The newest decisions may have no forecast: the warehouse was locked then, or was empty.
DECISIONS_SEARCHED = 10


def preview_from_ledger(
    ledger: Ledger,
    account_id: str,
    policy: Policy,
    now: datetime,
    *,
    environment: Mapping[str, str] | None = None,
    burn: BurnForecast | None = None,
    paused: str = "",
    unproven: str = "",
) -> Evaluation:
    """The decision on what the ledger has recorded by ``now``: what the sensor evaluates.

    ``paused`` is the pause of the files beside the ledger, ``unproven`` what they know and the ledger does not.
    A ledger that cannot be read is the refusal ``LEDGER_UNAVAILABLE``.
    """
    try:
        recorded = ledger.snapshot(account_id, now)
    except LedgerUnavailable as error:
        return Evaluation(account_id, Refusal(Reason.LEDGER_UNAVAILABLE, str(error)))
    paused = recorded.paused or paused
    killed = kill_switch_on(environment)
    snapshot = dataclasses.replace(recorded, killed=killed, burn=burn, paused=paused, unproven=unproven)
    return evaluate(snapshot, policy, now)


def last_forecast(ledger: Ledger, account_id: str, policy: Policy, now: datetime) -> BurnForecast | None:
    """The forecast stored with a recent decision, without reading the warehouse. Raises ``LedgerUnavailable``.

    A refusal that repeats the last one, forecast included, is recorded hourly.
    """
    since = now - max(policy.balance_max_age, REPEAT_REFUSAL_AFTER)
    decisions = ledger.observations(account_id, "decision", limit=DECISIONS_SEARCHED)
    newest = next((decision for decision in decisions if decision.payload.get("burn") and decision.at >= since), None)
    return BurnForecast(**newest.payload["burn"]) if newest else None
