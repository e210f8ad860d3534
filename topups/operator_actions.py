"""What a person may do to a payment or to the whole: agree, refuse, stop, let go on, declare finished."""

from __future__ import annotations

from datetime import datetime

from topups.ledger.ledger import Ledger
from topups.ledger.models import Controls, Payment
from topups.ledger.schema import EVERY_ACCOUNT
from topups.payment_states import BY_HAND, Oddity, State
from topups.policy import Policy


class NotPossible(Exception):
    """The payment is not in a state for this; ``str()`` is one line for the person."""


def approve(ledger: Ledger, payment_id: str, by: str, now: datetime, policy: Policy) -> Payment:
    """Agrees to a waiting payment; the next pass sends it. Agreeing twice changes nothing.

    Raises ``NotPossible`` when it does not wait, or waited too long.
    """
    payment = _waiting(ledger, payment_id)
    if payment.approved_at is not None:
        return payment
    if now - payment.state_since > policy.approval_life:
        raise NotPossible(f"payment {payment_id} waited too long; the next pass asks anew if the balance is still low")
    agreed = ledger.note(payment, "approved", now, {"approved_at": now, "approved_by": by})
    return agreed or _waiting(ledger, payment_id)


def refuse(ledger: Ledger, payment_id: str, by: str, now: datetime) -> Payment:
    """Says no to a waiting payment. Raises ``NotPossible`` when it does not wait."""
    payment = _waiting(ledger, payment_id)
    released = ledger.move(payment, State.RELEASED, now, {"detail": f"refused by {by}"})
    if released is None:
        raise NotPossible(f"payment {payment_id} moved meanwhile; look again")
    return released


def finish(ledger: Ledger, payment_id: str, by: str, now: datetime) -> Payment:
    """Declares a stuck payment finished, after a look at the vendor's site: its slot becomes free.

    Raises ``NotPossible`` when it is not stuck.
    """
    payment = _known(ledger, payment_id)
    to = BY_HAND.get(payment.state)
    if to is None:
        raise NotPossible(f"payment {payment_id} is {payment.state}; there is nothing to declare")
    changes = {"exception": Oddity.MANUAL_MARK, "detail": f"declared finished by {by}"}
    finished = ledger.move(payment, to, now, changes)
    if finished is None:
        raise NotPossible(f"payment {payment_id} moved meanwhile; look again")
    return finished


def pause(ledger: Ledger, by: str, why: str, now: datetime, account_id: str = EVERY_ACCOUNT) -> Controls:
    """The ledger's kill switch: no payment is created any more."""
    word = f"paused by {by}{f': {why}' if why else ''}"
    return ledger.switch(account_id, "paused", now, by, paused=word)


def resume(ledger: Ledger, by: str, now: datetime, account_id: str = EVERY_ACCOUNT) -> Controls:
    """Ends the pause, and closes the breaker of a named account: a person has looked."""
    if account_id == EVERY_ACCOUNT:
        return ledger.switch(account_id, "resumed", now, by, paused="")
    return ledger.switch(account_id, "resumed", now, by, paused="", failures=0)


def _known(ledger: Ledger, payment_id: str) -> Payment:
    payment = ledger.payment(payment_id)
    if payment is None:
        raise NotPossible(f"there is no payment {payment_id}; see the list for their ids")
    return payment


def _waiting(ledger: Ledger, payment_id: str) -> Payment:
    payment = _known(ledger, payment_id)
    if payment.state != State.AWAITING_APPROVAL:
        raise NotPossible(f"payment {payment_id} is {payment.state} and does not wait for approval")
    return payment
