"""Settings that teach this program the vendor's words and zone, as lines to write."""

import json
from datetime import datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from topups.vendor.statuses import ALL_STATUSES

# Words of other payment providers.
OTHER_WORDS = {
    **dict.fromkeys(("complete", "completed", "success", "successful", "succeeded", "done", "finished"), "paid"),
    **dict.fromkeys(("payed", "credited", "approved", "settled"), "paid"),
    **dict.fromkeys(("new", "created", "open", "opened", "pending", "unpaid", "waiting", "active", "issued"), "check"),
    **dict.fromkeys(("canceled", "cancelled", "expired", "timeout", "timed_out", "void", "closed"), "cancel"),
    **dict.fromkeys(("failed", "failure", "error", "declined", "rejected"), "fail"),
    **dict.fromkeys(("confirming", "processing", "in_progress"), "process"),
    **dict.fromkeys(("underpaid", "partial", "partially_paid"), "wrong_amount"),
    **dict.fromkeys(("refunded", "refund"), "refund_paid"),
    **dict.fromkeys(("on_hold", "hold", "frozen", "review"), "locked"),
    "overpaid": "paid_over",
}
# Named zones without summer time, by minutes ahead of UTC, where it is no whole hour.
ZONES = {
    **{210: "Asia/Tehran", 270: "Asia/Kabul", 330: "Asia/Kolkata", 345: "Asia/Kathmandu", 390: "Asia/Yangon"},
    **{525: "Australia/Eucla", 570: "Australia/Darwin", -570: "Pacific/Marquesas"},
}


def likely_status(status: str) -> str:
    """The documented status that an unknown one probably means; empty where nothing is near."""
    near = get_close_matches(status, ALL_STATUSES, 1, cutoff=0.7)
    return OTHER_WORDS.get(status) or (near[0] if near else "")


def status_line(status: str) -> str:
    """The entry of ``[topup.statuses]`` for an unknown status; what has to be filled in is three dots."""
    return f'{json.dumps(status)} = "{likely_status(status) or "..."}"'


def zone_name(configured: str, offset: timedelta, at: datetime) -> str:
    """The IANA name of a zone ``offset`` ahead of the ``configured`` one at ``at``; empty where none has it."""
    total = offset + (at.astimezone(ZoneInfo(configured)).utcoffset() or timedelta())
    minutes = total // timedelta(minutes=1)
    hours, rest = divmod(minutes, 60)
    if rest or not -12 <= hours <= 14:
        return ZONES.get(minutes, "")
    # The sign of these names is that of the way to UTC.
    return "UTC" if not hours else f"Etc/GMT{-hours:+d}"


def offset_text(offset: timedelta) -> str:
    """``3 h ahead of``, ``5 h 30 min behind``."""
    hours, minutes = divmod(abs(offset // timedelta(minutes=1)), 60)
    size = " ".join(filter(None, [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]))
    return f"{size} {'ahead of' if offset > timedelta() else 'behind'}"
