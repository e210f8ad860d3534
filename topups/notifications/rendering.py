"""The messages to people: titles, texts and QR codes. Links and addresses come from verified columns only."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import segno

from topups.decision.remedies import remedy
from topups.decision.snapshot import Reason
from topups.evidence.payment_units import unit_warning
from topups.ledger.models import OutboxRow, Payment
from topups.money import usd
from topups.notifications.blocked_notices import BLOCKED
from topups.notifications.payment_uris import scan_text
from topups.notifications.rules import PAYABLE, REQUESTS
from topups.notifications.vendor_texts import unknown_status_lines, zone_lines
from topups.payment_states import State
from topups.policy import Policy

DO_NOT_PAY = "Do not pay it any more"
TITLES = {
    "pay": "Please pay {amount}",
    "pay_link": "How to pay {amount}",
    "half_life": "Still unpaid: {amount}, half of the time is over",
    "last_tenth": "Still unpaid: {amount}, almost no time is left",
    "withdrawn": "Do not pay {amount}: it is no longer needed or can no longer be paid",
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
    "other_amount": "The vendor's list changed the amount of a payment of {amount}",
    "credit_unproven": "Paid, and nothing shows that it arrived: {amount}",
    "units_disagree": "Top-ups stopped: another amount than {amount} arrived",
    "list_paid_only": "The vendor's list lacks a payment that can be paid",
    "unknown_status": "The vendor uses a status that is not known",
    "zone": "The vendor's times are in another zone than set",
    "unblocked": "Top-ups continue",
    "low_balance": "The balance is low and no payment is created",  # written by earlier versions
}
BLOCKED_TITLE = "The balance is low and no payment is requested: {reason}"
UNKNOWN_BALANCE_TITLE = "No payment can be requested, the balance is unknown: {reason}"
CAP_TITLE = "{percent} % of a top-up limit is used"
# What to do, for notices about a payment that is not to be paid now.
STEPS: Mapping[str, str] = {
    "approval": remedy(Reason.AWAITING_APPROVAL, "{id}"),
    "withdrawn": f"{DO_NOT_PAY}. If it is paid already: smsonline topup show {{id}}",
    "mismatch": f"{DO_NOT_PAY}; smsonline topup show {{id}}, and ask the vendor",
    "rejected": "smsonline doctor shows what the vendor returns",
    "unknown": "Request none by hand: smsonline topup reconcile searches for it",
    "needs_human": "If the vendor's site does not have it: smsonline topup close {id}",
    "underpaid_for_good": "Ask the vendor for the money, then smsonline topup close {id}",
    "locked": "Ask the vendor; smsonline topup show {id}",
    "failed": f"{DO_NOT_PAY}; smsonline topup show {{id}}",
    "credit_late": "Contact the vendor; smsonline topup show {id}",
    "credit_unproven": "Top-ups continue. Compare smsonline topup show {id} with the vendor's site",
    "units_disagree": "Correct [topup_units], then smsonline topup close {id}",
    "list_paid_only": "If it lists payments only once they are paid, add to [topup]: list_shows_paid_only = true",
    "expired": DO_NOT_PAY,
    "external": "Pay it on the vendor's site, or let it expire",
    "duplicate": "Compare smsonline topup list with the vendor's site, and pay one of them only",
    "other_ledger": remedy(Reason.LEDGER_UNPROVEN),
    "unproven": remedy(Reason.LEDGER_UNPROVEN),
    "breaker": remedy(Reason.BREAKER_OPEN),
}
# The vendor's own texts may hold an unverified link or address; names of settings are as long as an address.
UNVERIFIED_TEXT = re.compile(
    r"\S+://\S+|\S+\.[^\s/]+/\S+|(?<![0-9A-Za-z_])(?!SMSONLINE_[A-Z_]+(?![0-9A-Za-z_]))[0-9A-Za-z_]{25,}"
)
URGENT = frozenset(
    {
        *("needs_human", "mismatch", "withdrawn", "duplicate", "credit_late", "last_tenth", "breaker", "low_balance"),
        *("credit_unproven", "units_disagree"),
        *("other_ledger", "unproven"),
    }
)
NOT_URGENT_REASONS = frozenset({Reason.OUTSIDE_HOURS, Reason.DRY_RUN_WOULD_CREATE})
FEE_LINE = "The fee of your wallet comes on top: the whole amount has to arrive"


@dataclass(frozen=True)
class Notice:
    """A message to a person. ``qr`` is a PNG to scan, or empty."""

    title: str
    body: str
    urgent: bool = False
    qr: bytes = field(default=b"", repr=False)


def render(row: OutboxRow, payment: Payment | None, now: datetime, policy: Policy | None = None) -> Notice:
    """The message of a notice. Times are in the zone of the policy's owner, and named."""
    policy = policy or Policy()
    lines = [f"Account {row.account_id}"] if payment is None else []
    lines += [*_payload_lines(row, policy), *_vendor_lines(row, now)]
    lines += _payment_lines(payment, row, now, policy) if payment else []
    target = scan_text(payment) if payment and row.kind in REQUESTS else ""
    body = "\n".join(filter(None, lines))
    return Notice(_title(row, payment), body, is_urgent(row), qr_png(target) if target else b"")


def is_urgent(row: OutboxRow) -> bool:
    """Whether a person should look at once, also at night."""
    if row.kind.startswith(BLOCKED):
        return row.payload.get("mode") != "dry_run" and row.payload.get("reason") not in NOT_URGENT_REASONS
    return row.kind in URGENT


def _vendor_lines(row: OutboxRow, now: datetime) -> list[str]:
    if row.kind == "zone":
        return zone_lines(row.payload, now)
    if row.kind == "unknown_status":
        return unknown_status_lines(UNVERIFIED_TEXT.sub("...", row.payload.get("status", "")))
    return []


def qr_png(text: str) -> bytes:
    """A PNG to scan."""
    image = io.BytesIO()
    segno.make(text, micro=False, error="m").save(image, kind="png", scale=6, border=4)
    return image.getvalue()


def _title(row: OutboxRow, payment: Payment | None) -> str:
    if row.kind.startswith(BLOCKED):
        title = UNKNOWN_BALANCE_TITLE if row.payload.get("balance_cents") is None else BLOCKED_TITLE
        return title.format(reason=row.payload["reason"])
    amount = usd(payment.amount_cents) if payment else ""
    return TITLES.get(row.kind, CAP_TITLE).format(amount=amount, percent=row.payload.get("percent", ""))


def _payment_lines(payment: Payment, row: OutboxRow, now: datetime, policy: Policy) -> list[str]:
    lines = [f"Payment {payment.payment_id} of account {payment.account_id}: {payment.state}", payment.why]
    if payment.hours_to_empty:
        lines.append(f"The balance lasts about {payment.hours_to_empty} hours")
    if row.kind in REQUESTS and payment.state in PAYABLE:
        lines += [*_how_to_pay(payment, now, policy), unit_warning(payment)]
    lines.append(payment.instructions_problem if payment.state in PAYABLE | {State.PAID} else "")
    if payment.final_cents is not None:
        lines.append(f"The vendor's list now says {usd(payment.final_cents)}")
    if row.kind == "approval":
        lines.append(f"Decide until {policy.waking_hours.text(payment.state_since + policy.approval_life)}")
    lines.append(STEPS.get(row.kind, "").format(id=payment.payment_id))
    return [*lines, UNVERIFIED_TEXT.sub("(not shown)", payment.detail)]


def _how_to_pay(payment: Payment, now: datetime, policy: Policy) -> list[str]:
    minutes = max(0, int((payment.ends_at - now).total_seconds() // 60)) if payment.ends_at else 0
    left = f"Pay until {policy.waking_hours.text(payment.ends_at)}: {minutes} minutes" if payment.ends_at else ""
    if payment.address:
        coins = payment.amount_in_crypto or "the amount shown by the vendor"
        if payment.state == State.UNDERPAID_WAITING:
            coins = "only what is missing, in"
        where = f"Send {coins} {payment.currency} on {payment.network} to {payment.address}"
        return [where, f"Its page: {payment.url}" if payment.url else "", left, FEE_LINE]
    if payment.url:
        return [f"Pay here, where you choose coin and network: {payment.url}", left, FEE_LINE]
    return ["Its link is not shown yet: open the payment on the vendor's site", left, FEE_LINE]


def _payload_lines(row: OutboxRow, policy: Policy) -> list[str]:
    payload = row.payload
    spent, limit, balance = (payload.get(name) for name in ("spent_cents", "limit_cents", "balance_cents"))
    hours, failures = payload.get("hours_to_empty"), payload.get("failures")
    return [
        f"{payload['cap']}: {usd(spent)} of {usd(limit)}" if spent is not None and limit is not None else "",
        f"Balance: {usd(balance)}" if balance is not None else "",
        f"The balance lasts about {hours:.1f} hours" if isinstance(hours, float) else "",
        *_reason_lines(payload, policy),
        f"{failures} payments failed in a row" if failures is not None else "",
        STEPS["breaker"] if row.kind == "breaker" else "",
    ]


def _reason_lines(payload: Mapping[str, Any], policy: Policy) -> list[str]:
    """What stops the top-up, since when, and what helps."""
    explanation = UNVERIFIED_TEXT.sub("(not shown)", payload.get("facts", ""))
    reason = payload.get("reason")
    if reason is None:
        return [explanation]
    lines = [f"{reason}: {explanation}" if explanation else str(reason)]
    if "since" in payload:
        lines.append(f"Since {policy.waking_hours.text(datetime.fromisoformat(payload['since']))}")
        lines.append(f"What helps: {remedy(Reason(reason), payload.get('payment', ''))}")
    return lines
