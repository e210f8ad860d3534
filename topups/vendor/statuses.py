"""The vendor's payment statuses in groups. They are those of Cryptomus; that the vendor passes them on unchanged is
assumed, so ``parse_status`` reads other spellings, and ``[topup.statuses]`` gives further words their meaning.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from smsonline.endpoints import suggest_name

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
# The same for a row without an end, after its creation. The longest life of an invoice at Cryptomus is 12 hours.
STALE_WITHOUT_EXPIRY = timedelta(days=3)
MAX_WORD_LENGTH = 64


class InvalidStatusMapping(ValueError):
    """An entry of ``[topup.statuses]`` that cannot be applied; ``str()`` is one line that names it."""


def parse_status(text: str, mapping: Mapping[str, str]) -> str:
    """The documented status that ``text`` spells or ``mapping`` gives it, else the cleaned unknown word.

    Case, surrounding blanks, and ``-`` or a blank in the place of ``_`` do not matter. The keys of ``mapping`` are
    cleaned words, as ``status_mapping`` returns them.
    """
    cleaned = _clean(text)
    return cleaned if cleaned in ALL_STATUSES else mapping.get(cleaned, cleaned)


def status_mapping(entries: Mapping[str, str]) -> dict[str, str]:
    """``[topup.statuses]``: the vendor's further words, cleaned, each with the documented status that it means.

    Raises ``InvalidStatusMapping`` for another status, and for a documented word that is given another meaning.
    """
    mapping: dict[str, str] = {}
    for text, meaning in entries.items():
        cleaned, status = _clean(str(text)), _clean(str(meaning))
        if status not in ALL_STATUSES:
            raise InvalidStatusMapping(
                f"{cleaned} = {meaning!r}: that is no documented status; {suggest_name(status, sorted(ALL_STATUSES))}"
            )
        if cleaned in ALL_STATUSES and cleaned != status:
            raise InvalidStatusMapping(
                f"{cleaned} = {status!r}: {cleaned} is a documented status and keeps its meaning"
            )
        mapping[cleaned] = status
    return mapping


def is_unknown(status: str) -> bool:
    """Whether the vendor names a status that is not documented; no status at all is none."""
    return bool(status) and status not in ALL_STATUSES


def is_payable_or_pending(status: str, ends_at: datetime | None, now: datetime, since: datetime | None = None) -> bool:
    """Whether a payment with this status is payable or confirming.

    An unknown status counts as payable until its time is over. ``ends_at`` (UTC) is when the payment page closes,
    ``since`` when the payment was created or first seen.
    """
    if status in FINAL:
        return False
    if status in IN_PROGRESS:
        return True
    if ends_at is not None:
        return now < ends_at + STALE_AFTER_EXPIRY
    return since is None or now < since + STALE_WITHOUT_EXPIRY


def _clean(text: str) -> str:
    return re.sub(r"[\s_-]+", "_", text.strip()).strip("_").lower()[:MAX_WORD_LENGTH]
