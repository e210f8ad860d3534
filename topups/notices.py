"""Brings the outbox to people: one message per payment and kind, with what they need to act and nothing unverified."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import segno

from topups import telling
from topups.amounts import usd
from topups.context import Checkpoint, no_checkpoint
from topups.ledger import post
from topups.ledger.rows import OutboxRow, Payment
from topups.ledger.store import Ledger
from topups.ports import Clock, Notice, Notifier
from topups.states import State
from topups.telling import PAYABLE

# Another try after this, doubled each time up to the cap.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
# What asks a person to pay or to agree is worthless once it can no longer be done.
NEEDS_STATE = {
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
    "breaker": "Top-ups stopped: several payments failed in a row",
    "low_balance": "The balance is low and no payment is created",
}
# The vendor's own words may hold a link or an address that nobody has verified.
UNVERIFIED = re.compile(r"\S+://\S+|\S+\.[^\s/]+/\S+|[0-9A-Za-z_]{25,}")
CAP_TITLE = "{percent} % of a top-up limit is used"
URGENT = frozenset({"needs_human", "mismatch", "duplicate", "credit_late", "last_tenth", "breaker", "low_balance"})


def deliver(
    ledger: Ledger,
    notifier: Notifier,
    account_id: str,
    clock: Clock,
    checkpoint: Callable[[Checkpoint], None] = no_checkpoint,
) -> int:
    """Sends what waits for an account; how many were taken. A notice nobody took waits and is tried again."""
    taken = 0
    for row in post.claim(ledger, account_id, clock.now()):
        payment = ledger.payment(row.payment_id) if row.payment_id else None
        outdated = why_outdated(row, payment, clock.now())
        sent = not outdated and _sent(notifier, compose(row, payment, clock.now()))
        checkpoint(Checkpoint.NOTIFIED)
        if sent or outdated:
            post.finish(ledger, row.key, clock.now(), outdated or "delivered")
            taken += sent
        else:
            wait = min(FIRST_WAIT * 2 ** min(row.attempts - 1, 10), LONGEST_WAIT)
            post.put_back(ledger, row.key, clock.now(), "nobody took it", clock.now() + wait)
        checkpoint(Checkpoint.NOTICE_SETTLED)
    return taken


def why_outdated(row: OutboxRow, payment: Payment | None, now: datetime) -> str:
    """Why a notice would mislead by now, or an empty text."""
    wanted = NEEDS_STATE.get(row.kind)
    if wanted is None or payment is None:
        return ""
    if payment.state not in wanted:
        return f"not sent: the payment is {payment.state}"
    if row.kind != "approval" and not telling.is_to_be_paid(payment):
        return f"not sent: it is not to be paid, the vendor says {payment.vendor_status}"
    over = payment.ends_at is not None and now >= payment.ends_at and row.kind != "approval"
    return "not sent: its time is over" if over else ""


def compose(row: OutboxRow, payment: Payment | None, now: datetime) -> Notice:
    """The message. Links and addresses come from verified columns only."""
    amount = usd(payment.amount_cents) if payment else ""
    title = TITLES.get(row.kind, CAP_TITLE).format(amount=amount, percent=row.facts.get("percent", ""))
    lines = [*_facts(row), *(_about(payment, row, now) if payment else [])]
    asks = row.kind in NEEDS_STATE and payment is not None
    target = (payment.address or payment.url or "") if asks and payment else ""
    return Notice(title, "\n".join(filter(None, lines)), row.kind in URGENT, qr_png(target) if target else b"")


def qr_png(text: str) -> bytes:
    """A PNG to scan."""
    picture = io.BytesIO()
    segno.make(text, micro=False, error="m").save(picture, kind="png", scale=6, border=4)
    return picture.getvalue()


def _about(payment: Payment, row: OutboxRow, now: datetime) -> list[str]:
    lines = [f"Payment {payment.payment_id} of account {payment.account_id}: {payment.state}", payment.why]
    if payment.hours_to_empty:
        lines.append(f"The balance lasts about {payment.hours_to_empty} hours")
    if row.kind in NEEDS_STATE and payment.state in PAYABLE:
        lines += _how_to_pay(payment, now)
    return [*lines, UNVERIFIED.sub("(not shown)", payment.detail)]


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


def _facts(row: OutboxRow) -> list[str]:
    facts = row.facts
    spent, limit, balance = (facts.get(name) for name in ("spent_cents", "limit_cents", "balance_cents"))
    hours = facts.get("hours_to_empty")
    return [
        f"{facts['cap']}: {usd(spent)} of {usd(limit)}" if spent is not None and limit is not None else "",
        f"Balance: {usd(balance)}" if balance is not None else "",
        f"The balance lasts about {hours:.1f} hours" if isinstance(hours, float) else "",
        f"{facts['reason']}: {UNVERIFIED.sub('(not shown)', facts.get('facts', ''))}" if "reason" in facts else "",
        f"{facts['failures']} payments failed in a row; resume when the cause is known" if "failures" in facts else "",
    ]


class AppriseNotifier:
    """Sends through apprise to the services behind the given URLs (they hold secrets and are never shown)."""

    def __init__(self, urls: Sequence[str]) -> None:
        # It loads all its plugins with the first address; some import what Python is about to drop.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import apprise  # costly to import, and only the one who sends needs it

            self._services = [apprise.Apprise() for _ in urls]
            for number, (service, url) in enumerate(zip(self._services, urls, strict=True), start=1):
                if not service.add(url):
                    line = f"SMSONLINE_TOPUP_NOTIFY: address number {number} is none that apprise understands"
                    raise ValueError(line)

    def send(self, notice: Notice) -> bool:
        """Whether a service took it. Were all needed, one that is down would bring it to the others again and again."""
        import apprise
        from apprise.attachment.memory import AttachMemory

        kind = apprise.NotifyType.WARNING if notice.urgent else apprise.NotifyType.INFO
        picture = None
        if notice.qr:
            picture = [AttachMemory(content=notice.qr, name="payment.png", mimetype="image/png")]  # type: ignore[no-untyped-call]
        taken = [
            service.notify(body=notice.body, title=notice.title, notify_type=kind, attach=picture)
            for service in self._services
        ]
        return any(taken)


def _sent(notifier: Notifier, notice: Notice) -> bool:
    try:
        return notifier.send(notice)
    except Exception:  # a service that breaks must not stop the others, and its text may hold its address
        return False
