"""How figures read: money, shares, spans of time, instants. Everything takes ``None`` and then says so with a dash."""

from __future__ import annotations

from datetime import UTC, datetime

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
CENTS_PER_DOLLAR = 100
MINUTE, HOUR, DAY = 60, 3600, 86_400


def dollars(cents: float | None) -> str:
    """``$1,234.50`` from US cents."""
    if cents is None:
        return NOTHING
    sign = MINUS if cents < 0 else ""
    return f"{sign}${abs(cents) / CENTS_PER_DOLLAR:,.2f}"


def unit_price(cents: float | None) -> str:
    """A price: ``5.1 ¢`` below a dollar, ``$1.23`` from there on."""
    if cents is None:
        return NOTHING
    return f"{cents:.1f} ¢" if round(cents, 1) < CENTS_PER_DOLLAR else dollars(cents)


def price(cents: int | None) -> str:
    """A price in whole cents: ``8 ¢``, ``$1.23``."""
    return f"{cents} ¢" if cents is not None and cents < CENTS_PER_DOLLAR else dollars(cents)


def percent(fraction: float | None, digits: int = 1) -> str:
    """``73.1%`` from a fraction."""
    return NOTHING if fraction is None else f"{100 * fraction:.{digits}f}%"


def percentage_points(fraction: float | None) -> str:
    """A change in percentage points, ``+12.3 pts``."""
    if fraction is None:
        return NOTHING
    return f"{MINUS if fraction < 0 else '+'}{abs(100 * fraction):.1f} pts"


def count(number: float | None) -> str:
    """``12,345``."""
    return NOTHING if number is None else f"{number:,.0f}"


def short_count(number: float | None) -> str:
    """``12.3k`` for a cell that has little room."""
    if number is None:
        return NOTHING
    for size, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if number >= size * 0.9995:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def plural(number: int, one: str, many: str = "") -> str:
    """``1 order``, ``2 orders``; ``many`` where an s does not do."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``, ``45 d``."""
    if seconds is None:
        return NOTHING
    total = max(0, round(seconds))
    if total < MINUTE:
        return f"{total} s"
    if total < HOUR:
        return f"{total // MINUTE} min"
    big, small, names = (HOUR, MINUTE, ("h", "min")) if total < DAY else (DAY, HOUR, ("d", "h"))
    whole, rest = divmod(total, big)
    return f"{whole} {names[0]}" + (f" {rest // small} {names[1]}" if rest >= small and whole < 10 else "")


def timestamp(at: datetime | None) -> str:
    """``2026-03-04 12:00``, UTC."""
    return NOTHING if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def age(at: datetime | None, now: datetime) -> str:
    """``7 min old``; an instant after ``now`` is as good as now."""
    if at is None:
        return "never loaded"
    seconds = (now - at).total_seconds()
    return "less than a minute old" if seconds < MINUTE else f"{duration(seconds)} old"


def p_value(p: float | None) -> str:
    """``0.034``, ``< 0.001``."""
    if p is None:
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def join_labels(*parts: str | None) -> str:
    """Service, country and carrier in one line: ``Discord · Poland · plus``."""
    return " · ".join(part for part in parts if part)


def country_carrier(country: str, carrier: str | None) -> str:
    """``Poland · plus``; carrier ``any`` goes without saying."""
    return join_labels(country, None if carrier == "any" else carrier)
