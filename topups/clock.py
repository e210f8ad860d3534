"""Time and identifiers, behind protocols so that tests control them."""

import secrets
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """Returns the present time."""

    def now(self) -> datetime:
        """The present time in UTC."""


class IdGenerator(Protocol):
    """Generates identifiers."""

    def new(self, now: datetime) -> str:
        """A new identifier that sorts after all earlier ones."""


class SystemClock:
    """This machine's clock."""

    now = staticmethod(partial(datetime.now, UTC))


class Uuid7Generator:
    """UUIDs of version 7 (RFC 9562): milliseconds, then random bits."""

    def new(self, now: datetime) -> str:
        """A new identifier."""
        return uuid7(now, secrets.randbits(74))


def uuid7(now: datetime, random_bits: int) -> str:
    """The UUID of version 7 for a time and 74 random bits."""
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    high, low = random_bits >> 62 & (1 << 12) - 1, random_bits & (1 << 62) - 1
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))
