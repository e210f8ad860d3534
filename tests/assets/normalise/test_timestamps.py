from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from assets.normalise.timestamps import parse_timestamps

MORNING = datetime(2025, 5, 17, 6, 7, 13, tzinfo=UTC)


def parse(values: list[Any], zone: str) -> tuple[list[datetime | None], list[int]]:
    timestamps, invalid = parse_timestamps(pd.Series(values, dtype=object), zone)
    array = pa.array(timestamps)
    assert str(array.type) == "timestamp[us, tz=UTC]"
    return array.to_pylist(), invalid


def read(*values: Any, zone: str = "UTC") -> list[datetime | None]:
    timestamps, invalid = parse(list(values), zone)
    assert invalid == []
    return timestamps


def test_vendor_format_is_utc() -> None:
    assert read("2025-05-17 06:07:13") == [MORNING]


@pytest.mark.parametrize(
    "text",
    [
        "2025-05-17T06:07:13Z",
        "2025-05-17T08:07:13+02:00",
        "2025-05-17 01:07:13-05:00",
        "2025-05-17T06:07:13.000",
        " 2025-05-17 06:07:13 ",
        "1747462033",
        "1747462033000",
    ],
)
def test_other_formats_give_the_same_timestamp(text: str) -> None:
    assert read(text) == [MORNING]


def test_microseconds_are_preserved() -> None:
    assert read("2025-05-17T06:07:13.123456Z") == [MORNING.replace(microsecond=123456)]


def test_unix_seconds_and_milliseconds_are_distinguished() -> None:
    assert read(1747462033, 1747462033000, None, 1747462033) == [MORNING, MORNING, None, MORNING]


def test_column_may_mix_formats() -> None:
    assert read("2025-05-17 06:07:13", 1747462033, "2025-05-17T06:07:13Z", None) == [MORNING, MORNING, MORNING, None]


def test_zone_applies_to_texts_without_one() -> None:
    assert read("2025-05-17 08:07:13", "2025-05-17T06:07:13Z", zone="Europe/Berlin") == [MORNING, MORNING]
    assert read("2025-05-17T08:07:13", zone="Europe/Berlin") == [MORNING]


def test_ambiguous_hour_is_invalid() -> None:
    assert parse(["2025-10-26 02:30:00"], "Europe/Berlin")[1] == [0]


def test_empty_text_is_null() -> None:
    assert read("", None) == [None, None]
    assert read() == []


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2025-13-01 00:00:00",
        "2025-02-30 00:00:00",
        "0000-00-00 00:00:00",
        "NaT",
        "nan",
        "now",
        "\x00",
        "9" * 5000,
        10**30,
        10**18,
        -(10**18),
        True,
        [],
        {},
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_invalid_value_is_listed_by_row(value: Any) -> None:
    timestamps, invalid = parse(["2025-05-17 06:07:13", value, None], "UTC")
    assert invalid == [1]
    assert timestamps == [MORNING, None, None]


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00", "0001-01-01T00:00:00"])
def test_timestamp_moved_out_of_range_by_its_zone_is_invalid(text: str) -> None:
    timestamps, invalid = parse([text, "2025-05-17 15:07:13"], "Asia/Tokyo")
    assert invalid == [0]
    assert timestamps == [None, MORNING]


def test_eight_digits_are_a_date() -> None:
    assert read("20250517") == [datetime(2025, 5, 17, tzinfo=UTC)]
