"""Delivers the outbox to people, at least once, through any service that apprise knows."""

import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from topups.clock import Clock
from topups.ledger import outbox
from topups.ledger.ledger import Ledger
from topups.notifications.messages import Notice, render, stale_reason
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


class AppriseNotifier:
    """Sends through apprise to the services behind the given URLs, which hold secrets and are never shown."""

    def __init__(self, urls: Sequence[str]) -> None:
        # The first address loads all plugins; some import what Python deprecates.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import apprise  # slow to import, and needed for sending only

            self._services = [apprise.Apprise() for _ in urls]
            for number, (service, url) in enumerate(zip(self._services, urls, strict=True), start=1):
                if not service.add(url):
                    line = f"SMSONLINE_TOPUP_NOTIFY: address number {number} is none that apprise understands"
                    raise ValueError(line)

    def send(self, notice: Notice) -> bool:
        """Whether one service accepted it. If all had to, one that is down would make the others get it again and
        again.
        """
        import apprise
        from apprise.attachment.memory import AttachMemory

        kind = apprise.NotifyType.WARNING if notice.urgent else apprise.NotifyType.INFO
        attachment = None
        if notice.qr:
            attachment = [AttachMemory(content=notice.qr, name="payment.png", mimetype="image/png")]  # type: ignore[no-untyped-call]
        results = [
            service.notify(body=notice.body, title=notice.title, notify_type=kind, attach=attachment)
            for service in self._services
        ]
        return any(results)
