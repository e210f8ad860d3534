"""Delivers the outbox to people, at least once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from topups.gateway import Clock
from topups.ledger import outbox
from topups.ledger.ledger import Ledger
from topups.ledger.models import OutboxRow, Payment
from topups.notifications import rules
from topups.notifications.rendering import ACTIONABLE_STATES, Notice, render
from topups.workflow.context import Checkpoint


def stale_reason(row: OutboxRow, payment: Payment | None, now: datetime) -> str:
    """Why a notice would be misleading by now, or an empty text."""
    states = ACTIONABLE_STATES.get(row.kind)
    if states is None or payment is None:
        return ""
    if payment.state not in states:
        return f"not sent: the payment is {payment.state}"
    if row.kind != "approval" and not rules.may_request_payment(payment):
        return f"not sent: it is not to be paid, the vendor says {payment.vendor_status}"
    expired = payment.ends_at is not None and now >= payment.ends_at and row.kind != "approval"
    return "not sent: its time is over" if expired else ""


# The first retry waits this long, then twice as long each time up to the maximum.
MIN_RETRY_DELAY, MAX_RETRY_DELAY = timedelta(minutes=1), timedelta(hours=1)


class Notifier(Protocol):
    """Sends messages to people."""

    def send(self, notice: Notice) -> bool:
        """Whether at least one service accepted it. An exception counts as no."""


def deliver_outbox(
    ledger: Ledger,
    notifier: Notifier,
    account_id: str,
    clock: Clock,
    checkpoint: Callable[[Checkpoint], None] = lambda _: None,
) -> int:
    """Sends the waiting notices of an account; returns how many were delivered. The others are retried later."""
    delivered = 0
    for row in outbox.lease_batch(ledger, account_id, clock.now()):
        payment = ledger.payment(row.payment_id) if row.payment_id else None
        stale = stale_reason(row, payment, clock.now())
        sent = not stale and _send(notifier, render(row, payment, clock.now()))
        checkpoint(Checkpoint.NOTIFIED)
        if sent or stale:
            outbox.mark_done(ledger, row.key, clock.now(), stale or "delivered")
            delivered += sent
        else:
            wait = min(MIN_RETRY_DELAY * 2 ** min(row.attempts - 1, 10), MAX_RETRY_DELAY)
            outbox.reschedule(ledger, row.key, clock.now(), "nobody took it", clock.now() + wait)
        checkpoint(Checkpoint.NOTICE_RECORDED)
    return delivered


def _send(notifier: Notifier, notice: Notice) -> bool:
    try:
        return notifier.send(notice)
    except Exception:  # a failing service must not stop the others, and its text may hold its address
        return False
