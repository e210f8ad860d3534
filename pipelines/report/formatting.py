"""Text of numbers, amounts, durations and timestamps. Every function formats ``None`` as a dash."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from warehouse.status import MAX_NEGATIVE_AGE_SECONDS

NOT_AVAILABLE = "\N{EN DASH}"
IN_FUTURE = "in the future (clock)"
MINUS = "\N{MINUS SIGN}"
CENTS_PER_DOLLAR = 100
MINUTE, HOUR, DAY = 60, 3600, 86_400


def dollars(cents: float | None) -> str:
    """``$1,234.50`` from US cents."""
    if cents is None:
        return NOT_AVAILABLE
    return f"{MINUS if cents < 0 else ''}${abs(cents) / CENTS_PER_DOLLAR:,.2f}"


def unit_price(cents: float | None, digits: int = 1) -> str:
    """A price with ``digits`` decimals of a cent below one dollar, ``5.1 ¢``, and as ``$1.23`` from there on."""
    if cents is None:
        return NOT_AVAILABLE
    return f"{cents:.{digits}f} ¢" if round(cents, digits) < CENTS_PER_DOLLAR else dollars(cents)


def percent(fraction: float | None, digits: int = 1) -> str:
    """``73.1%`` from a fraction."""
    return NOT_AVAILABLE if fraction is None else f"{100 * fraction:.{digits}f}%"


def percent_range(low: float | None, high: float | None, digits: int = 1) -> str:
    """``61.0% to 74.2%`` from two fractions."""
    return f"{percent(low, digits)} to {percent(high, digits)}"


def percentage_points(fraction: float | None) -> str:
    """A change in percentage points, ``+12.3 pts``."""
    if fraction is None:
        return NOT_AVAILABLE
    return f"{MINUS if fraction < 0 else '+'}{abs(100 * fraction):.1f} pts"


def p_value(p: float | None) -> str:
    """``p 0.034``, ``p < 0.001``."""
    if p is None:
        return f"p {NOT_AVAILABLE}"
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def count(number: float | None) -> str:
    """``12,345``."""
    return NOT_AVAILABLE if number is None else f"{number:,.0f}"


def short_count(number: float | None) -> str:
    """``12.3k`` for a narrow cell."""
    if number is None:
        return NOT_AVAILABLE
    for size, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if number >= size * 0.9995:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def plural(number: int, singular: str, plural_form: str = "") -> str:
    """``1 order``, ``2 orders``; ``plural_form`` where the plural is irregular."""
    return f"{number:,} {singular if number == 1 else plural_form or singular + 's'}"


def duration(seconds: float | None) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``, ``45 d``."""
    if seconds is None:
        return NOT_AVAILABLE
    total = max(0, round(seconds))
    if total < MINUTE:
        return f"{total} s"
    if total < HOUR:
        return f"{total // MINUTE} min"
    unit, subunit, names = (HOUR, MINUTE, ("h", "min")) if total < DAY else (DAY, HOUR, ("d", "h"))
    whole, rest = divmod(total, unit)
    return f"{whole} {names[0]}" + (f" {rest // subunit} {names[1]}" if rest >= subunit and whole < 10 else "")


def timestamp(at: datetime | None) -> str:
    """``2026-03-04 12:00``, UTC."""
    return NOT_AVAILABLE if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def age(at: datetime, now: datetime) -> str:
    """``7 min old``; a time after ``now`` is no age, but for the seconds that a clock may be set back."""
    seconds = (now - at).total_seconds()
    if seconds < -MAX_NEGATIVE_AGE_SECONDS:
        return IN_FUTURE
    return "less than a minute old" if seconds < MINUTE else f"{duration(seconds)} old"


def join_labels(*labels: str | None) -> str:
    """The labels that are not empty in one line: ``Discord · Poland · plus``."""
    return " · ".join(label for label in labels if label)


def combination_label(row: Mapping[str, Any]) -> str:
    """Service, country and carrier of a row."""
    return join_labels(row["service"], country_carrier(row["country"], row["carrier"]))


def country_carrier(country: str, carrier: str | None) -> str:
    """``Poland · plus``; the carrier ``any`` is left out."""
    return join_labels(country, None if carrier == "any" else carrier)
