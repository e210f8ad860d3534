"""Instants from the vendor's spellings: ``YYYY-MM-DD HH:MM:SS`` without a zone, ISO 8601 with one, Unix seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

UTC_MICROSECONDS = pa.timestamp("us", "UTC")
VENDOR_FORMAT, VENDOR_LENGTH = "%Y-%m-%d %H:%M:%S", 19
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What Python can hold; an offset may lead beyond it.
EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
# Instants of this century are ten digits long in seconds, thirteen in milliseconds; a text of eight may be a date.
LARGEST_SECONDS = 10**11
UNIX_DIGITS = range(9, 14)


def instants(values: list[Any], zone: str) -> tuple[pa.Array, list[int]]:
    """``values`` as UTC timestamps, and the positions that are no instant. ``zone`` is that of naive texts.

    An empty text is null, as the vendor writes it where there is none.
    """
    given = pd.Series(values, dtype=object)
    present = given.notna() & (given != "")
    found = pd.Series(pd.NaT, index=given.index, dtype="datetime64[us, UTC]")
    texts = given[present & given.map(lambda value: type(value) is str)]
    numbers = given[present & given.map(lambda value: type(value) is int)]
    found = found.fillna(_from_texts(texts, zone)) if len(texts) else found
    found = found.fillna(_each(numbers, _unix)) if len(numbers) else found
    found = found.where(found.between(EARLIEST, LATEST))
    bad = present & found.isna()
    return pa.array(found.dt.tz_convert("UTC"), UTC_MICROSECONDS, from_pandas=True), given.index[bad].tolist()


def _from_texts(texts: pd.Series[Any], zone: str) -> pd.Series[Any]:
    # By length, because pandas would read the words "now" and "today" too.
    fitting = texts.where(texts.map(len) == VENDOR_LENGTH)
    naive: pd.Series[Any] = pd.to_datetime(fitting, format=VENDOR_FORMAT, errors="coerce")
    local = naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    found: pd.Series[Any] = local.astype("datetime64[us, UTC]")
    rest = texts[naive.isna()]
    return found.fillna(_each(rest, lambda text: _iso(text.strip(), zone))) if len(rest) else found


def _each(values: pd.Series[Any], read: Callable[[Any], Any]) -> pd.Series[Any]:
    return values.map(read).astype("datetime64[us, UTC]")


def _iso(text: str, zone: str) -> Any:
    if text.isdecimal() and len(text) in UNIX_DIGITS:
        return _unix(int(text))
    try:
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo else pd.Timestamp(moment).tz_localize(zone).to_pydatetime()
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _unix(number: int) -> Any:
    milliseconds = number if abs(number) > LARGEST_SECONDS else number * 1000
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
