"""Whether to request a payment now, and how large: a pure function of snapshot, policy and time.

It is evaluated once per decision, and once more inside the transaction that reserves the slot.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from topups.decision import rules
from topups.decision.reasons import Decision, Finding, Reason, Refusal, decision_json, refused
from topups.decision.snapshot import Snapshot
from topups.policy import Policy


@dataclass(frozen=True)
class Evaluation:
    """A decision with the result of every rule behind it.

    ``facts_fingerprint`` names the facts: equal for two evaluations of the same facts, different once anything
    changed. As a run key it lets two ticks on the same facts request one run, while a failed run does not block the
    next decision.
    """

    account_id: str
    decision: Decision | Refusal
    results: tuple[Finding, ...] = ()
    facts_fingerprint: str = ""

    @property
    def refusal(self) -> Refusal | None:
        """Why no payment is created, None where one is."""
        return self.decision if isinstance(self.decision, Refusal) else None

    @property
    def payment(self) -> Decision | None:
        """The payment that is created, or would be where the rules get that far (dry run)."""
        return self.decision.decision if isinstance(self.decision, Refusal) else self.decision

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``: the shape of every decision, and the rules."""
        return {
            "account_id": self.account_id,
            **decision_json(self.refusal, self.payment),
            "decision_id": self.facts_fingerprint,
            "rules": [result.as_json() for result in self.results],
        }


def evaluate(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    """The payment to create at ``now``, or the first rule that says no with its figure and limit."""
    results, payment = rules.evaluate_rules(snapshot, policy, now)
    broken = next((result for result in results if not result.passed), None)
    decision: Decision | Refusal
    if broken is None:
        assert payment is not None
        decision = payment
    elif broken.reason == Reason.DRY_RUN_WOULD_CREATE:
        decision = Refusal(broken.reason, broken.figure, broken.limit, payment)
    else:
        decision = refused(broken)
    return Evaluation(snapshot.account_id, decision, tuple(results), facts_fingerprint(snapshot))


def decide(snapshot: Snapshot, policy: Policy, now: datetime) -> Decision | Refusal:
    """The decision alone."""
    return evaluate(snapshot, policy, now).decision


def facts_fingerprint(snapshot: Snapshot) -> str:
    """A hash of what a decision is based on: the ledger's latest change and the balance."""
    balance = snapshot.balance and (snapshot.balance.at, snapshot.balance.cents)
    facts = (snapshot.account_id, snapshot.ledger_at, balance)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]
