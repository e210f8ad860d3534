"""Writes each decision down with its facts, so that a person can see afterwards why nothing happened."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from topups.decision.reasons import Decision, Refusal
from topups.decision.snapshot import Burn
from topups.ledger.transactions import LedgerUnavailable
from topups.policy import HOUR
from topups.workflow.context import Context

# Switched off or paused for weeks, a schedule hears the same "no" every minute.
SAME_NO_AGAIN = HOUR


def write_verdict(context: Context, decision_id: str, verdict: Decision | Refusal, burn: Burn | None = None) -> None:
    """What was decided, and why; with the forecast that it was decided with, which the sensor uses again."""
    facts = {"decision_id": decision_id, **_plain(verdict), **({"burn": burn._asdict()} if burn else {})}
    context.ledger.saw_decision(context.account_id, facts, context.now())


def write_early_no(context: Context, decision_id: str, refusal: Refusal) -> None:
    """A "no" for which nobody was asked, unless it was the last word already within the hour.

    A ledger that cannot be written does not change it.
    """
    last = context.ledger.observations(context.account_id, "decision", limit=1)
    if last and context.now() - last[0].at < SAME_NO_AGAIN:
        told = last[0].facts
        if all(told.get(name) == value for name, value in refusal.as_json().items()):
            return
    with suppress(LedgerUnavailable):
        write_verdict(context, decision_id, refusal)


def _plain(verdict: Decision | Refusal) -> dict[str, Any]:
    return verdict.as_json() if isinstance(verdict, Refusal) else {"reason": None, "decision": verdict.as_json()}
