"""Amounts of money: US cents in the program, dollars for people."""

import re
from collections.abc import Container
from functools import lru_cache
from typing import Any

UNIQUE_CENTS = range(1, 98)
# No account holds ten million dollars: a larger figure has the wrong unit.
MAX_PLAUSIBLE_CENTS = 10**9

_WHOLE_NUMBER, _DOLLARS = re.compile(r"[+-]?\d{1,12}"), re.compile(r"\$?(\d{1,9})[.,](\d*)(?: ?(?:USD|\$))?")


@lru_cache(maxsize=1024)  # a decision formats the same amounts again when it reserves
def usd(cents: int) -> str:
    """``1,234.50 USD``."""
    minus = "-" if cents < 0 else ""
    return f"{minus}{abs(cents) // 100:,}.{abs(cents) % 100:02d} USD"


def with_unique_cents(cents: int, taken: Container[int]) -> int:
    """The largest amount not above ``cents`` whose odd cents make it differ from all ``taken``.

    The amount is the only parameter of a create call, so unique cents tell one payment from another. Returns ``cents``
    unchanged if all are taken.
    """
    dollars = cents // 100 * 100
    for base in (dollars, dollars - 100):
        for extra in reversed(UNIQUE_CENTS):
            if base > 0 and base + extra <= cents and base + extra not in taken:
                return base + extra
    return cents


class NotWholeCents(ValueError):
    """An amount that is no whole number of US cents; ``str()`` says what to write instead."""


def whole_cents(value: Any) -> int:
    """An amount of a setting. Raises ``NotWholeCents`` for dollars, such as 20.00, and for everything else."""
    text = str(value).strip()
    if isinstance(value, int | str) and not isinstance(value, bool) and _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    dollars = _DOLLARS.fullmatch(text)
    cents = int(dollars[1]) * 100 + int((dollars[2] or "").ljust(2, "0")[:2]) if dollars else 2000
    raise NotWholeCents(f"{text[:40]!r} is no whole number of US cents: {cents} means {usd(cents)}")
