"""Operator actions: approve, reject or close a payment; pause and resume all top-ups; accept a ledger as complete."""

from datetime import datetime

from sqlalchemy import select

from topups.ledger.future_instants import correct_future_instants, read_instants
from topups.ledger.ledger import Ledger
from topups.ledger.models import AccountControls, Payment
from topups.ledger.queries import read_controls
from topups.ledger.schema import ALL_ACCOUNTS, controls, payments
from topups.payment_states import MANUAL_CLOSE, OUTCOME_PENDING, PaymentException, State
from topups.policy import Policy

DOUBTED = (PaymentException.UNPROVEN, PaymentException.OTHER_LEDGER)


class ActionNotAllowed(Exception):
    """The payment is in the wrong state for this action; ``str()`` is one line for the operator."""


def approve(ledger: Ledger, payment_id: str, by: str, now: datetime, policy: Policy) -> Payment:
    """Approves a waiting payment; the next run sends it. Approving twice changes nothing.

    Raises ``ActionNotAllowed`` if it does not wait, or waited too long.
    """
    payment = _payment_awaiting_approval(ledger, payment_id)
    if payment.approved_at is not None:
        return payment
    if now - payment.state_since > policy.approval_life:
        raise ActionNotAllowed(
            f"payment {payment_id} waited too long; the next run requests approval again if the balance is still low"
        )
    approved = ledger.update_payment(payment, "approved", now, {"approved_at": now, "approved_by": by})
    return approved or _payment_awaiting_approval(ledger, payment_id)


def reject(ledger: Ledger, payment_id: str, by: str, now: datetime) -> Payment:
    """Rejects a waiting payment. Raises ``ActionNotAllowed`` if it does not wait."""
    payment = _payment_awaiting_approval(ledger, payment_id)
    released = ledger.transition(payment, State.RELEASED, now, {"detail": f"rejected by {by}"})
    if released is None:
        raise ActionNotAllowed(f"payment {payment_id} changed in the meantime; check it again")
    return released


def close(ledger: Ledger, payment_id: str, by: str, now: datetime) -> Payment:
    """Closes a stuck payment, ours or an external one, after a check on the vendor's site: it blocks nothing any more.

    Raises ``ActionNotAllowed`` if it is not stuck.
    """
    payment = _existing_payment(ledger, payment_id)
    to = MANUAL_CLOSE.get(payment.state)
    if to is None:
        raise ActionNotAllowed(f"payment {payment_id} is {payment.state}; there is nothing to close")
    # The exception of an external payment tells whether it counts towards the caps.
    exception = payment.exception if payment.state == State.EXTERNAL else PaymentException.MANUAL_MARK
    changes = {"exception": exception, "detail": f"closed by {by}"}
    closed = ledger.transition(payment, to, now, changes)
    if closed is None:
        raise ActionNotAllowed(f"payment {payment_id} changed in the meantime; check it again")
    return closed


def pause_text(by: str, explanation: str) -> str:
    """The text of a pause, as refusals show it."""
    return f"paused by {by}{f': {explanation}' if explanation else ''}"


def pause(ledger: Ledger, by: str, explanation: str, now: datetime, account_id: str = ALL_ACCOUNTS) -> AccountControls:
    """Switches the ledger's kill switch on: no payment is created any more."""
    return ledger.update_controls(account_id, "paused", now, by, paused=pause_text(by, explanation))


def resume(ledger: Ledger, by: str, now: datetime, account_id: str = ALL_ACCOUNTS) -> AccountControls:
    """Ends the pause; of a named account also closes the breaker and corrects what a clock that was ahead recorded."""
    if account_id == ALL_ACCOUNTS:
        return ledger.update_controls(account_id, "resumed", now, by, paused="")
    if read_instants(ledger, account_id, now).after:
        correct_future_instants(ledger, account_id, now, now)
    return ledger.update_controls(account_id, "resumed", now, by, paused="", failures=0)


def adopt(ledger: Ledger, account_id: str, by: str, now: datetime) -> list[Payment]:
    """Accepts the payments that may be this program's own as made by others, and the ledger as complete.

    Returns them. They count no more, and payments that appear later are others' as well. Doing it again changes
    nothing. Raises ``ActionNotAllowed`` while the outcome of a request is unknown: a row may be its payment.
    """
    pending = next(iter(ledger.payments(states=OUTCOME_PENDING, limit=1)), None)
    if pending:
        raise ActionNotAllowed(f"the outcome of payment {pending.payment_id} is not known yet; try again later")
    accepted: list[Payment] = []
    with ledger.write_transaction(now) as unit:
        rows = unit.connection.execute(select(payments).where(payments.c.exception.in_(DOUBTED)))
        for payment in [Payment(*row) for row in rows.all()]:
            accepted += filter(None, [unit.update(payment, "accepted", {"exception": PaymentException.EXTERNAL})])
        doubted = {account_id, ALL_ACCOUNTS, *unit.connection.execute(select(controls.c.account_id)).scalars()}
        for name in sorted(doubted):
            current = next(c for c in read_controls(unit.connection, name) if c.account_id == name)
            if (current.unproven_until is None and name == account_id) or (current.unproven_until or now) > now:
                unit.update_controls(name, "adopted_ledger", by, unproven_until=now, unproven_reason="")
    return accepted


def _existing_payment(ledger: Ledger, payment_id: str) -> Payment:
    payment = ledger.payment(payment_id)
    if payment is None:
        raise ActionNotAllowed(f"there is no payment {payment_id}; see the list for their ids")
    return payment


def _payment_awaiting_approval(ledger: Ledger, payment_id: str) -> Payment:
    payment = _existing_payment(ledger, payment_id)
    if payment.state != State.AWAITING_APPROVAL:
        raise ActionNotAllowed(f"payment {payment_id} is {payment.state} and does not wait for approval")
    return payment
