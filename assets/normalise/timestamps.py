"""Parsing of timestamps: ``YYYY-MM-DD HH:MM:SS`` without a zone (the vendor's own), ISO 8601, Unix seconds or ms.

A local time that the end of summer time repeats, or that its beginning skips, has the offset from before the change:
the first of the two hours, and the time that a clock which was not put forward shows.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

TIMESTAMP = pd.ArrowDtype(pa.timestamp("us", "UTC"))
VENDOR_FORMAT, VENDOR_LENGTH = "%Y-%m-%d %H:%M:%S", 19
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The range of Python's datetime; an offset may lead beyond it.
EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
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


def parse_timestamps(values: pd.Series[Any], zone: str) -> tuple[pd.Series[Any], list[int]]:
    """``values`` (dtype object) as UTC timestamps, and the rows of invalid values.

    ``zone`` is that of texts without one. An empty text, a zero date and zero are null: they stand for no timestamp.
    """
    types = values.map(type)
    texts = values[types.isin([str]) & (values != "")]
    numbers = values[types.isin([int, Decimal])]
    naive = _parse_vendor_format(texts, zone)
    iso = texts[naive.isna()].map(lambda text: _parse_iso(text.strip(), zone))
    parsed = pd.concat([naive.dropna(), _as_utc(iso), _as_utc(numbers.map(_from_unix))]).reindex(values.index)
    parsed = parsed.where(parsed.between(EARLIEST, LATEST))
    unread = values[values.notna() & parsed.isna()]
    return parsed.astype(TIMESTAMP), unread.index[~unread.map(_is_no_timestamp).astype(bool)].tolist()


def _parse_vendor_format(texts: pd.Series[Any], zone: str) -> pd.Series[Any]:
    # Selected by length, because pandas also reads the words "now" and "today".
    candidates = texts.where(texts.map(len) == VENDOR_LENGTH)
    naive: pd.Series[Any] = pd.to_datetime(candidates, format=VENDOR_FORMAT, errors="coerce")
    return _as_utc(naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT"))


def _as_utc(timestamps: pd.Series[Any]) -> pd.Series[Any]:
    utc: pd.Series[Any] = timestamps.astype("datetime64[us, UTC]")
    return utc


def _parse_iso(text: str, zone: str) -> datetime | None:
    if UNIX_TIME.fullmatch(text):
        return _from_unix(Decimal(text))
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_unix(number: int | Decimal) -> datetime | None:
    """``number`` as seconds, or as milliseconds where the year would have more than four digits; None for zero."""
    size = number if number > 0 else -number
    is_seconds = 0 < size < MAX_UNIX_SECONDS + 1
    is_never = MAX_UNIX_SECONDS * 1000 <= size < (MAX_UNIX_SECONDS + 1) * 1000
    if not (is_seconds or is_never or 0 < size < MAX_UNIX_MILLISECONDS):
        return None
    return EPOCH + timedelta(microseconds=int(number * (1_000_000 if is_seconds else 1000)))


def _is_no_timestamp(value: Any) -> bool:
    if type(value) is str:
        return bool(NO_TIMESTAMP.fullmatch(value.strip()))
    return type(value) in (int, Decimal) and not value
