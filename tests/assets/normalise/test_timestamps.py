from datetime import UTC, datetime, timedelta
from decimal import Decimal
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


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2025-10-26 02:30:00", "Europe/Berlin", "2025-10-26 00:30"),  # twice: the first of the two
        ("2025-10-26 03:00:00", "Europe/Berlin", "2025-10-26 02:00"),
        ("2025-03-30 02:30:00", "Europe/Berlin", "2025-03-30 01:30"),  # never: as if the clock was not put forward
        ("2025-03-30 03:00:00", "Europe/Berlin", "2025-03-30 01:00"),
        ("2025-11-02 01:30:00", "America/New_York", "2025-11-02 05:30"),
        ("2025-04-06 01:45:00", "Australia/Lord_Howe", "2025-04-05 14:45"),  # half an hour twice
        ("2025-10-05 02:15:00", "Australia/Lord_Howe", "2025-10-04 15:45"),
        ("2014-10-26 01:30:00", "Europe/Moscow", "2014-10-25 21:30"),  # a new offset without summer time
    ],
)
def test_local_time_at_a_change_of_offset_has_a_rule(text: str, zone: str, utc: str) -> None:
    moment = datetime.fromisoformat(f"{utc}Z")
    assert read(text, text.replace(" ", "T"), f"{text}.000", zone=zone) == [moment] * 3


@pytest.mark.parametrize(
    "value",
    [
        *("", "  ", "0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00Z", "0000-00-00 00:00:00.000000"),
        *("0000-00-00T00:00:00+00:00", "-0001-11-30 00:00:00", 0, "0", "000000000", Decimal(0), "0.0"),
    ],
)
def test_text_for_no_timestamp_is_null(value: Any) -> None:
    assert read(value, "2025-05-17 06:07:13", None, zone="Europe/Berlin") == [None, MORNING - timedelta(hours=2), None]


def test_no_values_give_no_timestamps() -> None:
    assert read() == []


@pytest.mark.parametrize("number", [253402300799, 253402300799000, 253402300799999, Decimal("253402300799.5")])
def test_last_second_of_the_calendar_is_read(number: int | Decimal) -> None:
    assert [moment and moment.replace(microsecond=0) for moment in read(number, str(number))] == [
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    ] * 2


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (999999999999, "2001-09-09T01:46:39.999Z"),  # milliseconds of 12 digits
        (253402300800, "1978-01-11T21:31:40.800Z"),
        (4102444800000, "2100-01-01T00:00:00Z"),
        (4102444800, "2100-01-01T00:00:00Z"),
        (1000000000, "2001-09-09T01:46:40Z"),
        (999999999, "2001-09-09T01:46:39Z"),
        (Decimal("1747462033.25"), "2025-05-17T06:07:13.250Z"),
        (Decimal("1747462033.123456"), "2025-05-17T06:07:13.123456Z"),
        (Decimal("1747462033250.5"), "2025-05-17T06:07:13.2505Z"),
        (Decimal("1747462033.0"), "2025-05-17T06:07:13Z"),
    ],
)
def test_unix_time_is_seconds_or_milliseconds_by_its_range(number: int | Decimal, moment: str) -> None:
    assert read(number, str(number)) == [datetime.fromisoformat(moment)] * 2


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2025-13-01 00:00:00",
        "2025-02-30 00:00:00",
        "0000-01-01 00:00:00",
        "NaT",
        "nan",
        "now",
        "\x00",
        "9" * 5000,
        10**30,
        10**18,
        -(10**18),
        10**13,
        253402300800000,
        20250517060713,
        "20250517060713",
        Decimal("1e999999999"),
        Decimal("9" * 5000),
        "1747462033.",
        "0000-00-00 00:00:01",
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
