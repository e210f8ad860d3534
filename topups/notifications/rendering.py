"""The messages to people: titles, texts and QR codes, from verified columns only."""

import io
import re
from dataclasses import dataclass, field
from datetime import datetime

import segno

from topups.ledger.models import OutboxRow, Payment
from topups.money import usd
from topups.notifications.rules import PAYABLE
from topups.payment_states import State

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
URGENT = frozenset(
    {
        *("needs_human", "mismatch", "duplicate", "credit_late", "last_tenth", "breaker", "low_balance"),
        *("other_ledger", "unproven"),
    }
)


@dataclass(frozen=True)
class Notice:
    """A message to a person. ``qr`` is a PNG to scan, or empty."""

    title: str
    body: str
    urgent: bool = False
    qr: bytes = field(default=b"", repr=False)


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
