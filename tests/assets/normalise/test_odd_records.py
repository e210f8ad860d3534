"""Odd values and shapes cost their own record only."""

import json
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.datasets import DATASETS
from assets.errors import ContractViolation, MissingField, UnitMismatch
from assets.normalise import NormalisedRecords, ParsedResponse, extract_records, normalise
from smsonline.json_decoding import decode

NAMES = ("cShort", "sShort", "carrier", "total")


def body_of(records: list[str]) -> bytes:
    return f'{{"ok":true,"body":[{",".join(records)}]}}'.encode("utf-8", "surrogateescape")


def statistic(number: int, **more: str) -> str:
    fields = {"cShort": '"12"', "sShort": f'"s{number}"', "carrier": '"any"', "total": "9"} | more
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"


def load(body: bytes) -> NormalisedRecords:
    records = extract_records(decode(body), DATASETS["statistics"], "body")
    return normalise(DATASETS["statistics"], [ParsedResponse("", "r1", {}, records)], "7")


DEEP = "[" * 100_000 + "]" * 100_000
BAD_VALUES = {
    "lone surrogate": (r'"Foo \ud83d"', "not valid Unicode"),
    "reversed pair": (r'"\ude00\ud83d"', "not valid Unicode"),
    "no UTF-8": ('"caf\udce9"', "not valid Unicode"),
    "NUL": (r'"a\u0000b"', "a NUL character"),
    "raw NUL": ('"a\x00b"', "a NUL character"),
    "5 million digits": ("9" * 5_000_000, "places|text expected"),
    "huge exponent": ("1e999999999", "places|text expected"),
    "exponent beyond all": ("1e9999999999999999999999", "a number out of range"),
    "tiny exponent": ("1e-999999999", "places|text expected"),
    "deep nesting": (DEEP, "nested too deeply|text expected"),
}


@pytest.mark.parametrize("name", ["service", "novelty", "sShort"])
@pytest.mark.parametrize(("value", "problem"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_bad_value_rejects_its_record_only(value: str, problem: str, name: str) -> None:
    result = load(body_of([statistic(0), statistic(1, **{name: value}), statistic(2)]))
    assert result.rows["service_code"].to_pylist() == ["s0", "s2"]
    (reject,) = result.rejects
    assert reject.row_index == 1
    assert any(expected in reject.reasons[0] for expected in problem.split("|"))
    assert_storable(result)


@pytest.mark.parametrize("value", [r'{"a":["x",{"b":"\ud83d"}]}', r'{"a\u0000":1}', r'[[{"\ud83d":null}]]'])
def test_bad_character_inside_of_an_unknown_field_is_found(value: str) -> None:
    result = load(body_of([statistic(0, novelty='{"a":[1]}'), statistic(1, novelty=value)]))
    assert [reject.reasons[0].partition(":")[0] for reject in result.rejects] == ["'novelty'"]
    assert result.rows["extra"].to_pylist() == ['{"novelty":{"a":[1]}}']
    assert_storable(result)


def test_bad_field_name_rejects_its_record_only() -> None:
    result = load(body_of([statistic(0), statistic(1, **{r"a\u0000": "1"}), statistic(2, **{r"\ud83d": "1"})]))
    assert result.rows.num_rows == 1
    assert sorted(reject.reasons[0] for reject in result.rejects) == [
        r"'\ud83d': not valid Unicode",
        r"'a\x00': a NUL character",
    ]
    assert [change.field for change in result.drift if change.kind == "unknown"] == [r"a\u0000", r"\ud83d"]
    assert_storable(result)


def assert_storable(result: NormalisedRecords) -> None:
    """DuckDB takes every text as JSON or text, and no text has what other databases refuse."""
    texts = [reject.record for reject in result.rejects] + [text for text in result.rows["extra"].to_pylist() if text]
    for text in texts:
        assert len(text) < 10_000
        assert duckdb.execute("SELECT json_valid($1), CAST($1 AS JSON)", [text]).fetchall()[0][0]
        assert "\x00" not in json.dumps(json.loads(text), ensure_ascii=False)
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    for text in [change.field for change in result.drift] + [reason for r in result.rejects for reason in r.reasons]:
        assert "\x00" not in text
        text.encode()


@pytest.mark.parametrize("positions", [["0", "1", "4"], ["7", "8", "9"], ["2", "0", "1"]])
@pytest.mark.parametrize(
    ("name", "path", "record"),
    [
        ("statistics", "body", {"cShort": "12", "sShort": "ds", "carrier": "any", "total": 9}),
        ("services", "body", {"sShort": "ds", "service": "Discord", "price": 16}),
        ("popular", "body", {"cShort": "12", "sShort": "ds", "rank": 1}),
        ("countries", "body", {"cShort": "12", "country": "United States", "carriers": {"0": "any", "2": "o2"}}),
        ("inventory", "body", {"orderId": "1", "cShort": "12", "sms": []}),
        ("invoices", "body", {"payId": "p", "sesid": "s", "amount": 5}),
        ("invoices", "body", {"sesid": "s", "amount": 5}),
        ("coupons", "body.codes", {"code": "SAVE", "percentage": 5}),
        ("favourites", "body", {"cShort": "12", "sShort": "ds"}),
        ("discount_tiers", "body.discountRates", [8000, Decimal("0.8"), "-20%"]),
        ("discount_tiers", "body.discountRates", {"0": 8000, "1": Decimal("0.8"), "2": "-20%"}),
    ],
)
def test_list_in_the_form_of_php_equals_a_list(name: str, path: str, record: Any, positions: list[str]) -> None:
    def records(value: Any) -> list[Any]:
        for step in reversed(path.split(".")):
            value = {step: value}
        return extract_records({"ok": True} | value, DATASETS[name], path)

    expected = records([record] * 3)
    assert len(expected) >= 3
    assert records(dict.fromkeys(positions, record)) == expected


def test_broken_record_in_the_form_of_php_is_rejected() -> None:
    body = {"0": {"sShort": "ds", "price": 1}, "3": {"price": 2}, "4": {"sShort": "tg"}, "5": None}
    records = extract_records({"ok": True, "body": body}, DATASETS["services"], "body")
    params = {"country": "12", "carrier": "any"}
    result = normalise(DATASETS["services"], [ParsedResponse("", "r1", params, records)], "7")
    assert result.rows["service_code"].to_pylist() == ["ds", "tg"]
    assert [reject.reasons for reject in result.rejects] == [["service_code: missing"], ["not an object"]]


@pytest.mark.parametrize("empty", [[], {}, None])
@pytest.mark.parametrize("name", [name for name, dataset in DATASETS.items() if not dataset.is_object])
def test_empty_container_of_either_kind_is_an_empty_list(name: str, empty: Any) -> None:
    path = {"coupons": "body.codes", "discount_tiers": "body.discountRates"}.get(name, "body")
    value = empty
    for step in reversed(path.split(".")):
        value = {step: value}
    assert extract_records({"ok": True} | value, DATASETS[name], path) == []
    assert extract_records({"ok": True, "body": empty}, DATASETS[name], path) == []


def test_codes_of_numbers_are_no_positions() -> None:
    orders = {"20046875": {"cShort": "12", "sms": []}, "20046876": {"cShort": "12", "sms": []}}
    records = extract_records({"ok": True, "body": orders}, DATASETS["inventory"], "body")
    assert [record["orderId"] for record in records] == ["20046875", "20046876"]


def test_refused_response_has_its_count_and_examples() -> None:
    dollars = [{"cShort": "12", "sShort": str(number), "price": Decimal("0.16")} for number in range(540)]
    with pytest.raises(UnitMismatch) as mismatch:
        normalise(DATASETS["popular"], [ParsedResponse("", "r1", {}, dollars)], "7")
    assert (mismatch.value.fetched, len(mismatch.value.rejects)) == (540, 100)
    example = mismatch.value.rejects[99]
    assert (example.response_id, example.row_index) == ("r1", 99)
    assert example.reasons == ["popular.price_cents: amounts with fractions where whole cents are declared"]
    assert json.loads(example.record)["sShort"] == "99"
    with pytest.raises(MissingField) as missing:
        normalise(DATASETS["popular"], [ParsedResponse("", "r1", {}, [{}]), ParsedResponse("", "r2", {}, [None])], "7")
    assert (missing.value.fetched, [reject.response_id for reject in missing.value.rejects]) == (2, ["r1", "r2"])


GOOD = st.integers(0, 9).map(statistic)
ODD_VALUES = [value for value, _ in BAD_VALUES.values() if len(value) < 100] + ["9" * 5000, "[" * 500 + "]" * 500]
ODD_VALUES += ["null", "true", '""', "{}", "[]", '"x"', "-1", "1.5", '{"0":{}}', '{"items":[]}']
ODD_RECORDS = st.sampled_from(["null", "7", '"text"', "[]", "{}", '{"page":1}', "[[{}]]"])
ODD = ODD_RECORDS | st.builds(
    lambda number, name, value: statistic(number, **{name: value}),
    st.integers(0, 9),
    st.sampled_from([*NAMES, "service", "novelty", r"\ud83d", r"a\u0000"]),
    st.sampled_from(ODD_VALUES),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(GOOD | ODD, max_size=12), st.booleans())
def test_every_record_is_a_row_or_a_reject_and_no_key_is_new(records: list[str], as_object: bool) -> None:
    if as_object:
        records = records + [statistic(number % 10) for number in range(len(records))]
    body = body_of(records)
    if as_object:
        members = ",".join(f'"{2 * number}":{record}' for number, record in enumerate(records))
        body = f'{{"ok":true,"body":{{{members}}}}}'.encode("utf-8", "surrogateescape")
    try:
        result = load(body)
    except ContractViolation:
        assert not any(statistic(number) in records for number in range(10))
        return
    assert result.rows.num_rows + len(result.rejects) == len(records)
    assert {reject.row_index for reject in result.rejects} <= set(range(len(records)))
    assert set(result.rows["service_code"].to_pylist()) <= {f"s{number}" for number in range(10)} | {"x", "true", "-1"}
    assert set(result.rows["country_code"].to_pylist()) <= {"12", "x", "-1"}
    assert_storable(result)
