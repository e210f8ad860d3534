"""How large a payment is: what is missing up to the target, reduced to what the limits leave."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from topups.decision.rules import WINDOWS, is_anomalous, requested_cents
from topups.decision.snapshot import AccountSnapshot, PaymentPlan, Reason
from topups.money import usd, with_unique_cents
from topups.payment_methods import PAYMENT_METHODS
from topups.policy import Policy

LIMIT_NAMES = {Reason.CAP_DAY: "the day cap", Reason.CAP_WEEK: "the week cap", Reason.CAP_MONTH: "the month cap"}


class PaymentSize(NamedTuple):
    """An amount in US cents, and in words what is missing and which limit reduced it."""

    cents: int
    explanation: str


def plan_payment(snapshot: AccountSnapshot, policy: Policy, cause: str, now: datetime) -> PaymentPlan:
    """The payment that would be created under the policy; ``cause`` is the text of the rule that calls for it."""
    size, waiting = size_payment(snapshot, policy, now), snapshot.pending_approval()
    approved = waiting.payment_id if waiting and waiting.approved_at else None
    wallet = PAYMENT_METHODS[policy.rail].wallet
    return PaymentPlan(
        amount_cents=size.cents,
        rail=policy.rail,
        currency=policy.currency if wallet else "",
        network=policy.network if wallet else "",
        approval=None if approved else approval_reason(size.cents, snapshot, policy),
        approved_payment_id=approved,
        explanation=f"{cause}; {size.explanation}",
    )


def approval_reason(amount: int, snapshot: AccountSnapshot, policy: Policy) -> Reason | None:
    """Why an operator has to approve a payment, or None."""
    if snapshot.burn and is_anomalous(snapshot.burn, policy):
        return Reason.ANOMALOUS_BURN
    large = policy.approval_limit_cents is not None and amount > policy.approval_limit_cents
    return Reason.AWAITING_APPROVAL if large or policy.mode == "approve" else None


def size_payment(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> PaymentSize:
    """What is missing up to the target, reduced to an approved amount, the largest payment and what the caps leave.

    A cap that leaves less than the smallest payment reduces nothing: its rule refuses. Needs a balance and all limits.
    """
    assert snapshot.balance and policy.target_cents is not None and policy.amount_min_cents is not None
    missing = policy.target_cents - snapshot.balance.cents - snapshot.pending_cents()
    cents, reduced, waiting = missing, "", snapshot.pending_approval()
    if waiting and waiting.approved_at and waiting.amount_cents < missing:
        cents, reduced = waiting.amount_cents, f", reduced to the approved {usd(waiting.amount_cents)}"
    for limit, room in _rooms(snapshot, policy, now):
        if policy.amount_min_cents <= room < cents:
            cents, reduced = room, f", reduced from {usd(missing)} to {usd(room)} by {limit}"
    if policy.fingerprint:
        taken = {payment.amount_cents for payment in snapshot.payments if payment is not waiting}
        unique = with_unique_cents(cents, taken)
        cents = cents if unique < policy.amount_min_cents else unique
    return PaymentSize(cents, f"up to {usd(policy.target_cents)} it is missing {usd(missing)}{reduced}")


def _rooms(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> Iterator[tuple[str, int]]:
    """Each limit of an amount by its name, with what it leaves in US cents."""
    assert snapshot.balance and policy.amount_max_cents is not None and policy.exposure_limit_cents is not None
    yield "the largest amount", policy.amount_max_cents
    prepaid = snapshot.balance.cents + snapshot.pending_cents()
    yield "the limit of prepaid money", policy.exposure_limit_cents - prepaid
    for reason, name, window in WINDOWS:
        yield LIMIT_NAMES[reason], getattr(policy, name) - requested_cents(window, snapshot, policy, now)
