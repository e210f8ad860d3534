"""What would happen now, or would have happened then, and why: reads the ledger, asks nobody, changes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from topups.decide import decide, decision_id, explain
from topups.ledger.errors import LedgerUnavailable
from topups.ledger.store import Ledger
from topups.policy import Policy
from topups.ports import killed
from topups.reasons import Decision, Finding, Reason, Refusal
from topups.snapshot import Burn, Snapshot


@dataclass(frozen=True)
class Plan:
    """A verdict with every rule's figure and limit. ``decision_id`` names the facts it was based on, for a run key."""

    account_id: str
    verdict: Decision | Refusal
    findings: tuple[Finding, ...]
    decision_id: str

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        said_no = isinstance(self.verdict, Refusal)
        verdict = self.verdict.as_json()
        return {
            **({"reason": None} | verdict),
            "account_id": self.account_id,
            "decision": "refuse" if said_no else "create",
            "planned": verdict["decision"] if said_no else verdict,
            "decision_id": self.decision_id,
            "rules": [
                {"reason": str(f.reason), "passed": f.passed, "figure": f.figure, "limit": f.limit}
                for f in self.findings
            ],
        }


def plan(
    ledger: Ledger,
    account_id: str,
    policy: Policy,
    now: datetime,
    *,
    environment: Mapping[str, str] | None = None,
    burn: Burn | None = None,
) -> Plan:
    """The verdict on what the ledger knows by now: what the sensor and ``topup plan`` show. Never raises for a ledger
    that cannot be read: that is a refusal too."""
    try:
        known = ledger.snapshot(account_id, now)
    except LedgerUnavailable as error:
        return Plan(account_id, Refusal(Reason.LEDGER_UNAVAILABLE, str(error)), (), "")
    return judge(dataclasses.replace(known, killed=killed(environment), burn=burn), policy, now)


def judge(snapshot: Snapshot, policy: Policy, now: datetime) -> Plan:
    """The verdict on a snapshot."""
    findings = tuple(explain(snapshot, policy, now))
    return Plan(snapshot.account_id, decide(snapshot, policy, now), findings, decision_id(snapshot))
