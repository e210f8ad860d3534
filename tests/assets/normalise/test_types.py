import json
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.datasets import Field
from assets.datasets.spec import SQL_TYPES, Kind
from assets.normalise import types
from assets.normalise.types import TypedColumn
from smsonline.json_decoding import TOO_DEEP, decode
from smsonline.values.amounts import quote

EXACT = 9007199254740993  # the first whole number that a float cannot hold


def field(kind: Kind, unit: str = "", **more: Any) -> Field:
    return Field("c", ("c",), kind, unit=unit, **more)


def convert(values: list[Any], declared: Field) -> TypedColumn:
    return types.convert(pd.Series(values, dtype=object), declared)


def typed(column: TypedColumn) -> list[Any]:
    values: list[Any] = pa.array(column.values).to_pylist()
    return values


def value(raw: Any, kind: Kind, unit: str = "") -> Any:
    column = convert([raw], field(kind, unit))
    assert column.reasons.empty
    return typed(column)[0]


def reason(raw: Any, kind: Kind, unit: str = "") -> str:
    column = convert([None, raw], field(kind, unit))
    assert typed(column) == [None, None]
    assert column.reasons.index.tolist() == [1]
    return str(column.reasons[1])


@pytest.mark.parametrize("raw", [87, "87", "87%", " 87 % ", Decimal("87"), Decimal("87.0")])
def test_percent_in_any_spelling_becomes_a_fraction(raw: Any) -> None:
    assert value(raw, "rate") == 0.87


def test_fractional_percent_is_the_nearest_fraction() -> None:
    assert value(Decimal("87.5"), "rate") == 0.875 == value("87.5%", "rate")
    assert value(Decimal("0.1"), "rate") == 0.001
    assert value("100", "rate") == 1.0
    assert value(0, "rate") == 0.0


def test_percent_sign_overrides_a_declared_fraction() -> None:
    assert value("87%", "rate", "fraction") == 0.87
    assert value(Decimal("0.87"), "rate", "fraction") == 0.87


@pytest.mark.parametrize("raw", [101, -1, "101%", Decimal("100.5"), 10**400, Decimal("1e9999999"), "1e9999999"])
def test_rate_out_of_range_is_rejected(raw: Any) -> None:
    assert "c: " in reason(raw, "rate")


def test_reason_names_column_expectation_and_value() -> None:
    assert reason(101, "rate") == "c: a rate of 0 to 100 percent expected, got '101'"
    assert reason("many", "cents") == "c: a number expected, got 'many'"
    assert reason([1], "text") == "c: text expected, got 'a list'"
    assert reason("soon", "instant") == "c: an instant expected, got 'soon'"
    assert len(reason("x" * 100_000, "integer")) < 100


@pytest.mark.parametrize("raw", [16, "16", Decimal("16.0"), "16.00", " 16 ", "+16", "1.6e1"])
def test_whole_cents_are_read_in_any_spelling(raw: Any) -> None:
    assert value(raw, "cents") == 16


@pytest.mark.parametrize("raw", [Decimal("0.16"), "0.16", "16.5", Decimal("1e-9999999"), "0." + "0" * 500 + "1"])
def test_fraction_of_a_cent_is_rejected_not_rounded(raw: Any) -> None:
    assert "whole cents expected" in reason(raw, "cents")


@pytest.mark.parametrize(
    ("raw", "cents"),
    [("0.16", 16), (Decimal("0.16"), 16), (5, 500), ("1.10", 110), (Decimal("0.1") + Decimal("0.2"), 30), ("-1", -100)],
)
def test_dollars_become_exact_cents(raw: Any, cents: int) -> None:
    assert value(raw, "cents", "usd") == cents


@pytest.mark.parametrize("raw", ["0.165", "0.1600000000000000000000000000000000000000000000000000001"])
def test_dollars_with_a_fraction_of_a_cent_are_rejected(raw: str) -> None:
    assert "whole cents expected" in reason(raw, "cents", "usd")


@pytest.mark.parametrize("number", [EXACT, 2**63 - 1, -(2**63), -EXACT])
@pytest.mark.parametrize("kind", ["integer", "cents"])
def test_64_bits_pass_exactly_as_number_text_and_decimal(number: int, kind: Kind) -> None:
    for spelling in (number, str(number), Decimal(number), f"{number}.0"):
        assert value(spelling, kind) == number
        assert typed(convert([spelling, "x"], field(kind)))[0] == number


def test_dollars_never_pass_through_a_float() -> None:
    assert value("90071992547409.93", "cents", "usd") == EXACT
    assert value(decode(b"90071992547409.93"), "cents", "usd") == EXACT


@pytest.mark.parametrize("raw", [2**63, -(2**63) - 1, str(2**63), 10**400, "1e9999999", Decimal("1e9999999")])
@pytest.mark.parametrize("kind", ["integer", "cents"])
def test_number_beyond_64_bits_is_rejected(raw: Any, kind: Kind) -> None:
    assert "expected" in reason(raw, kind)


@pytest.mark.parametrize("text", ["NaN", "nan", "sNaN", "Infinity", "-inf", "%", "0x10", "1_000", "1,5", "\x00"])
@pytest.mark.parametrize("kind", ["integer", "cents", "number", "rate"])
def test_text_that_is_no_number_is_rejected(text: str, kind: Kind) -> None:
    assert "a number expected" in reason(text, kind)


@pytest.mark.parametrize("kind", ["integer", "cents", "number", "rate", "text", "instant"])
def test_boolean_is_neither_number_nor_text(kind: Kind) -> None:
    assert "expected" in reason(True, kind)


@pytest.mark.parametrize("raw", [Decimal("1e400"), Decimal("-1e400"), 10**400, "1e400", Decimal("1e9999999")])
def test_number_beyond_float_range_is_rejected(raw: Any) -> None:
    assert "expected" in reason(raw, "number")


def test_numeric_identifiers_become_text() -> None:
    assert value(20046875, "text") == "20046875"
    assert value(2**70, "text") == str(2**70)
    assert value("007", "text") == "007"


@pytest.mark.parametrize("text", ["", "\u2028", "\x01", "😀 ✓ é", "'; DROP TABLE x; --", '"', "x" * 1_000_000])
def test_text_is_unchanged(text: str) -> None:
    assert value(text, "text") == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\ud800", "not valid Unicode"),
        ("Foo \ud83d", "not valid Unicode"),
        ("\udcff", "not valid Unicode"),
        ("\x00", "a NUL character"),
        ("a\x00b", "a NUL character"),
        (TOO_DEEP, "nested too deeply"),
    ],
)
def test_text_that_cannot_be_stored_is_rejected(text: str, problem: str) -> None:
    assert reason(text, "text") == f"c: {problem}"
    assert typed(convert(["good", text, None, "also"], field("text"))) == ["good", None, None, "also"]


@pytest.mark.parametrize("kind", ["integer", "cents", "number", "rate", "flag", "instant"])
@pytest.mark.parametrize("text", ["", " "])
def test_empty_text_is_null_and_reported(text: str, kind: Kind) -> None:
    column = convert([None, text, text], field(kind, numeric_text=True))
    assert typed(column) == [None, None, None]
    assert (column.reasons.empty, column.retyped, column.emptied) == (True, True, [1, 2])


def test_empty_text_in_a_required_field_is_rejected() -> None:
    column = convert([5, ""], field("cents", presence="required"))
    assert column.reasons.to_dict() == {1: "c: a number expected, got ''"}


@pytest.mark.parametrize(("raw", "flag"), [(True, True), ("false", False), ("TRUE", True), (1, True), ("0", False)])
def test_flags_are_read_in_usual_spellings(raw: Any, flag: bool) -> None:
    assert value(raw, "flag") is flag


@pytest.mark.parametrize("raw", ["yes", 2, Decimal(1), []])
def test_other_values_are_no_flag(raw: Any) -> None:
    assert "true or false expected" in reason(raw, "flag")


@pytest.mark.parametrize("kind", list(SQL_TYPES))
def test_nulls_stay_null_and_empty_stays_empty(kind: Kind) -> None:
    assert typed(convert([None, None], field(kind))) == [None, None]
    assert typed(convert([], field(kind))) == []
    assert not convert([None], field(kind)).retyped


def test_invalid_value_leaves_the_others_alone() -> None:
    column = convert([1, "2", "x", None, Decimal("4.0")], field("integer"))
    assert typed(column) == [1, 2, None, None, 4]
    assert column.reasons.index.tolist() == [2]


def test_unusual_json_type_is_reported() -> None:
    assert convert(["16"], field("cents")).retyped
    assert convert([Decimal("16.0")], field("cents")).retyped
    assert convert([12], field("text")).retyped
    assert not convert([16, None], field("cents")).retyped
    assert not convert(["500"], field("cents", numeric_text=True)).retyped
    assert not convert([Decimal("87.5"), 87], field("rate")).retyped


@pytest.mark.parametrize("raw", ["x" * 1000, 10**100, Decimal("1e999"), {"a": 1}, "\n"])
def test_quoted_value_is_one_short_line(raw: Any) -> None:
    assert len(quote(raw)) <= 44
    assert "\n" not in quote(raw)


NUMBERS = st.one_of(
    st.integers(),
    st.integers(-(10**500), 10**500),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.builds(lambda digits, power: Decimal(f"{digits}e{power}"), st.integers(-999, 999), st.integers(-(10**7), 10**7)),
)
TEXTS = st.one_of(st.text(), NUMBERS.map(str), st.floats().map(str), st.datetimes().map(str))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)
FIELDS = st.sampled_from(
    [field(kind) for kind in SQL_TYPES]
    + [field("cents", "usd"), field("rate", "fraction"), field("instant", "Asia/Tokyo")]
)


FIELDS_BY_VALUE = [field(kind, unit) for kind in types.PARSERS for unit in ("", "usd", "fraction")]


@settings(max_examples=300)
@given(st.lists(JSON, max_size=6), FIELDS)
@example([Decimal("1e999999999999999999")], field("cents", "usd"))
@example(["9" * 5000], field("instant"))
def test_any_value_is_converted_or_has_a_reason(values: list[Any], declared: Field) -> None:
    column = convert(values, declared)
    converted = typed(column)
    assert len(converted) == len(values)
    for position, (raw, parsed) in enumerate(zip(values, converted, strict=True)):
        blank = isinstance(raw, str) and declared.kind != "text" and not raw.strip()
        empty = raw is None or blank or position in column.emptied
        assert (parsed is None) == (empty or position in column.reasons.index)
        assert not (empty and position in column.reasons.index)


@settings(max_examples=200)
@given(st.data(), st.sampled_from(FIELDS_BY_VALUE))
def test_whole_column_equals_value_by_value(data: Any, declared: Field) -> None:
    """A column that is converted as a whole, and the same with one value that forces it to be read value by value."""
    usual = {"text": st.text(), "flag": st.booleans(), "rate": NUMBERS | st.decimals(0, 100), "number": NUMBERS}
    values = data.draw(st.lists(st.none() | usual.get(declared.kind, st.integers(-(2**64), 2**64)), max_size=5))
    alone, beside_misfit = convert(values, declared), convert([*values, []], declared)
    assert typed(beside_misfit)[:-1] == typed(alone)
    assert beside_misfit.reasons.iloc[:-1].to_dict() == alone.reasons.to_dict()


@settings(max_examples=200)
@given(
    st.decimals(0, 100, places=12) | st.decimals(0, 100, places=2) | st.floats(0, 100).map(lambda x: Decimal(repr(x)))
)
def test_percent_is_the_fraction_nearest_to_the_written_number(percent: Decimal) -> None:
    assert value(percent, "rate") == float(percent.scaleb(-2))


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_integers_survive_json_and_conversion(numbers: list[int]) -> None:
    decoded = decode(json.dumps(numbers).encode())
    assert typed(convert(decoded, field("cents"))) == numbers
    assert typed(convert([str(n) for n in decoded], field("cents"))) == numbers
