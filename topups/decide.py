"""Whether to ask for a payment now, and how large: a pure function of snapshot, policy and instant."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from topups import rules
from topups.amounts import usd
from topups.policy import Policy
from topups.rails import RAILS
from topups.reasons import Decision, Finding, Reason, Refusal, refused
from topups.sizing import approval_wanted, sized
from topups.snapshot import Snapshot


def decide(snapshot: Snapshot, policy: Policy, now: datetime) -> Decision | Refusal:
    """The payment to create at ``now``, or the first rule that says no with its figure and limit."""
    broken = next((finding for finding in explain(snapshot, policy, now) if not finding.passed), None)
    if broken is None:
        return _decision(snapshot, policy)
    if broken.reason == Reason.DRY_RUN_WOULD_CREATE:
        return Refusal(broken.reason, broken.figure, broken.limit, _decision(snapshot, policy))
    return refused(broken)


def explain(snapshot: Snapshot, policy: Policy, now: datetime) -> Iterator[Finding]:
    """Every rule with its figure and limit, in the order in which they decide.

    Ends early where later rules have no figure: without a complete policy, or without a balance.
    """
    yield rules.switched_on(policy)
    usable = rules.complete(policy)
    yield usable
    yield rules.not_killed(snapshot)
    if not usable.passed:
        return
    yield rules.clock(snapshot, policy, now)
    readable = rules.balance_readable(snapshot)
    yield readable
    if snapshot.balance is None:
        return
    yield rules.balance_fresh(snapshot, policy, now)
    yield rules.balance_low(snapshot, policy)
    yield from _nothing_under_way(snapshot, policy, now)
    yield rules.breaker_closed(snapshot, policy)
    yield rules.backed_off(snapshot, policy, now)
    yield rules.cooled_down(snapshot, policy, now)
    yield rules.count_left(snapshot, policy, now)
    yield rules.coin_allowed(policy)
    yield from _amount_fits(snapshot, policy, now)
    yield rules.person_agreed(snapshot, policy, now)
    planned = _decision(snapshot, policy)
    yield Finding(Reason.DRY_RUN_WOULD_CREATE, policy.mode != "dry_run", planned.why, "")


def decision_id(snapshot: Snapshot) -> str:
    """Names what a decision was based on: the same for each look at the same facts, another once anything moved.

    For a run key: two ticks on the same facts ask for one run, and a failed run does not block the next decision.
    """
    balance = snapshot.balance and (snapshot.balance.at, snapshot.balance.cents)
    facts = (snapshot.account_id, snapshot.ledger_at, balance)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]


def _nothing_under_way(snapshot: Snapshot, policy: Policy, now: datetime) -> Iterator[Finding]:
    yield rules.outcome_known(snapshot)
    yield rules.credited(snapshot, policy, now)
    yield rules.list_readable(snapshot)
    yield rules.list_complete(snapshot)
    yield rules.none_open(snapshot, now)
    yield rules.none_in_flight(snapshot)


def _amount_fits(snapshot: Snapshot, policy: Policy, now: datetime) -> Iterator[Finding]:
    amount = sized(snapshot, policy)
    yield rules.large_enough(amount, policy)
    yield rules.small_enough(amount, policy)
    yield rules.exposed(amount, snapshot, policy)
    yield from rules.caps_left(amount, snapshot, policy, now)


def _decision(snapshot: Snapshot, policy: Policy) -> Decision:
    amount, waiting = sized(snapshot, policy), snapshot.waiting()
    agreed = waiting.payment_id if waiting and waiting.approved_at else None
    wallet = RAILS[policy.rail].wallet
    assert snapshot.balance and policy.target_cents is not None
    low = rules.balance_low(snapshot, policy).figure
    return Decision(
        amount_cents=amount,
        rail=policy.rail,
        currency=policy.currency if wallet else "",
        network=policy.network if wallet else "",
        approval=None if agreed else approval_wanted(amount, snapshot, policy),
        approved_payment_id=agreed,
        why=f"{low}; up to {usd(policy.target_cents)} it is missing {usd(amount)}",
    )
