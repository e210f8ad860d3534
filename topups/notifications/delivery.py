"""Delivers the outbox to people, at least once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from topups.gateway import Clock
from topups.ledger import outbox
from topups.ledger.ledger import Ledger
from topups.ledger.models import OutboxRow
from topups.notifications.rendering import Notice, is_urgent, render
from topups.notifications.rules import REQUESTS
from topups.notifications.staleness import stale_reason
from topups.policy import Policy
from topups.workflow.context import Checkpoint

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
    policy: Policy | None = None,
) -> int:
    """Sends the waiting notices of an account; returns how many were delivered. The others are retried later.

    Notices that are not urgent wait for the morning of the policy's owner. Raises ``LedgerUnavailable``.
    """
    waking = (policy or Policy()).waking_hours
    delivered = 0
    for row in outbox.lease_batch(ledger, account_id, clock.now()):
        payment = ledger.payment(row.payment_id) if row.payment_id else None
        stale, now = stale_reason(ledger, row, payment, clock.now()), clock.now()
        if not stale and not waking.is_awake(now) and can_wait(row):
            outbox.reschedule(ledger, row.key, now, "it waits for the morning", waking.next_morning(now))
            continue
        sent = not stale and send_notice(notifier, render(row, payment, now, policy))
        checkpoint(Checkpoint.NOTIFIED)
        if sent or stale:
            outbox.mark_done(ledger, row.key, clock.now(), stale or outbox.DELIVERED)
            delivered += sent
        else:
            wait = min(MIN_RETRY_DELAY * 2 ** min(row.attempts - 1, 10), MAX_RETRY_DELAY)
            outbox.reschedule(ledger, row.key, clock.now(), "nobody took it", clock.now() + wait)
        checkpoint(Checkpoint.NOTICE_RECORDED)
    return delivered


def can_wait(row: OutboxRow) -> bool:
    """Whether a notice may wait while the owner sleeps: nothing depends on the time at which it is read."""
    return not is_urgent(row) and row.kind != "approval" and row.kind not in REQUESTS


def send_notice(notifier: Notifier, notice: Notice) -> bool:
    """Whether a service accepted it; False for whatever fails."""
    try:
        return notifier.send(notice)
    except Exception:  # a failing service must not stop the others, and its text may hold its address
        return False
