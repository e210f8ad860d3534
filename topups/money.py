"""Amounts of money: US cents in the program, dollars for people."""

from collections.abc import Container
from functools import lru_cache

UNIQUE_CENTS = range(1, 98)
# No account holds ten million dollars: a larger figure has the wrong unit.
MAX_PLAUSIBLE_CENTS = 10**9


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
