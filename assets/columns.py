"""Turns one column of JSON values into a typed Arrow array, and says of each value that does not fit why.

The whole column is looked at first: when every value has the type that JSON would give it, it is converted in one go;
only a column with surprises is walked value by value. Money and ids are ints, Decimals or text, never floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from assets.declaration import Field, Kind
from assets.instants import instants

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "cents": pa.int64(),
    "rate": pa.float64(),
    "flag": pa.bool_(),
    "instant": pa.timestamp("us", "UTC"),
}
# What JSON spells each kind with when nobody has changed the type.
NUMBER = {int, Decimal, type(None)}
USUAL: dict[Kind, set[type]] = {
    "text": {str, type(None)},
    "integer": {int, type(None)},
    "number": NUMBER,
    "cents": {int, type(None)},
    "rate": NUMBER,
    "flag": {bool, type(None)},
    "instant": {str, int, type(None)},
}
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Converted:
    """A typed array, the reason per position that did not fit (null there), and whether the JSON type was unusual."""

    array: pa.Array
    reasons: dict[int, str] = field(default_factory=dict)
    retyped: bool = False


def convert(values: list[Any], declared: Field) -> Converted:
    """Types ``values`` as ``declared``: cents as whole cents, rates as fractions, instants in UTC."""
    kinds = set(map(type, values))
    usual = USUAL[declared.kind] | ({str} if declared.text_number else set())
    if declared.kind == "instant":
        array, reasons = instants(values, declared.counted_in)
    else:
        array, reasons = _at_once(values, kinds, declared) or _one_by_one(values, declared)
    return Converted(array, reasons, retyped=not kinds <= usual)


def _at_once(values: list[Any], kinds: set[type], declared: Field) -> tuple[pa.Array, dict[int, str]] | None:
    exact: dict[Kind, set[type]] = {"text": {str}, "integer": {int}, "cents": {int}, "flag": {bool}}
    if declared.kind in ("rate", "number") and kinds <= NUMBER:
        return _fractions(values, declared)
    if declared.counted_in == "usd" or not kinds <= exact.get(declared.kind, set()) | {type(None)}:
        return None
    try:
        return pa.array(values, ARROW_TYPES[declared.kind]), {}
    except (OverflowError, UnicodeEncodeError, pa.ArrowException):
        return None


def _fractions(values: list[Any], declared: Field) -> tuple[pa.Array, dict[int, str]] | None:
    shift = -2 if declared.counted_in == "percent" else 0
    floats = [
        None if v is None else float(v.scaleb(shift)) if type(v) is Decimal else _scaled(v, shift) for v in values
    ]
    if declared.kind == "rate" and any(f is not None and not 0.0 <= f <= 1.0 for f in floats):
        return None
    return pa.array(floats, pa.float64()), {}


def _scaled(value: int, shift: int) -> float:
    return value / 100 if shift else float(value)


def _one_by_one(values: list[Any], declared: Field) -> tuple[pa.Array, dict[int, str]]:
    parse = PARSERS[declared.kind]
    found: list[Any] = []
    reasons: dict[int, str] = {}
    for position, value in enumerate(values):
        try:
            found.append(None if value is None else parse(value, declared.counted_in))
        except ValueError as problem:
            found.append(None)
            reasons[position] = f"{declared.column}: {problem}"
    return pa.array(found, ARROW_TYPES[declared.kind]), reasons


def _text(value: Any, _: str) -> str:
    if type(value) is int:
        return str(value)
    if type(value) is not str:
        raise ValueError(f"text expected, got {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("not valid Unicode") from None
    return value


def _decimal(value: Any) -> Decimal:
    if type(value) in (int, Decimal):
        return Decimal(value)
    try:
        number = Decimal(value.strip()) if type(value) is str else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise ValueError(f"a number expected, got {shown(value)}")
    return number


def _whole(value: Any, _: str) -> int:
    number = _decimal(value)
    if number != number.to_integral_value() or abs(number) > LARGEST:
        raise ValueError(f"a whole number of 64 bits expected, got {shown(value)}")
    return int(number)


def _cents(value: Any, unit: str) -> int:
    if unit == "usd":
        value = _decimal(value).scaleb(2)
    try:
        return _whole(value, unit)
    except ValueError:
        raise ValueError(f"whole cents expected, got {shown(value)}") from None


def _rate(value: Any, unit: str) -> float:
    percent = unit == "percent"
    if type(value) is str and value.rstrip().endswith("%"):
        value, percent = value.rstrip()[:-1], True
    number = _decimal(value).scaleb(-2 if percent else 0)
    if not 0 <= number <= 1:
        raise ValueError(f"a rate of 0 to {'100 percent' if percent else '1'} expected, got {shown(value)}")
    return float(number)


def _number(value: Any, _: str) -> float:
    number = float(_decimal(value))
    if not math.isfinite(number):
        raise ValueError(f"a finite number expected, got {shown(value)}")
    return number


def _flag(value: Any, _: str) -> bool:
    flags = {"true": True, "false": False, "1": True, "0": False}
    word = str(value).lower()
    if type(value) not in (bool, int, str) or word not in flags:
        raise ValueError(f"true or false expected, got {shown(value)}")
    return flags[word]


PARSERS: dict[Kind, Callable[[Any, str], Any]] = {
    "text": _text,
    "integer": _whole,
    "number": _number,
    "cents": _cents,
    "rate": _rate,
    "flag": _flag,
}


def shown(value: Any) -> str:
    """A value as a reason quotes it: at most forty characters."""
    text = str(value) if isinstance(value, (str, int, Decimal)) else f"a {type(value).__name__}"
    return repr(text if len(text) <= 40 else text[:39] + "…")
