from __future__ import annotations

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


def test_the_vendors_naive_text_is_utc() -> None:
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
def test_iso_texts_and_unix_texts_are_the_same_instant(text: str) -> None:
    assert read(text) == [MORNING]


def test_microseconds_are_kept() -> None:
    assert read("2025-05-17T06:07:13.123456Z") == [MORNING.replace(microsecond=123456)]


def test_unix_seconds_and_milliseconds_are_told_apart_one_by_one() -> None:
    assert read(1747462033, 1747462033000, None, 1747462033) == [MORNING, MORNING, None, MORNING]


def test_a_column_may_mix_all_formats() -> None:
    assert read("2025-05-17 06:07:13", 1747462033, "2025-05-17T06:07:13Z", None) == [MORNING, MORNING, MORNING, None]


def test_naive_texts_take_the_declared_zone_and_others_keep_their_own() -> None:
    assert read("2025-05-17 08:07:13", "2025-05-17T06:07:13Z", zone="Europe/Berlin") == [MORNING, MORNING]
    assert read("2025-05-17T08:07:13", zone="Europe/Berlin") == [MORNING]


def test_an_hour_that_daylight_saving_repeats_is_not_guessed() -> None:
    assert parse(["2025-10-26 02:30:00"], "Europe/Berlin")[1] == [0]


def test_no_text_is_no_instant() -> None:
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
def test_what_is_no_instant_is_named_by_position_and_spoils_no_other(value: Any) -> None:
    timestamps, invalid = parse(["2025-05-17 06:07:13", value, None], "UTC")
    assert invalid == [1]
    assert timestamps == [MORNING, None, None]


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00", "0001-01-01T00:00:00"])
def test_an_instant_that_its_zone_moves_out_of_the_calendar_is_refused(text: str) -> None:
    timestamps, invalid = parse([text, "2025-05-17 15:07:13"], "Asia/Tokyo")
    assert invalid == [0]
    assert timestamps == [None, MORNING]


def test_a_date_of_eight_digits_is_a_date_and_not_seconds() -> None:
    assert read("20250517") == [datetime(2025, 5, 17, tzinfo=UTC)]
