"""Turns one column of JSON values into a typed Arrow array, and says of each value that does not fit why.

The whole column is looked at first: when every value has the type that JSON would give it, it is converted in one go;
only a column with surprises is walked value by value. Money and ids are ints, Decimals or text, never floats.
"""

from __future__ import annotations

import decimal
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

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
# Shifting the point of a number must not round it; numbers of more places than any float or integer has are refused.
EXACT = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
MOST_PLACES = 400


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
        array, bad = instants(values, declared.counted_in)
        reasons = {row: f"{declared.column}: an instant expected, got {shown(values[row])}" for row in bad}
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
    """The column by way of its decimal texts, so that percent become the fraction nearest to the written number."""
    texts = pa.array([None if value is None else str(value) for value in values], pa.string())
    shift = "e-2" if declared.counted_in == "percent" else ""
    try:
        array = pc.cast(pc.binary_join_element_wise(texts, shift, "") if shift else texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    lowest, highest = (0.0, 1.0) if declared.kind == "rate" else (-sys.float_info.max, sys.float_info.max)
    found = pc.min_max(array).as_py()
    fits = found["min"] is None or lowest <= found["min"] <= found["max"] <= highest
    return (array, {}) if fits else None


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
        number = Decimal(value.strip()) if type(value) is str and "_" not in value else None
    except decimal.InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise ValueError(f"a number expected, got {shown(value)}")
    return number


def _shifted(value: Any, places: int) -> Decimal:
    number = _decimal(value)
    if number.adjusted() > MOST_PLACES:
        raise ValueError(f"a number of fewer places expected, got {shown(value)}")
    return number.scaleb(places, EXACT)


def _whole(value: Any, _: str) -> int:
    number = _shifted(value, 0)
    if number != number.to_integral_value() or not -LARGEST - 1 <= number <= LARGEST:
        raise ValueError(f"a whole number of 64 bits expected, got {shown(value)}")
    return int(number)


def _cents(value: Any, unit: str) -> int:
    number = _shifted(value, 2 if unit == "usd" else 0)
    if number != number.to_integral_value():
        raise ValueError(f"whole cents expected, got {shown(value)}")
    return _whole(number, unit)


def _rate(value: Any, unit: str) -> float:
    percent = unit == "percent"
    if type(value) is str and value.rstrip().endswith("%"):
        value, percent = value.rstrip()[:-1], True
    rate = float(_shifted(value, -2 if percent else 0))
    if not 0 <= rate <= 1:
        raise ValueError(f"a rate of 0 to {'100 percent' if percent else '1'} expected, got {shown(value)}")
    return rate


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
