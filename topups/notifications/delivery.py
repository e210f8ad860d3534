"""Delivers the outbox to people, at least once, through any service that apprise knows."""

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import segno

from topups.gateway import Clock
from topups.ledger import outbox
from topups.ledger.ledger import Ledger
from topups.ledger.models import OutboxRow, Payment
from topups.money import usd
from topups.notifications import rules
from topups.notifications.rules import PAYABLE
from topups.payment_states import State
from topups.workflow.context import Checkpoint

# Notices that ask for an action are sent only while the payment is in one of these states.
ACTIONABLE_STATES = {
    **dict.fromkeys(("pay", "pay_link", "half_life", "last_tenth", "underpaid"), PAYABLE),
    "approval": frozenset({State.AWAITING_APPROVAL}),
}
TITLES = {
    "pay": "Please pay {amount}",
    "pay_link": "How to pay {amount}",
    "half_life": "Still unpaid: {amount}, half of the time is over",
    "last_tenth": "Still unpaid: {amount}, almost no time is left",
    "approval": "May {amount} be asked for?",
    "mismatch": "Do not pay: the vendor made a payment of another amount than {amount}",
    "rejected": "The vendor refused a payment of {amount}",
    "unknown": "It is unknown whether the vendor made a payment of {amount}",
    "not_created": "The vendor made no payment of {amount} after all",
    "needs_human": "Please look at the vendor's site: a payment of {amount} cannot be explained",
    "underpaid": "Too little was paid of {amount}; the rest is still missing",
    "underpaid_for_good": "Too little was paid of {amount}, and its time is over",
    "locked": "A payment of {amount} is held by the payment provider's checks",
    "failed": "A payment of {amount} failed",
    "paid": "Paid: {amount}",
    "credited": "Arrived: {amount}",
    "credit_late": "Paid but not arrived: {amount}",
    "expired": "Nobody paid {amount} in time",
    "late": "Money arrives late for {amount}",
    "refunding": "A payment of {amount} is being refunded",
    "external": "Somebody else asked for {amount}; nothing is created meanwhile",
    "duplicate": "Check before paying: a payment of {amount} may exist twice",
    "other_ledger": "A second ledger seems to ask for payments: {amount}; nothing is created until topup adopt",
    "unproven": "The ledger may lack payments: those at the vendor count as its own",
    "breaker": "Top-ups stopped: several payments failed in a row",
    "low_balance": "The balance is low and no payment is created",
}
# The vendor's own texts may hold an unverified link or address.
UNVERIFIED_TEXT = re.compile(r"\S+://\S+|\S+\.[^\s/]+/\S+|[0-9A-Za-z_]{25,}")
CAP_TITLE = "{percent} % of a top-up limit is used"
URGENT = frozenset({"needs_human", "mismatch", "duplicate", "credit_late", "last_tenth", "breaker", "low_balance"}) | {
    "other_ledger",
    "unproven",
}


@dataclass(frozen=True)
class Notice:
    """A message to a person. ``qr`` is a PNG to scan, or empty."""

    title: str
    body: str
    urgent: bool = False
    qr: bytes = field(default=b"", repr=False)


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


def render(row: OutboxRow, payment: Payment | None, now: datetime) -> Notice:
    """The message of a notice. Links and addresses come from verified columns only."""
    amount = usd(payment.amount_cents) if payment else ""
    title = TITLES.get(row.kind, CAP_TITLE).format(amount=amount, percent=row.payload.get("percent", ""))
    lines = [*_payload_lines(row), *(_payment_lines(payment, row, now) if payment else [])]
    is_actionable = row.kind in ACTIONABLE_STATES and payment is not None
    target = (payment.address or payment.url or "") if is_actionable and payment else ""
    return Notice(title, "\n".join(filter(None, lines)), row.kind in URGENT, qr_png(target) if target else b"")


def qr_png(text: str) -> bytes:
    """A PNG to scan."""
    image = io.BytesIO()
    segno.make(text, micro=False, error="m").save(image, kind="png", scale=6, border=4)
    return image.getvalue()


def _payment_lines(payment: Payment, row: OutboxRow, now: datetime) -> list[str]:
    lines = [f"Payment {payment.payment_id} of account {payment.account_id}: {payment.state}", payment.why]
    if payment.hours_to_empty:
        lines.append(f"The balance lasts about {payment.hours_to_empty} hours")
    if row.kind in ACTIONABLE_STATES and payment.state in PAYABLE:
        lines += _how_to_pay(payment, now)
    return [*lines, UNVERIFIED_TEXT.sub("(not shown)", payment.detail)]


def _how_to_pay(payment: Payment, now: datetime) -> list[str]:
    minutes = max(0, int((payment.ends_at - now).total_seconds() // 60)) if payment.ends_at else None
    left = "" if minutes is None else f"Time left: {minutes} minutes"
    if payment.address:
        coins = payment.amount_in_crypto or "the amount shown by the vendor"
        if payment.state == State.UNDERPAID_WAITING:
            coins = "only what is missing, in"
        return [f"Send {coins} {payment.currency} on {payment.network} to {payment.address}", payment.url or "", left]
    if payment.url:
        return [f"Pay here: {payment.url}", left]
    return ["Its link could not be verified yet: open the payment on the vendor's site", left]


def _payload_lines(row: OutboxRow) -> list[str]:
    payload = row.payload
    spent, limit, balance = (payload.get(name) for name in ("spent_cents", "limit_cents", "balance_cents"))
    hours = payload.get("hours_to_empty")
    return [
        f"{payload['cap']}: {usd(spent)} of {usd(limit)}" if spent is not None and limit is not None else "",
        f"Balance: {usd(balance)}" if balance is not None else "",
        f"The balance lasts about {hours:.1f} hours" if isinstance(hours, float) else "",
        f"{payload['reason']}: {UNVERIFIED_TEXT.sub('(not shown)', payload.get('facts', ''))}"
        if "reason" in payload
        else "",
        f"{payload['failures']} payments failed in a row; resume when the cause is known"
        if "failures" in payload
        else "",
    ]


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
