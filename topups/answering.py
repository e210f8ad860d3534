"""After the request: the answer is written down first, then verified, and only then becomes an open payment."""

from __future__ import annotations

from topups import rails, telling
from topups.context import Checkpoint, Context
from topups.ledger.rows import Payment
from topups.observe import look_at_payments
from topups.ports import Answered, Declined, Outcome
from topups.settle import settle
from topups.states import UNRESOLVED, State

DECLINED_FROM = {State.SENDING: State.REJECTED, State.UNKNOWN: State.NOT_CREATED}


def write_down(context: Context, sent: Payment, outcome: Outcome) -> Payment:
    """The payment after its request: OPEN, REJECTED or UNKNOWN.

    While the answer was on its way another program may have given up on it and written UNKNOWN: the ledger is read anew
    and the answer still counts.
    """
    payment = context.ledger.payment(sent.payment_id) or sent
    if isinstance(outcome, Answered):
        return _verify(context, payment, outcome)
    to = DECLINED_FROM.get(payment.state) if isinstance(outcome, Declined) else State.UNKNOWN
    if to is None or to == payment.state or payment.state not in UNRESOLVED:
        return payment
    moved = _move(context, payment, to, outcome.detail)
    context.checkpoint(Checkpoint.SETTLED)
    return moved


def _verify(context: Context, payment: Payment, outcome: Answered) -> Payment:
    claim = outcome.claim
    noted = context.ledger.note(payment, "answered", context.now(), {"claim": claim.as_json()})
    context.checkpoint(Checkpoint.ANSWER_WRITTEN)
    payment = noted or payment
    if payment.state not in UNRESOLVED:
        return payment
    problem = rails.claim_problem(claim, payment.order, context.policy.url_hosts)
    if not problem:
        look = look_at_payments(context)
        problem = look.problem
        opened = settle(context, payment, look.listing)
        if opened:
            return opened
    payment = context.ledger.payment(payment.payment_id) or payment
    if payment.state == State.SENDING:
        payment = _move(context, payment, State.UNKNOWN, problem or "the answer could not be verified yet")
        context.checkpoint(Checkpoint.SETTLED)
    return payment


def _move(context: Context, payment: Payment, to: State, detail: str) -> Payment:
    tell = telling.on_entering(payment.payment_id, to)
    moved = context.ledger.move(payment, to, context.now(), {"detail": detail}, tell)
    return moved or context.ledger.payment(payment.payment_id) or payment
