import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsonline.json_decoding import MAX_DEPTH, TOO_DEEP, decode, decode_strictly


def test_decoded_numbers_are_exact():
    payload = decode(b"[0.1, 1.10, 9007199254740993, 123456789012345678901234567890, 1e2]")
    assert payload == [Decimal("0.1"), Decimal("1.10"), 9007199254740993, 123456789012345678901234567890, Decimal(100)]
    assert [type(number) for number in payload] == [Decimal, Decimal, int, int, Decimal]
    assert str(payload[1]) == "1.10"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a":',
        b"<html>",
        b"nul",
        b'"\xff"',
        b"{} x",
        b"NaN",
        b"[" * 9999 + b"]" * 9999,
        b"1e" + b"9" * 30,
        b"1" * 9999,
        b"[" * 99_999,
        b'{"a":1' + b',"b":[' * 9999,
        rb'["\ud83d',
        b'["' + rb"\"" * 100_000,
        b"[01]",
        b"[1,]",
    ],
)
def test_invalid_json_is_value_error(body):
    with pytest.raises(ValueError):
        decode(body)
    with pytest.raises(ValueError):
        decode_strictly(body)


def test_byte_order_mark_is_ignored():
    assert decode(b"\xef\xbb\xbf[]") == []
    assert decode(b'\xef\xbb\xbf["\\ud83d"]') == ["\ud83d"]


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        (rb'"Foo \ud83d"', "Foo \ud83d"),
        (rb'"\ude00\ud83d"', "\ude00\ud83d"),
        (b'"\xe9t\xe9"', "\udce9t\udce9"),
        (b'"a\x00b"', "a\x00b"),
        (b'"two\nlines"', "two\nlines"),
        (rb'{"\ud83d": {"b": [null, true]}}', {"\ud83d": {"b": [None, True]}}),
    ],
)
def test_one_bad_character_leaves_the_others(value, decoded):
    body = b'{"ok": true, "body": [{"a": "good", "n": 1.50}, {"a": ' + value + b"}]}"
    assert decode(body) == {"ok": True, "body": [{"a": "good", "n": Decimal("1.50")}, {"a": decoded}]}
    with pytest.raises(ValueError):
        decode_strictly(body)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "nan", "-nan", "inf"])
def test_literal_that_is_no_number_is_named(literal):
    with pytest.raises(ValueError, match=f"^it contains {literal}, which JSON does not allow$"):
        decode(f'{{"ok": true, "body": [{{"a": 1}}, {{"a": {literal}}}]}}'.encode())


def test_number_of_millions_of_digits_is_exact():
    small, many = decode(b"[1, " + b"9" * 5_000_000 + b"]")
    assert small == 1
    assert isinstance(many, Decimal)
    assert many.adjusted() == 4_999_999


def test_exponent_that_nothing_holds_becomes_a_text():
    small, large, too_large = decode(b"[1, 1e999999999, 1e9999999999999999999999]")
    assert (small, large) == (1, Decimal("1e999999999"))
    assert too_large.startswith("\udfff unreadable: ")


@pytest.mark.parametrize("depth", [MAX_DEPTH, 5_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a]":', "}")])
def test_deep_value_is_cut_out_of_its_record(depth, opening, closing):
    body = f'[{{"a": 1}}, {{"a": {opening * depth}1{closing * depth}}}, {{"a": "[\\"{{"}}]'
    first, deep, last = decode(body.encode())
    assert (first, last) == ({"a": 1}, {"a": '["{'})
    value = deep["a"]
    while isinstance(value, list | dict):
        value = value[0] if isinstance(value, list) else value["a]"]
    assert value == (1 if depth == MAX_DEPTH else TOO_DEEP)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(alphabet=st.characters(exclude_categories=()), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=4))
def test_any_json_of_python_is_decoded_as_the_same(value):
    assert decode(json.dumps(value).encode()) == value
