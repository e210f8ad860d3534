"""Whether to request a payment now, and how large: a pure function of snapshot, policy and time.

It is evaluated once per decision, and once more inside the transaction that reserves the slot.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from topups.decision import rules
from topups.decision.reasons import PaymentPlan, Reason, Refusal, RuleResult, decision_json, refusal_from
from topups.decision.snapshot import AccountSnapshot
from topups.policy import Policy


@dataclass(frozen=True)
class Evaluation:
    """A decision with the result of every rule behind it.

    ``facts_fingerprint`` names the facts: equal for two evaluations of the same facts, different once anything
    changed. As a run key it lets two ticks on the same facts request one run, while a failed run does not block the
    next decision.
    """

    account_id: str
    decision: PaymentPlan | Refusal
    results: tuple[RuleResult, ...] = ()
    facts_fingerprint: str = ""

    @property
    def refusal(self) -> Refusal | None:
        """Why no payment is created, None where one is."""
        return self.decision if isinstance(self.decision, Refusal) else None

    @property
    def plan(self) -> PaymentPlan | None:
        """The payment that is created, or would be where the rules get that far (dry run)."""
        return self.decision.plan if isinstance(self.decision, Refusal) else self.decision

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``: the shape of every decision, and the rules."""
        return {
            "account_id": self.account_id,
            **decision_json(self.refusal, self.plan),
            "decision_id": self.facts_fingerprint,
            "rules": [result.as_json() for result in self.results],
        }


def evaluate(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> Evaluation:
    """The payment to create at ``now``, or the first rule that says no with its figure and limit."""
    results, plan = rules.evaluate_rules(snapshot, policy, now)
    broken = next((result for result in results if not result.passed), None)
    decision: PaymentPlan | Refusal
    if broken is None:
        assert plan is not None
        decision = plan
    elif broken.reason == Reason.DRY_RUN_WOULD_CREATE:
        decision = Refusal(broken.reason, broken.figure, broken.limit, plan)
    else:
        decision = refusal_from(broken)
    return Evaluation(snapshot.account_id, decision, tuple(results), facts_fingerprint(snapshot))


def decide(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> PaymentPlan | Refusal:
    """The decision alone."""
    return evaluate(snapshot, policy, now).decision


def facts_fingerprint(snapshot: AccountSnapshot) -> str:
    """A hash of the inputs of a decision: the ledger's latest change and the balance."""
    balance = snapshot.balance and (snapshot.balance.at, snapshot.balance.cents)
    inputs = (snapshot.account_id, snapshot.ledger_at, balance)
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:24]
