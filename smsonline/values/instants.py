"""Timestamps of the vendor: ``YYYY-MM-DD HH:MM:SS`` without a zone (its own), ISO 8601, Unix seconds or milliseconds.

A local time that the end of summer time repeats, or that its beginning skips, has the offset from before the change:
the first of the two hours, and the time that a clock which was not put forward shows.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The last second of the year 9999, which some write for "never". What is larger can only be milliseconds.
MAX_UNIX_SECONDS = 253402300799
# Milliseconds of this century have 13 digits. What is longer is a time of another notation, or "never" again.
MAX_UNIX_MILLISECONDS = 10**13
# A text of eight digits may be a date.
UNIX_TIME = re.compile(r"(?:[0-9]{9,13}|[0-9]{15})(?:\.[0-9]+)?")
# What databases and programs write for no timestamp; the last is PHP's form of the first.
NO_TIMESTAMP = re.compile(
    r"(?:|0+(?:\.0*)?|(?:0000-00-00|-0001-11-30)(?:[T ]00:00(?::00(?:\.0+)?)?)?(?:Z|[+-]00:?00)?)", re.IGNORECASE
)
# Beyond these years a timestamp stands for "never" or "unknown", such as 0001, 1970 or 9999, and differences to it
# have no meaning or no representation.
EARLIEST_USABLE = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_USABLE = datetime(2200, 1, 1, tzinfo=UTC)


def parse_timestamp_text(text: str, zone: str) -> datetime | None:
    """A text as UTC, ``zone`` being that of a text without one; None if it is no timestamp, or beyond the calendar."""
    text = text.strip()
    if UNIX_TIME.fullmatch(text):
        return from_unix(Decimal(text))
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def from_unix(number: int | Decimal) -> datetime | None:
    """``number`` as seconds, or as milliseconds where the year would have more than four digits; None for zero."""
    size = number if number > 0 else -number
    is_seconds = 0 < size < MAX_UNIX_SECONDS + 1
    is_never = MAX_UNIX_SECONDS * 1000 <= size < (MAX_UNIX_SECONDS + 1) * 1000
    if not (is_seconds or is_never or 0 < size < MAX_UNIX_MILLISECONDS):
        return None
    return EPOCH + timedelta(microseconds=int(number * (1_000_000 if is_seconds else 1000)))


def is_no_timestamp(value: Any) -> bool:
    """Whether ``value`` is what databases write for no timestamp: an empty text, a zero date, zero."""
    if type(value) is str:
        return bool(NO_TIMESTAMP.fullmatch(value.strip()))
    return type(value) in (int, Decimal) and not value


def usable_timestamp(value: Any, zone: str) -> datetime | None:
    """A JSON value as UTC, in any notation; None unless months can be added to it and taken from it."""
    if type(value) in (int, Decimal):
        moment = from_unix(value)
    else:
        moment = parse_timestamp_text(value, zone) if type(value) is str else None
    return moment if moment is not None and EARLIEST_USABLE <= moment < LATEST_USABLE else None


def is_without_zone(value: Any) -> bool:
    """Whether a timestamp is a local time whose zone it does not say."""
    return type(value) is str and parse_timestamp_text(value, "UTC") != parse_timestamp_text(value, "Etc/GMT+12")
