"""What is known of the top-ups for their checks: read from the ledger, no judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from topups.decision.snapshot import AccountSnapshot
from topups.ledger import Ledger, Observation, Payment
from topups.policy import DAY, Policy

# A pass every two minutes, and as many by hand or by the sensor.
SEEN_IN_A_DAY = 1440


@dataclass(frozen=True)
class TopupFacts:
    """One account at one instant. ``payments`` are those that may still change and those that ended lately;
    ``balances`` those seen in the last day, oldest first; ``listed_at`` is when the last complete list was seen."""

    now: datetime
    policy: Policy
    snapshot: AccountSnapshot
    payments: Sequence[Payment] = ()
    balances: Sequence[Observation] = ()
    listed_at: datetime | None = None


def facts_of(ledger: Ledger, account_id: str, policy: Policy, now: datetime) -> TopupFacts:
    """The facts of an account. Raises ``LedgerUnavailable``."""
    lists = ledger.observations(account_id, "payments", limit=SEEN_IN_A_DAY)
    balances = ledger.observations(account_id, "balance", limit=SEEN_IN_A_DAY)
    return TopupFacts(
        now,
        policy,
        ledger.snapshot(account_id, now),
        ledger.tracked_payments(account_id, now - max(policy.list_memory, policy.late_watch) - DAY),
        [seen for seen in reversed(balances) if now - seen.at <= DAY],
        next((seen.at for seen in lists if seen.complete), None),
    )
