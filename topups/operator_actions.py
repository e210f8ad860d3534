"""Operator actions: approve, reject or close a payment; pause and resume all top-ups."""

from datetime import datetime

from topups.ledger.ledger import Ledger
from topups.ledger.models import AccountControls, Payment
from topups.ledger.schema import ALL_ACCOUNTS
from topups.payment_states import MANUAL_CLOSE, PaymentException, State
from topups.policy import Policy


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


def pause(ledger: Ledger, by: str, explanation: str, now: datetime, account_id: str = ALL_ACCOUNTS) -> AccountControls:
    """Switches the ledger's kill switch on: no payment is created any more."""
    reason = f"paused by {by}{f': {explanation}' if explanation else ''}"
    return ledger.update_controls(account_id, "paused", now, by, paused=reason)


def resume(ledger: Ledger, by: str, now: datetime, account_id: str = ALL_ACCOUNTS) -> AccountControls:
    """Ends the pause, and closes the breaker of a named account."""
    if account_id == ALL_ACCOUNTS:
        return ledger.update_controls(account_id, "resumed", now, by, paused="")
    return ledger.update_controls(account_id, "resumed", now, by, paused="", failures=0)


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
