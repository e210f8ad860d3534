"""Parsing of timestamps: ``YYYY-MM-DD HH:MM:SS`` without a zone (the vendor's own), ISO 8601, Unix seconds or ms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

TIMESTAMP = pd.ArrowDtype(pa.timestamp("us", "UTC"))
VENDOR_FORMAT, VENDOR_LENGTH = "%Y-%m-%d %H:%M:%S", 19
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The range of Python's datetime; an offset may lead beyond it.
EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
# Unix times of this century have ten digits in seconds and thirteen in milliseconds; a text of eight may be a date.
MAX_UNIX_SECONDS = 10**11
UNIX_DIGITS = range(9, 14)


def parse_timestamps(values: pd.Series[Any], zone: str) -> tuple[pd.Series[Any], list[int]]:
    """``values`` (dtype object) as UTC timestamps, and the rows of invalid values.

    ``zone`` is that of texts without one. An empty text is null: the vendor writes it for a missing timestamp.
    """
    present = values.notna() & (values != "")
    texts = values[present & values.map(lambda value: type(value) is str).astype(bool)]
    numbers = values[present & values.map(lambda value: type(value) is int).astype(bool)]
    naive = _parse_vendor_format(texts, zone)
    iso = texts[naive.isna()].map(lambda text: _parse_iso(text.strip(), zone))
    parsed = pd.concat([naive.dropna(), _as_utc(iso), _as_utc(numbers.map(_from_unix))]).reindex(values.index)
    parsed = parsed.where(parsed.between(EARLIEST, LATEST))
    invalid = present & parsed.isna()
    return parsed.astype(TIMESTAMP), values.index[invalid].tolist()


def _parse_vendor_format(texts: pd.Series[Any], zone: str) -> pd.Series[Any]:
    # Selected by length, because pandas also reads the words "now" and "today".
    candidates = texts.where(texts.map(len) == VENDOR_LENGTH)
    naive: pd.Series[Any] = pd.to_datetime(candidates, format=VENDOR_FORMAT, errors="coerce")
    # An hour that daylight saving repeats is ambiguous: null, so that the record is rejected.
    return _as_utc(naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward"))


def _as_utc(timestamps: pd.Series[Any]) -> pd.Series[Any]:
    utc: pd.Series[Any] = timestamps.astype("datetime64[us, UTC]")
    return utc


def _parse_iso(text: str, zone: str) -> datetime | None:
    if text.isdecimal() and len(text) in UNIX_DIGITS:
        return _from_unix(int(text))
    try:
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo else pd.Timestamp(moment).tz_localize(zone).to_pydatetime()
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_unix(number: int) -> datetime | None:
    milliseconds = number if abs(number) > MAX_UNIX_SECONDS else number * 1000
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
