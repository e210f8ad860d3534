"""The texts of notices about the vendor's own words and times."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from topups.vendor.setting_proposals import likely_status, offset_text, status_line, zone_name
from topups.vendor.statuses import ALL_STATUSES


def unknown_status_lines(status: str) -> list[str]:
    """What an unknown status means for the payments, and the setting that gives it a meaning."""
    guess = likely_status(status)
    meaning = f"if it means {guess!r}" if guess else f"with one of {', '.join(sorted(ALL_STATUSES))}"
    return [
        f"The vendor's status {status!r} has no known meaning: it is taken for neither paid nor unpaid",
        "Look at the payment on the vendor's site; its transaction, the balance and the time decide until then",
        f"Write into smsonline.toml, {meaning}:",
        "[topup.statuses]",
        status_line(status),
    ]


def zone_lines(payload: Mapping[str, Any], now: datetime) -> list[str]:
    """How far the vendor's times are off, and the setting that says so."""
    zone, offset = payload.get("zone", "UTC"), timedelta(minutes=payload.get("offset_minutes", 0))
    lines = [f"The vendor's times are {offset_text(offset)} {zone}; this is corrected, nothing is wrong"]
    name = zone_name(zone, offset, now)
    return [*lines, f'Write into smsonline.toml: [topup_units] zone = "{name}"'] if name else lines
