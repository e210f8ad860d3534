"""The vendor's words for a payment's state, in groups. They are Cryptomus' words; that the vendor passes them on
unchanged is assumed (vendor-api.md 3.8)."""

from __future__ import annotations

from datetime import datetime, timedelta

AWAITING_PAYMENT = frozenset({"check"})
CONFIRMING = frozenset({"process", "confirm_check"})
PART_PAID_WAITING = frozenset({"wrong_amount_waiting"})
PAID = frozenset({"paid", "paid_over"})
PART_PAID = frozenset({"wrong_amount"})
CANCELLED = frozenset({"cancel"})
FAILED = frozenset({"fail", "system_fail"})
LOCKED = frozenset({"locked"})
REFUND = frozenset({"refund_process", "refund_fail", "refund_paid"})
IN_PROGRESS = CONFIRMING | PART_PAID_WAITING | LOCKED
FINAL = PAID | PART_PAID | CANCELLED | FAILED | REFUND
ALL_STATUSES = AWAITING_PAYMENT | IN_PROGRESS | FINAL
# A row nobody ever closes would block for ever; a day after its end nobody can pay it any more.
STALE_AFTER_EXPIRY = timedelta(days=1)


def is_payable_or_pending(status: str, ends_at: datetime | None, now: datetime) -> bool:
    """Whether a payment with this status is payable or confirming, as far as anybody can tell.

    A word we do not know blocks like an open payment. ``ends_at`` (UTC) is when the payment page closes.
    """
    if status in FINAL:
        return False
    if status in IN_PROGRESS:
        return True
    return ends_at is None or now < ends_at + STALE_AFTER_EXPIRY
