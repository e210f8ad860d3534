"""The owner's hours: over midnight, across daylight saving time, and texts that are refused."""

from datetime import UTC, datetime, timedelta

import pytest

from topups.policy import policy_from
from topups.waking_hours import WakingHours

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "at", "awake", "morning"),
    [
        ("", "", "2026-03-02T03:00", True, "2026-03-02T03:00"),
        ("08:00-22:00", "UTC", "2026-03-02T07:59", False, "2026-03-02T08:00"),
        ("08:00-22:00", "UTC", "2026-03-02T08:00", True, "2026-03-02T08:00"),
        ("08:00-22:00", "UTC", "2026-03-02T22:00", False, "2026-03-03T08:00"),
        ("8-24", "UTC", "2026-03-02T23:59", True, "2026-03-02T23:59"),
        ("10:00-02:00", "UTC", "2026-03-02T01:59", True, "2026-03-02T01:59"),
        ("10:00-02:00", "UTC", "2026-03-02T02:00", False, "2026-03-02T10:00"),
        (" 08:00 - 22:00 ", BERLIN, "2026-03-02T07:00", True, "2026-03-02T07:00"),
        # The clocks go forward on 29 March and back on 25 October 2026.
        ("08:00-22:00", BERLIN, "2026-03-28T22:00", False, "2026-03-29T06:00"),
        ("08:00-22:00", BERLIN, "2026-10-24T22:00", False, "2026-10-25T07:00"),
        ("02:30-22:00", BERLIN, "2026-03-29T00:00", False, "2026-03-29T01:30"),
        ("08:00-22:00", "Pacific/Auckland", "2026-03-02T19:30", True, "2026-03-02T19:30"),
    ],
)
def test_hours_are_wall_clock_times(hours, zone, at, awake, morning):
    waking = WakingHours.parse(hours, zone)
    assert waking.is_awake(utc(at)) == awake
    assert waking.next_morning(utc(at)) == utc(morning)


@pytest.mark.parametrize(
    "hours", ["25-3", "08:00", "8-8", "08:60-22:00", "24:30-8", "morning", "08:00-22:00-23:00", "24-0"]
)
def test_wrong_hours_are_refused_with_the_form(hours):
    with pytest.raises(ValueError, match=r"^hours: .*write the hours as 08:00-22:00"):
        policy_from({"hours": hours})


def test_unknown_zone_is_refused():
    with pytest.raises(ValueError, match=r"^time_zone: 'Europe/Atlantis' is no time zone"):
        policy_from({"hours": "8-22", "time_zone": "Europe/Atlantis"})


def test_times_are_named_with_their_zone():
    assert WakingHours.parse("", BERLIN).text(utc("2026-03-02T17:30")) == "Mon 2 Mar 2026, 18:30 Europe/Berlin"
    assert WakingHours.parse("", "").text(utc("2026-03-02T17:30")).split()[-1] == (
        utc("2026-03-02T17:30").astimezone().tzname()
    )


def test_morning_is_never_more_than_a_day_away():
    waking = WakingHours.parse("08:00-22:00", BERLIN)
    for hour in range(0, 24 * 365, 7):
        at = utc("2026-01-01T00:00") + timedelta(hours=hour)
        assert timedelta() <= waking.next_morning(at) - at <= timedelta(hours=11)
        assert waking.is_awake(waking.next_morning(at))
