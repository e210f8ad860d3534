"""Conversion of one column of JSON values to its declared type, with a reason for each value that does not fit.

A column whose values all have the usual JSON type is converted as a whole, any other column value by value. Money and
ids are ints, Decimals or text, never floats.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import infer_dtype

from assets.datasets import Field
from assets.datasets.spec import Kind
from assets.normalise.storable_json import text_problem
from assets.normalise.timestamps import parse_timestamps
from smsonline.values.amounts import NUMBER, parse_decimal, parse_whole_cents, quote

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "cents": pa.int64(),
    "rate": pa.float64(),
    "flag": pa.bool_(),
    "instant": pa.timestamp("us", "UTC"),
}
DTYPES = {kind: pd.ArrowDtype(arrow_type) for kind, arrow_type in ARROW_TYPES.items()}
# The JSON types of each kind as documented by the vendor; any other type is reported as drift.
JSON_TYPES: dict[Kind, frozenset[type]] = {
    "text": frozenset({str}),
    "integer": frozenset({int}),
    "number": NUMBER,
    "cents": frozenset({int}),
    "rate": NUMBER,
    "flag": frozenset({bool}),
    "instant": frozenset({str, int}),
}
# ``float`` is pandas' NaN for a field that a record lacks; decoded JSON holds no float.
NULL_TYPES = frozenset({type(None), float})
MAX_INT64 = 2**63 - 1
FLAGS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True)
class TypedColumn:
    """``values`` of the declared type, null where a value did not fit, and ``reasons`` by row for exactly those.

    ``retyped`` tells that a value had another JSON type than documented, whether it could be read or not, or that a
    text such as ``""`` or ``"0000-00-00"`` stood for no value. ``emptied`` are the rows of such texts: they are null.
    """

    values: pd.Series[Any]
    reasons: pd.Series[Any] = dataclasses.field(default_factory=lambda: pd.Series(dtype=object))
    retyped: bool = False
    emptied: Sequence[int] = ()


def convert(values: pd.Series[Any], declared: Field) -> TypedColumn:
    """The JSON ``values`` (dtype object) as ``declared``: whole cents, rates as fractions, timestamps in UTC."""
    typed = _convert_whole(values, declared)
    if typed is not None:
        return TypedColumn(typed)
    usual_types = JSON_TYPES[declared.kind] | NULL_TYPES | ({str} if declared.numeric_text else set())
    retyped = not usual_types.issuperset(map(type, values.tolist()))
    if declared.kind == "instant":
        typed, invalid = parse_timestamps(values, declared.unit)
        reasons = {row: f"{declared.column}: an instant expected, got {quote(values[row])}" for row in invalid}
    else:
        typed, reasons = _convert_each(values, declared)
    without_value = typed.index[typed.isna() & values.notna()]
    emptied = without_value.difference(list(reasons)).tolist()
    return TypedColumn(typed, pd.Series(reasons, dtype=object), retyped or bool(emptied), emptied)


def convert_columns(fields: Iterable[Field], raw: Mapping[str, pd.Series[Any]]) -> dict[str, TypedColumn]:
    """The typed columns of ``fields`` from their ``raw`` values, both by the column's name."""
    return {field.column: convert(raw[field.column], field) for field in fields}


def arrow_series(values: pa.Array) -> pd.Series[Any]:
    """A Series of the array's Arrow type."""
    return pd.Series(pd.arrays.ArrowExtensionArray(values))


def is_missing(values: pd.Series[Any]) -> pd.Series[Any]:
    """Mask of the nulls, and of the empty texts in a column of text."""
    missing = values.isna()
    return missing | (values == "").fillna(value=False) if values.dtype == DTYPES["text"] else missing


def _convert_whole(values: pd.Series[Any], declared: Field) -> pd.Series[Any] | None:
    """The whole column at once, or ``None`` when a value has an unusual type or does not fit."""
    try:
        if declared.kind in ("rate", "number"):
            return _parse_decimals(values.tolist(), declared)
        is_integer = declared.kind in ("integer", "cents") and declared.unit != "usd"
        # Arrow refuses every other JSON type in a column of texts or flags, but reads 16.0 and true as integers.
        if declared.kind in ("text", "flag") or (is_integer and infer_dtype(values) in ("integer", "empty")):
            array = pa.array(values, ARROW_TYPES[declared.kind])
            return None if declared.kind == "text" and _has_nul(array) else arrow_series(array)
    except (OverflowError, UnicodeEncodeError, pa.ArrowException):
        pass  # one value does not fit
    return None


def _has_nul(texts: pa.Array | pa.ChunkedArray) -> bool:
    """Whether a text has a NUL character. Searching the bytes of all texts is ten times faster than ``pc``."""
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    buffers = (chunk.buffers()[2] for chunk in chunks)
    return any(data is not None and b"\0" in data.to_pybytes() for data in buffers)


def _parse_decimals(numbers: list[Any], declared: Field) -> pd.Series[Any] | None:
    """Floats parsed from the decimal texts: a percentage becomes the fraction nearest to the number as written."""
    # Equal fractions of a response are one object, as ``decode`` gives them; each object is parsed once.
    ids = list(map(id, numbers))
    objects = dict(zip(ids, numbers, strict=True))
    if not set(map(type, objects.values())) <= NUMBER | NULL_TYPES:
        return None
    exponent = "e-2" if declared.unit == "percent" else ""
    texts = [None if type(number) in NULL_TYPES else f"{number}{exponent}" for number in objects.values()]
    floats = pa.array(texts, pa.string()).cast(pa.float64())
    lowest, highest = (0.0, 1.0) if declared.kind == "rate" else (-sys.float_info.max, sys.float_info.max)
    limits = pc.min_max(floats).as_py()
    if limits["min"] is not None and not lowest <= limits["min"] <= limits["max"] <= highest:
        return None
    rows = pa.array(ids, pa.uint64()).dictionary_encode().indices
    return arrow_series(floats.take(rows))


def _convert_each(values: pd.Series[Any], declared: Field) -> tuple[pd.Series[Any], dict[int, str]]:
    parse = PARSERS[declared.kind]
    may_be_blank = declared.kind != "text" and declared.presence != "required"  # others send "" for no number
    parsed: list[Any] = []
    reasons: dict[int, str] = {}
    for row, value in enumerate(values.tolist()):
        try:
            is_null = type(value) in NULL_TYPES or (may_be_blank and type(value) is str and not value.strip())
            parsed.append(None if is_null else parse(value, declared.unit))
        except ValueError as error:
            parsed.append(None)
            reasons[row] = f"{declared.column}: {error}"
    return arrow_series(pa.array(parsed, ARROW_TYPES[declared.kind])), reasons


def _parse_text(value: Any, _: str) -> str:
    if type(value) is int:
        return str(value)
    if type(value) is not str:
        raise ValueError(f"text expected, got {quote(value)}")
    if problem := text_problem(value):
        raise ValueError(problem)
    return value


def _parse_int(value: Any, _: str) -> int:
    number = parse_decimal(value)
    if number != number.to_integral_value() or not -MAX_INT64 - 1 <= number <= MAX_INT64:
        raise ValueError(f"a whole number of 64 bits expected, got {quote(value)}")
    return int(number)


def _parse_cents(value: Any, unit: str) -> int:
    return _parse_int(parse_whole_cents(value, dollars=unit == "usd"), unit)


def _parse_rate(value: Any, unit: str) -> float:
    percent = unit == "percent"
    if type(value) is str and value.rstrip().endswith("%"):
        value, percent = value.rstrip()[:-1], True
    rate = float(parse_decimal(value, shift=-2 if percent else 0))
    if not 0 <= rate <= 1:
        raise ValueError(f"a rate of 0 to {'100 percent' if percent else '1'} expected, got {quote(value)}")
    return rate


def _parse_float(value: Any, _: str) -> float:
    number = float(parse_decimal(value))
    if not math.isfinite(number):
        raise ValueError(f"a finite number expected, got {quote(value)}")
    return number


def _parse_flag(value: Any, _: str) -> bool:
    text = str(value).lower()
    if type(value) not in (bool, int, str) or text not in FLAGS:
        raise ValueError(f"true or false expected, got {quote(value)}")
    return FLAGS[text]


PARSERS: dict[Kind, Callable[[Any, str], Any]] = {
    "text": _parse_text,
    "integer": _parse_int,
    "number": _parse_float,
    "cents": _parse_cents,
    "rate": _parse_rate,
    "flag": _parse_flag,
}
