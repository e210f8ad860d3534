"""Proves the arrival of paid payments by the balance, and ends the wait for what nothing proves."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from topups.evidence import payment_units
from topups.evidence.arrivals import BalanceIncrease, arrivals, spending_per_hour
from topups.ledger.models import Payment, latest_amount_cents
from topups.notifications import rules
from topups.payment_states import UNIT_BY_BALANCE, UNITS_DISAGREE, PaymentException, State, awaits_credit
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext, transition

# Between two observations so close, refunds of nearly the amount of a payment are not expected.
SHORT_GAP = timedelta(minutes=15)


def credit_paid_payments(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
    """Moves PAID payments to CREDITED once an unmatched arrival covers them. External payments are matched first.

    Without a proof after ``credit_unproven_after`` they are closed with an exception.
    """
    waiting = [payment for payment in payments if awaits_credit(payment) or _was_underpaid(payment)]
    if not waiting:
        return
    first = min(payment.baseline or 0 for payment in waiting)
    balances = context.ledger.observations(context.account_id, "balance", first)[::-1]
    increases, spending = arrivals(balances, context.policy.credit_wait), spending_per_hour(balances)
    matched, expected = matched_amounts(payments), sum(latest_amount_cents(payment) for payment in waiting)
    for payment in sorted(waiting, key=lambda p: p.state != State.EXTERNAL):
        if _stop_for_unit(context, payment, increases, report):
            continue
        seq = find_matching_increase(payment, increases, matched, spending, expected)
        if seq is None:
            _end_unproven_wait(context, payment, report)
            continue
        _record_credit(context, payment, seq, report)
        matched[seq] = matched.get(seq, 0) + latest_amount_cents(payment)
        expected -= latest_amount_cents(payment)


def _was_underpaid(payment: Payment) -> bool:
    return payment.state == State.UNDERPAID and payment.credit is None and payment.baseline is not None


def _record_credit(context: TopUpContext, payment: Payment, seq: int, report: ReconcileReport) -> None:
    changes: dict[str, Any] = {"credit": seq}
    if payment.state == State.EXTERNAL:
        context.ledger.update_payment(payment, "credit_seen", context.clock.now(), changes)
        context.checkpoint(Checkpoint.MOVED)
        return
    if not payment.unit_proof:
        changes["unit_proof"] = UNIT_BY_BALANCE
    # Too little was paid, and that arrived: nothing more is expected, and it is no full credit.
    state = State.CLOSED if payment.state == State.UNDERPAID else State.CREDITED
    transition(context, payment, state, report, payment.detail, **changes)


def _end_unproven_wait(context: TopUpContext, payment: Payment, report: ReconcileReport) -> None:
    """Closes a paid payment whose arrival nothing proved in time, so that top-ups continue."""
    now, policy = context.clock.now(), context.policy
    if payment.state not in (State.PAID, State.PAID_LATE) or report.balance is None or report.clock.problem:
        return
    if now < payment.state_since + policy.credit_unproven_after:
        return
    detail = "paid, but neither the balance nor the total of all charges shows that it arrived"
    notices = [rules.payment_notice(payment.payment_id, "credit_unproven")]
    exception = PaymentException.CREDIT_UNPROVEN
    transition(context, payment, State.CLOSED, report, detail, notices=notices, exception=exception)


def _stop_for_unit(
    context: TopUpContext, payment: Payment, increases: Sequence[BalanceIncrease], report: ReconcileReport
) -> bool:
    """Whether what arrived for a payment shows that its amount has another unit; recorded the first time."""
    if payment.unit_proof == UNITS_DISAGREE:
        return True
    if payment.unit_proof or payment.state == State.EXTERNAL:
        return False
    overdue = context.clock.now() >= payment.state_since + context.policy.credit_wait
    arrived = _amount_in_other_unit(payment, increases, overdue=overdue)
    if arrived is None:
        return False
    changes = {
        "unit_proof": UNITS_DISAGREE,
        "exception": PaymentException.AMOUNT_MISMATCH,
        "instructions_problem": payment_units.arrived_unit_problem(payment.request, arrived),
    }
    notices = [rules.payment_notice(payment.payment_id, "units_disagree")]
    context.ledger.update_payment(payment, "unit_disagrees", context.clock.now(), changes, notices)
    report.updated += 1
    context.checkpoint(Checkpoint.MOVED)
    return True


def _amount_in_other_unit(payment: Payment, increases: Iterable[BalanceIncrease], *, overdue: bool) -> int | None:
    """What arrived, if it is about 100 times the amount, or, for an overdue payment, a hundredth of it."""
    cents = latest_amount_cents(payment)
    for increase in increases:
        arrived = increase.charged_cents or increase.cents
        if payment.baseline is None or increase.seq <= payment.baseline:
            continue
        if 90 * cents <= arrived <= 110 * cents or (overdue and arrived * 100 == cents):
            return arrived
    return None


def find_matching_increase(
    payment: Payment,
    increases: Iterable[BalanceIncrease],
    matched: dict[int, int],
    spending: float,
    expected: int | None = None,
) -> int | None:
    """The number of the observation that shows the payment's arrival, or None.

    After the payment's baseline, and as large as the payment less a fee or what was spent meanwhile. ``matched`` are
    the cents of each increase that cover other payments already; ``expected`` are those of all payments that wait.
    """
    cents = latest_amount_cents(payment)
    for increase in increases:
        if payment.baseline is None or increase.seq <= payment.baseline:
            continue
        if _covers(increase, cents, matched.get(increase.seq, 0), spending, expected):
            return increase.seq
    return None


def _covers(increase: BalanceIncrease, cents: int, matched: int, spending: float, expected: int | None) -> bool:
    """Whether an increase shows that ``cents`` arrived.

    The total of all charges tells it from refunds. Without that, a rise of exactly the amount does, or of all that is
    expected; and between two close observations a rise less what may have been spent: a 25th of the amount, or twice
    the usual spending, never more than half.
    """
    if increase.charged_cents:
        return increase.charged_cents - matched >= cents - cents // 10
    left = increase.cents - matched
    if left in (cents, expected) and increase.charged_cents is None:
        return True
    if increase.charged_cents is not None or increase.gap > SHORT_GAP:
        return False
    meanwhile = 2 * spending * increase.gap.total_seconds() / 3600
    return left >= cents - min(cents // 2, max(cents // 25, int(meanwhile)))


def matched_amounts(payments: Iterable[Payment]) -> dict[int, int]:
    """Cents of each increase that already cover a payment, by observation number."""
    matched: dict[int, int] = {}
    for payment in payments:
        if payment.credit is not None:
            matched[payment.credit] = matched.get(payment.credit, 0) + latest_amount_cents(payment)
    return matched
