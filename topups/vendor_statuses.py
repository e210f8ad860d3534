"""The vendor's payment statuses in groups. They are those of Cryptomus; that the vendor passes them on unchanged is
assumed.
"""

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
# A row that is never closed would block forever; a day after its end it cannot be paid any more.
STALE_AFTER_EXPIRY = timedelta(days=1)


def is_payable_or_pending(status: str, ends_at: datetime | None, now: datetime) -> bool:
    """Whether a payment with this status is payable or confirming.

    An unknown status counts as payable. ``ends_at`` (UTC) is when the payment page closes.
    """
    if status in FINAL:
        return False
    if status in IN_PROGRESS:
        return True
    return ends_at is None or now < ends_at + STALE_AFTER_EXPIRY
