"""Parsing of a column of timestamps, in the notations of ``smsonline.values.instants``."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa

from smsonline.values.instants import from_unix, is_no_timestamp, parse_timestamp_text

TIMESTAMP = pd.ArrowDtype(pa.timestamp("us", "UTC"))
VENDOR_FORMAT, VENDOR_LENGTH = "%Y-%m-%d %H:%M:%S", 19
# The range of Python's datetime; an offset may lead beyond it.
EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def parse_timestamps(values: pd.Series[Any], zone: str) -> tuple[pd.Series[Any], list[int]]:
    """``values`` (dtype object) as UTC timestamps, and the rows of invalid values.

    ``zone`` is that of texts without one. An empty text, a zero date and zero are null: they stand for no timestamp.
    """
    types = values.map(type)
    texts = values[types.isin([str]) & (values != "")]
    numbers = values[types.isin([int, Decimal])]
    naive = _parse_vendor_format(texts, zone)
    iso = texts[naive.isna()].map(lambda text: parse_timestamp_text(text, zone))
    parsed = pd.concat([naive.dropna(), _as_utc(iso), _as_utc(numbers.map(from_unix))]).reindex(values.index)
    parsed = parsed.where(parsed.between(EARLIEST, LATEST))
    unread = values[values.notna() & parsed.isna()]
    return parsed.astype(TIMESTAMP), unread.index[~unread.map(is_no_timestamp).astype(bool)].tolist()


def _parse_vendor_format(texts: pd.Series[Any], zone: str) -> pd.Series[Any]:
    # Selected by length, because pandas also reads the words "now" and "today".
    candidates = texts.where(texts.map(len) == VENDOR_LENGTH)
    naive: pd.Series[Any] = pd.to_datetime(candidates, format=VENDOR_FORMAT, errors="coerce")
    return _as_utc(naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT"))


def _as_utc(timestamps: pd.Series[Any]) -> pd.Series[Any]:
    utc: pd.Series[Any] = timestamps.astype("datetime64[us, UTC]")
    return utc
