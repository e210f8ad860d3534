from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.datasets import DATASETS
from assets.errors import FieldMissing
from assets.normalise import Normalised, Piece, normalise

GOOD = {
    "cShort": "12",
    "country": "United States",
    "carrier": "any",
    "sShort": "ds",
    "service": "Discord",
    "successRate": 87,
    "total": 100,
    "success": 87,
    "averageSeconds": Decimal("12.5"),
}


def statistics(*records: Any, part: str = "") -> Normalised:
    return normalise(DATASETS["statistics"], [Piece(part, "r1", {}, list(records))], "7")


def services(*pieces: tuple[str, str, list[Any]]) -> Normalised:
    made = [
        Piece(f"{country}/{carrier}", f"r{number}", {"country": country, "carrier": carrier}, records)
        for number, (country, carrier, records) in enumerate(pieces)
    ]
    return normalise(DATASETS["services"], made, "7")


def offer(code: str = "ds", **more: Any) -> dict[str, Any]:
    return {"sShort": code, "service": "Discord", "price": 16, "count": 420} | more


def column(found: Normalised, name: str) -> list[Any]:
    values: list[Any] = found.rows[name].to_pylist()
    return values


def drift(found: Normalised) -> list[tuple[str, str, str | None]]:
    return [(each.field, each.kind, each.example) for each in found.drift]


def test_a_record_becomes_the_declared_columns_and_its_part() -> None:
    assert statistics(GOOD, part="p").rows.to_pylist() == [
        {
            "country_code": "12",
            "country": "United States",
            "carrier": "any",
            "service_code": "ds",
            "service": "Discord",
            "success_rate": 0.87,
            "attempts": 100,
            "successes": 87,
            "average_seconds": 12.5,
            "extra": None,
            "part": "p",
        }
    ]


def test_the_order_of_fields_makes_no_difference() -> None:
    assert statistics(dict(reversed(GOOD.items()))).rows.equals(statistics(GOOD).rows)


def test_numbers_as_text_give_the_same_rows_and_are_reported() -> None:
    texts = {name: str(value) for name, value in GOOD.items()}
    found = statistics(texts)
    assert found.rows.equals(statistics(GOOD).rows)
    assert drift(found) == [
        ("successRate", "retyped", "'87'"),
        ("total", "retyped", "'100'"),
        ("success", "retyped", "'87'"),
        ("averageSeconds", "retyped", "'12.5'"),
    ]


def test_a_fault_rejects_its_record_with_every_reason_and_no_other() -> None:
    found = statistics(GOOD, GOOD | {"successRate": "high", "total": "1.5"}, GOOD | {"sShort": "tg"})
    assert column(found, "service_code") == ["ds", "tg"]
    (reject,) = found.rejects
    assert (reject.response_id, reject.row_index) == ("r1", 1)
    assert reject.reasons == [
        "success_rate: a number expected, got 'high'",
        "attempts: a whole number of 64 bits expected, got '1.5'",
    ]
    assert json.loads(reject.record) == json.loads(json.dumps(GOOD, default=float)) | {
        "successRate": "high",
        "total": "1.5",
    }
    assert found.rejected == {"": 1}


def test_a_row_index_counts_within_its_own_answer() -> None:
    bad = offer(price="much")
    found = services(("12", "any", [offer(), bad]), ("12", "o2", []), ("16", "any", [bad, offer("tg"), bad]))
    assert [(each.response_id, each.row_index) for each in found.rejects] == [("r0", 1), ("r2", 0), ("r2", 2)]
    assert found.rejected == {"12/any": 1, "16/any": 2}


def test_the_key_of_a_rejected_record_is_protected_when_it_can_be_read() -> None:
    found = services(("12", "any", [offer("tg", price="much"), offer()]))
    assert found.protected.to_pylist() == [{"country_code": "12", "carrier": "any", "service_code": "tg"}]
    assert found.unreadable == frozenset()


@pytest.mark.parametrize("key", [None, "", [], True, {"a": 1}])
def test_a_key_that_cannot_be_read_makes_its_part_unreadable(key: Any) -> None:
    found = services(("12", "any", [offer(), offer() | {"sShort": key}]), ("16", "any", [offer()]))
    assert found.unreadable == {"12/any"}
    assert found.protected.num_rows == 0
    assert len(found.rejects) == 1
    assert column(found, "part") == ["12/any", "16/any"]


def test_a_missing_key_says_so() -> None:
    found = statistics(GOOD, {name: value for name, value in GOOD.items() if name != "sShort"}, GOOD | {"sShort": ""})
    assert [each.reasons for each in found.rejects] == [["service_code: missing"]] * 2


@pytest.mark.parametrize("junk", [None, "text", 7, True, Decimal("1.5"), [], [GOOD]])
def test_an_element_that_is_no_object_is_rejected_as_such(junk: Any) -> None:
    found = statistics(GOOD, junk)
    (reject,) = found.rejects
    assert (reject.row_index, reject.reasons) == (1, ["not an object"])
    assert found.unreadable == {""}
    assert found.rows.num_rows == 1


def test_a_required_field_missing_everywhere_refuses_the_answer_by_name() -> None:
    with pytest.raises(FieldMissing, match=r"^statistics: the required field 'sShort' is missing from the answer"):
        statistics({name: value for name, value in GOOD.items() if name != "sShort"})


def test_an_answer_of_nothing_but_junk_is_refused() -> None:
    with pytest.raises(FieldMissing):
        statistics(None, "text")


def test_a_required_field_that_is_null_in_one_record_rejects_that_one() -> None:
    invoice = {"payId": "a", "amount": 500}
    found = normalise(DATASETS["invoices"], [Piece("7", "r", {}, [invoice, invoice | {"amount": None}])], "7")
    assert [each.reasons for each in found.rejects] == [["amount_cents: missing"]]


def test_an_expected_field_missing_everywhere_is_null_and_reported_once() -> None:
    found = statistics({name: value for name, value in GOOD.items() if name != "total"}, GOOD | {"total": None})
    assert column(found, "attempts") == [None, None]
    gone = statistics({name: value for name, value in GOOD.items() if name != "total"})
    assert drift(gone) == [("total", "missing", None)]
    assert column(gone, "attempts") == [None]


def test_an_optional_field_may_be_absent_without_a_word() -> None:
    found = services(("12", "any", [offer()]))
    assert drift(found) == []
    assert column(found, "success_rate") == [None]


def test_an_unknown_field_is_kept_in_extra_and_reported_with_an_example() -> None:
    found = statistics(GOOD | {"novelty": {"b": 1, "a": [Decimal("0.10"), None]}}, GOOD | {"sShort": "tg"})
    assert column(found, "extra") == ['{"novelty":{"a":[0.10,null],"b":1}}', None]
    assert drift(found) == [("novelty", "unknown", "'a dict'")]


def test_a_field_that_was_added_as_null_is_kept_too() -> None:
    assert column(statistics(GOOD | {"novelty": None}), "extra") == ['{"novelty":null}']


def test_extra_is_the_same_text_whatever_order_the_vendor_writes_in() -> None:
    one = statistics(GOOD | {"y": {"q": 1, "p": 2}, "x": "é😀\"'"})
    two = statistics({"x": "é😀\"'", "y": {"p": 2, "q": 1}} | GOOD)
    assert column(one, "extra") == column(two, "extra") == ['{"x":"é😀\\"\'","y":{"p":2,"q":1}}']


def test_numbers_in_extra_and_in_rejects_stay_exact() -> None:
    exact = {"big": 2**70, "fine": Decimal("0.30000000000000000000000000001")}
    text = '{"big":1180591620717411303424,"fine":0.30000000000000000000000000001}'
    assert column(statistics(GOOD | exact), "extra") == [text]
    assert '"fine":0.30000000000000000000000000001' in statistics(GOOD, GOOD | exact | {"total": "x"}).rejects[0].record


def test_known_fields_that_no_column_wants_are_not_kept() -> None:
    found = services(("12", "any", [offer(cShort="99", carrier="else", country="Nowhere")]))
    assert column(found, "extra") == [None]
    assert drift(found) == []


def test_what_was_asked_for_fills_the_key_of_a_fan_out() -> None:
    found = services(("12", "any", [offer(), offer("tg")]), ("16", "o'2", [offer()]))
    keys = zip(*(column(found, name) for name in ("country_code", "carrier", "service_code", "part")), strict=True)
    assert list(keys) == [("12", "any", "ds", "12/any"), ("12", "any", "tg", "12/any"), ("16", "o'2", "ds", "16/o'2")]


def test_rows_of_an_account_carry_its_id_and_others_do_not() -> None:
    found = normalise(DATASETS["balances"], [Piece("7", "r", {}, [{"balance": 500}])], "it's 7")
    assert column(found, "account_id") == ["it's 7"]
    assert "account_id" not in statistics(GOOD).rows.column_names


@pytest.mark.parametrize("name", list(DATASETS))
def test_no_records_give_no_rows_with_the_same_columns_and_types(name: str) -> None:
    dataset = DATASETS[name]
    empty = normalise(dataset, [Piece("p", "r", {"country": "12", "carrier": "any", "limit": "1"}, [])], "7")
    none = normalise(dataset, [], "7")
    assert empty.rows.schema.equals(none.rows.schema)
    assert set(empty.rows.column_names) == {*dataset.table.column_names, "part"}
    assert (empty.rows.num_rows, empty.rejects, empty.drift) == (0, (), [])
    assert set(empty.protected.column_names) == set(dataset.key)


def test_the_first_spelling_that_is_not_null_wins() -> None:
    pays = [{"payId": "a", "sesid": "x"}, {"payId": None, "sesid": "y"}, {"sesid": "z"}]
    records = [each | {"amount": 500} for each in pays]
    found = normalise(DATASETS["invoices"], [Piece("7", "r", {}, records)], "7")
    assert column(found, "payment_id") == ["a", "y", "z"]
    assert column(found, "session_id") == ["x", "y", "z"]


def test_two_columns_of_one_field_report_its_change_once() -> None:
    found = normalise(DATASETS["invoices"], [Piece("7", "r", {}, [{"sesid": 5, "amount": 500}])], "7")
    assert [each for each in drift(found) if each[0] == "sesid"] == [("sesid", "retyped", "'5'")]


def test_messages_are_counted_and_dated_but_not_kept() -> None:
    order = {"orderId": "1", "cShort": "12", "sShort": "ds", "purchasePrice": 16}
    texts = [{"receivedAtUTC": "2025-05-17 06:09:00"}, {"receivedAtUTC": "2025-05-17 06:08:00"}, {}, "junk"]
    records = [order | {"sms": sms, "orderId": str(n)} for n, sms in enumerate([texts, [], None, "junk"])]
    found = normalise(DATASETS["inventory"], [Piece("7", "r", {}, records)], "7")
    assert column(found, "sms_count") == [4, 0, None, None]
    assert [str(at) if at else None for at in column(found, "first_sms_at")][:2] == ["2025-05-17 06:08:00+00:00", None]


RECORDS = st.lists(
    st.none()
    | st.text(max_size=3)
    | st.dictionaries(
        st.sampled_from([*GOOD, "novelty", "é\x00"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=1),
    ).map(lambda partial: {"sShort": "ds", "cShort": "12", "carrier": "any"} | partial),
    max_size=5,
)


@given(st.lists(RECORDS, max_size=3))
def test_every_record_ends_as_a_row_or_as_a_reject(answers: list[list[Any]]) -> None:
    pieces = [Piece(f"p{n}", f"r{n}", {}, records) for n, records in enumerate(answers)]
    try:
        found = normalise(DATASETS["statistics"], pieces, "7")
    except FieldMissing:
        assert not any(isinstance(record, dict) for records in answers for record in records)
        return
    assert found.rows.num_rows + len(found.rejects) == sum(map(len, answers))
    for number, records in enumerate(answers):
        rejected = [each.row_index for each in found.rejects if each.response_id == f"r{number}"]
        assert len(rejected) == found.rejected.get(f"p{number}", 0)
        assert column(found, "part").count(f"p{number}") == len(records) - len(rejected)
        for row in rejected:
            assert found.rejects[0].reasons
            assert row < len(records)
