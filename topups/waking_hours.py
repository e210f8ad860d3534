"""When the owner is awake, and times in the owner's own zone.

The hours are wall-clock times such as ``08:00-22:00``, over midnight too (``10:00-02:00``). They follow daylight saving
time.
"""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

HOURS = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*-\s*(\d{1,2})(?::(\d{2}))?", re.ASCII)
FORM = "write the hours as 08:00-22:00, or leave them empty for the whole day"


@dataclass(frozen=True)
class WakingHours:
    """``begin`` and ``end`` are None where the owner is always awake; ``zone`` is None for that of this machine."""

    begin: time | None = None
    end: time | None = None
    zone: ZoneInfo | None = None

    @classmethod
    def parse(cls, hours: str, zone: str) -> Self:
        """From the texts of the settings. Raises ``ValueError`` that begins with the name of the wrong entry."""
        try:
            zone_info = ZoneInfo(zone) if zone.strip() else None
        except (ValueError, OSError, LookupError):
            raise ValueError(f"time_zone: {zone!r} is no time zone such as Europe/Berlin") from None
        if not hours.strip():
            return cls(zone=zone_info)
        match = HOURS.fullmatch(hours.strip())
        if match is None:
            raise ValueError(f"hours: {hours!r}: {FORM}")
        begin, end = _time_of_day(match[1], match[2], hours), _time_of_day(match[3], match[4], hours)
        if begin == end:
            raise ValueError(f"hours: {hours!r} begins and ends at the same time: {FORM}")
        return cls(begin, end, zone_info)

    def is_awake(self, at: datetime) -> bool:
        """Whether the owner is awake at a time."""
        if self.begin is None or self.end is None:
            return True
        local = at.astimezone(self.zone).time()
        if self.begin < self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end

    def next_morning(self, at: datetime) -> datetime:
        """When the owner is awake again; ``at`` itself if already."""
        if self.begin is None or self.is_awake(at):
            return at
        local = at.astimezone(self.zone)
        day = local.date() if local.time() < self.begin else local.date() + timedelta(days=1)
        morning = datetime.combine(day, self.begin, self.zone)
        return morning.astimezone(at.tzinfo)

    def text(self, at: datetime) -> str:
        """A time in the owner's zone with the name of the zone: ``Mon 2 Mar 2026, 18:30 Europe/Berlin``."""
        local = at.astimezone(self.zone)
        return f"{local:%a} {local.day} {local:%b %Y, %H:%M} {self.zone or local.tzname()}"


def _time_of_day(hour: str, minute: str | None, hours: str) -> time:
    number, minutes = int(hour), int(minute or 0)
    if number > 24 or minutes > 59 or (number == 24 and minutes):
        raise ValueError(f"hours: {hours!r} has no time of day: {FORM}")
    return time(number % 24, minutes)
