"""Proves the arrival of paid payments by the balance."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from topups.ledger.models import Observation, Payment
from topups.payment_states import State, awaits_credit
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext, transition


class BalanceIncrease(NamedTuple):
    """The balance rose by ``cents`` between the observation before and observation ``seq``, within ``gap``."""

    seq: int
    cents: int
    gap: timedelta
    at: datetime


def credit_paid_payments(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
    """Moves PAID payments to CREDITED once an unmatched balance increase covers them. External payments are matched
    first.
    """
    ledger, now = context.ledger, context.clock.now()
    waiting = [payment for payment in payments if awaits_credit(payment)]
    if not waiting:
        return
    first = min(payment.baseline or 0 for payment in waiting)
    balances = ledger.observations(context.account_id, "balance", first)[::-1]
    increases, spending = balance_increases(balances), spending_per_hour(balances)
    matched = matched_amounts(payments)
    for payment in sorted(waiting, key=lambda p: p.state != State.EXTERNAL):
        seq = find_matching_increase(payment, increases, matched, spending)
        if seq is None:
            continue
        if payment.state == State.EXTERNAL:
            ledger.update_payment(payment, "credit_seen", now, {"credit": seq})
            context.checkpoint(Checkpoint.MOVED)
        else:
            transition(context, payment, State.CREDITED, report, payment.detail, credit=seq)
        matched[seq] = matched.get(seq, 0) + (payment.vendor_amount_cents or payment.amount_cents)


def balance_increases(balances: Sequence[Observation]) -> list[BalanceIncrease]:
    """The increases between neighbouring balance observations (oldest first)."""
    pairs = pairwise(balances)
    increases = (BalanceIncrease(b.seq, (b.figure or 0) - (a.figure or 0), b.at - a.at, b.at) for a, b in pairs)
    return [increase for increase in increases if increase.cents > 0]


def spending_per_hour(balances: Sequence[Observation]) -> float:
    """US cents per hour by which the balance fell between observations (oldest first)."""
    if len(balances) < 2:
        return 0.0
    hours = (balances[-1].at - balances[0].at).total_seconds() / 3600
    pairs = pairwise(balances)
    spent = sum(max(0, (a.figure or 0) - (b.figure or 0)) for a, b in pairs)
    return spent / hours if hours > 0 else 0.0


def find_matching_increase(
    payment: Payment, increases: Iterable[BalanceIncrease], matched: dict[int, int], spending: float
) -> int | None:
    """The number of the observation that shows the payment's arrival, or None.

    An increase after the payment's baseline, as large as the payment less what may have been spent in the gap: a tenth
    of the amount, or twice the usual spending of that time, never more than half. ``matched`` are the cents of each
    increase that cover other payments already.
    """
    cents = payment.vendor_amount_cents or payment.amount_cents
    for increase in increases:
        meanwhile = 2 * spending * increase.gap.total_seconds() / 3600
        allowed = min(cents // 2, max(cents // 10, int(meanwhile)))
        left = increase.cents - matched.get(increase.seq, 0)
        if payment.baseline is not None and increase.seq > payment.baseline and left >= cents - allowed:
            return increase.seq
    return None


def matched_amounts(payments: Iterable[Payment]) -> dict[int, int]:
    """Cents of each increase that already cover a payment, by observation number."""
    matched: dict[int, int] = {}
    for payment in payments:
        if payment.credit is not None:
            cents = payment.vendor_amount_cents or payment.amount_cents
            matched[payment.credit] = matched.get(payment.credit, 0) + cents
    return matched
