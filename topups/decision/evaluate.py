"""Whether to request a payment now, and how large: a pure function of snapshot, policy and time.

It is evaluated once per decision, and once more inside the transaction that reserves the slot.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from topups.decision import rules
from topups.decision.owner_hours import owner_awake
from topups.decision.sizing import plan_payment
from topups.decision.snapshot import (
    AccountSnapshot,
    PaymentPlan,
    Reason,
    Refusal,
    RuleResult,
    decision_json,
    refusal_from,
)
from topups.decision.unproven import ledger_proven
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
    results, plan = evaluate_rules(snapshot, policy, now)
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


def evaluate_rules(
    snapshot: AccountSnapshot, policy: Policy, now: datetime
) -> tuple[list[RuleResult], PaymentPlan | None]:
    """Every rule in the order in which they decide, and the payment that they were evaluated for.

    Ends early, without a payment, where later rules have nothing to measure: no complete policy, or no balance.
    """
    results = rules.preflight_rules(snapshot, policy)
    if not results[1].passed:
        return results, None
    results += [rules.clock_in_sync(snapshot, policy, now), rules.balance_readable(snapshot)]
    if snapshot.balance is None:
        return results, None
    low = rules.balance_low(snapshot, policy)
    plan = plan_payment(snapshot, policy, low.figure, now)
    amount = plan.amount_cents
    results += [
        rules.balance_fresh(snapshot, policy, now),
        low,
        ledger_proven(snapshot, policy, now),
        rules.units_agree(snapshot, policy),
        rules.outcome_known(snapshot),
        rules.paid_is_credited(snapshot, policy, now),
        rules.list_available(snapshot),
        rules.list_complete(snapshot),
        rules.nothing_payable(snapshot, now),
        rules.slot_free(snapshot),
        rules.breaker_closed(snapshot, policy),
        rules.backoff_elapsed(snapshot, policy, now),
        rules.cooldown_elapsed(snapshot, policy, now),
        rules.daily_count_below_cap(snapshot, policy, now),
        rules.network_allowed(policy),
        rules.amount_at_least_min(amount, policy),
        rules.amount_at_most_max(amount, policy),
        rules.exposure_below_cap(amount, snapshot, policy),
        *rules.spend_below_caps(amount, snapshot, policy, now),
        rules.approval_given(snapshot, policy, now),
        owner_awake(snapshot, policy, now),
        RuleResult(Reason.DRY_RUN_WOULD_CREATE, policy.mode != "dry_run", plan.explanation, ""),
    ]
    return results, plan


def decide(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> PaymentPlan | Refusal:
    """The decision alone."""
    return evaluate(snapshot, policy, now).decision


def facts_fingerprint(snapshot: AccountSnapshot) -> str:
    """A hash of the inputs of a decision: the ledger's latest change and the balance."""
    balance = snapshot.balance and (snapshot.balance.at, snapshot.balance.cents)
    inputs = (snapshot.account_id, snapshot.ledger_at, balance)
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:24]
