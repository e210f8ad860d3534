"""Instants from the vendor's spellings: ``YYYY-MM-DD HH:MM:SS`` without a zone, ISO 8601 with one, Unix seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

UTC_MICROSECONDS = pa.timestamp("us", "UTC")
VENDOR_FORMAT = "%Y-%m-%d %H:%M:%S"


def instants(values: list[Any], zone: str) -> tuple[pa.Array, dict[int, str]]:
    """``values`` as UTC timestamps, and a reason per position that is no instant. ``zone`` is that of naive texts."""
    given = pd.Series(values, dtype=object)
    present = given.notna() & (given != "")
    found = pd.Series(pd.NaT, index=given.index, dtype="datetime64[us, UTC]")
    texts = given[present & given.map(lambda value: type(value) is str)]
    numbers = given[present & given.map(lambda value: type(value) is int)]
    found = found.fillna(_from_texts(texts, zone)) if len(texts) else found
    found = found.fillna(_from_seconds(numbers)) if len(numbers) else found
    bad = present & found.isna()
    reasons = {int(index): f"an instant expected, got {str(given[index])[:40]!r}" for index in given.index[bad]}
    return pa.array(found.dt.tz_convert("UTC"), UTC_MICROSECONDS, from_pandas=True), reasons


def _from_texts(texts: pd.Series[Any], zone: str) -> pd.Series[Any]:
    naive: pd.Series[Any] = pd.to_datetime(texts, format=VENDOR_FORMAT, errors="coerce")
    found: pd.Series[Any] = naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert(
        "UTC"
    )
    rest = texts[naive.isna()]
    if len(rest):
        found = found.fillna(rest.map(lambda text: _iso(text, zone)).astype("datetime64[us, UTC]"))
    return found.astype("datetime64[us, UTC]")


def _iso(text: str, zone: str) -> Any:
    if text.isdecimal():
        return _from_seconds(pd.Series([int(text)])).iloc[0]
    try:
        stamp = pd.Timestamp(datetime.fromisoformat(text.strip()))
        return (stamp.tz_localize(zone) if stamp.tzinfo is None else stamp).tz_convert("UTC")
    except (ValueError, OverflowError):
        return None


def _from_seconds(numbers: pd.Series[Any]) -> pd.Series[Any]:
    # Values of this century are ten digits long in seconds, thirteen in milliseconds.
    unit: Literal["ms", "s"] = "ms" if numbers.abs().max() > 10**11 else "s"
    found: pd.Series[Any] = pd.to_datetime(numbers, unit=unit, utc=True, errors="coerce")
    return found.astype("datetime64[us, UTC]")
