import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.datasets import DATASETS
from assets.errors import MissingField
from assets.normalise import NormalisedRecords, ParsedResponse, normalise

VALID = {
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


def statistics(*records: Any, partition: str = "") -> NormalisedRecords:
    return normalise(DATASETS["statistics"], [ParsedResponse(partition, "r1", {}, list(records))], "7")


def services(*responses: tuple[str, str, list[Any]]) -> NormalisedRecords:
    parsed = [
        ParsedResponse(f"{country}/{carrier}", f"r{number}", {"country": country, "carrier": carrier}, records)
        for number, (country, carrier, records) in enumerate(responses)
    ]
    return normalise(DATASETS["services"], parsed, "7")


def offer(code: str = "ds", **more: Any) -> dict[str, Any]:
    return {"sShort": code, "service": "Discord", "price": 16, "count": 420} | more


def column(result: NormalisedRecords, name: str) -> list[Any]:
    values: list[Any] = result.rows[name].to_pylist()
    return values


def drift(result: NormalisedRecords) -> list[tuple[str, str, str | None]]:
    return [(change.field, change.kind, change.example) for change in result.drift]


def test_record_becomes_declared_columns_and_partition() -> None:
    assert statistics(VALID, partition="p").rows.to_pylist() == [
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


def test_field_order_makes_no_difference() -> None:
    assert statistics(dict(reversed(VALID.items()))).rows.equals(statistics(VALID).rows)


def test_numbers_as_text_give_equal_rows_and_drift() -> None:
    texts = {name: str(value) for name, value in VALID.items()}
    result = statistics(texts)
    assert result.rows.equals(statistics(VALID).rows)
    assert drift(result) == [
        ("successRate", "retyped", "'87'"),
        ("total", "retyped", "'100'"),
        ("success", "retyped", "'87'"),
        ("averageSeconds", "retyped", "'12.5'"),
    ]


def test_invalid_record_is_rejected_with_every_reason() -> None:
    result = statistics(VALID, VALID | {"successRate": "high", "total": "1.5"}, VALID | {"sShort": "tg"})
    assert column(result, "service_code") == ["ds", "tg"]
    (reject,) = result.rejects
    assert (reject.response_id, reject.row_index) == ("r1", 1)
    assert reject.reasons == [
        "success_rate: a number expected, got 'high'",
        "attempts: a whole number of 64 bits expected, got '1.5'",
    ]
    assert json.loads(reject.record) == json.loads(json.dumps(VALID, default=float)) | {
        "successRate": "high",
        "total": "1.5",
    }
    assert result.reject_counts == {"": 1}


def test_row_index_counts_within_its_response() -> None:
    invalid = offer(price="much")
    result = services(
        ("12", "any", [offer(), invalid]), ("12", "o2", []), ("16", "any", [invalid, offer("tg"), invalid])
    )
    assert [(reject.response_id, reject.row_index) for reject in result.rejects] == [
        ("r0", 1),
        ("r2", 0),
        ("r2", 2),
    ]
    assert result.reject_counts == {"12/any": 1, "16/any": 2}


def test_readable_key_of_a_rejected_record_is_returned() -> None:
    result = services(("12", "any", [offer("tg", price="much"), offer()]))
    assert result.rejected_keys.to_pylist() == [{"country_code": "12", "carrier": "any", "service_code": "tg"}]
    assert result.unreadable_partitions == frozenset()


@pytest.mark.parametrize("key", [None, "", [], True, {"a": 1}])
def test_unreadable_key_marks_its_partition(key: Any) -> None:
    result = services(("12", "any", [offer(), offer() | {"sShort": key}]), ("16", "any", [offer()]))
    assert result.unreadable_partitions == {"12/any"}
    assert result.rejected_keys.num_rows == 0
    assert len(result.rejects) == 1
    assert column(result, "part") == ["12/any", "16/any"]


def test_missing_key_is_a_reason() -> None:
    result = statistics(
        VALID, {name: value for name, value in VALID.items() if name != "sShort"}, VALID | {"sShort": ""}
    )
    assert [reject.reasons for reject in result.rejects] == [["service_code: missing"]] * 2


@pytest.mark.parametrize("not_object", [None, "text", 7, True, Decimal("1.5"), [], [VALID]])
def test_element_that_is_no_object_is_rejected(not_object: Any) -> None:
    result = statistics(VALID, not_object)
    (reject,) = result.rejects
    assert (reject.row_index, reject.reasons) == (1, ["not an object"])
    assert result.unreadable_partitions == {""}
    assert result.rows.num_rows == 1


def test_required_field_in_no_record_rejects_the_response() -> None:
    with pytest.raises(MissingField, match=r"^statistics: the required field 'sShort' is missing from the response"):
        statistics({name: value for name, value in VALID.items() if name != "sShort"})


def test_response_without_objects_is_rejected() -> None:
    with pytest.raises(MissingField):
        statistics(None, "text")


def test_required_field_that_is_null_rejects_its_record() -> None:
    invoice = {"payId": "a", "amount": 500}
    result = normalise(DATASETS["invoices"], [ParsedResponse("7", "r", {}, [invoice, invoice | {"amount": None}])], "7")
    assert [reject.reasons for reject in result.rejects] == [["amount_cents: missing"]]


def test_expected_field_in_no_record_is_null_and_drift() -> None:
    result = statistics({name: value for name, value in VALID.items() if name != "total"}, VALID | {"total": None})
    assert column(result, "attempts") == [None, None]
    without = statistics({name: value for name, value in VALID.items() if name != "total"})
    assert drift(without) == [("total", "missing", None)]
    assert column(without, "attempts") == [None]


def test_optional_field_may_be_absent() -> None:
    result = services(("12", "any", [offer()]))
    assert drift(result) == []
    assert column(result, "success_rate") == [None]


def test_unknown_field_is_stored_in_extra_and_reported() -> None:
    result = statistics(VALID | {"novelty": {"b": 1, "a": [Decimal("0.10"), None]}}, VALID | {"sShort": "tg"})
    assert column(result, "extra") == ['{"novelty":{"a":[0.10,null],"b":1}}', None]
    assert drift(result) == [("novelty", "unknown", "'a dict'")]


def test_unknown_field_that_is_null_is_stored() -> None:
    assert column(statistics(VALID | {"novelty": None}), "extra") == ['{"novelty":null}']


def test_extra_does_not_depend_on_field_order() -> None:
    first = statistics(VALID | {"y": {"q": 1, "p": 2}, "x": "é😀\"'"})
    second = statistics({"x": "é😀\"'", "y": {"p": 2, "q": 1}} | VALID)
    assert column(first, "extra") == column(second, "extra") == ['{"x":"é😀\\"\'","y":{"p":2,"q":1}}']


def test_numbers_in_extra_and_in_rejects_stay_exact() -> None:
    exact = {"big": 2**70, "fine": Decimal("0.30000000000000000000000000001")}
    text = '{"big":1180591620717411303424,"fine":0.30000000000000000000000000001}'
    assert column(statistics(VALID | exact), "extra") == [text]
    assert (
        '"fine":0.30000000000000000000000000001' in statistics(VALID, VALID | exact | {"total": "x"}).rejects[0].record
    )


def test_ignored_fields_are_not_stored() -> None:
    result = services(("12", "any", [offer(cShort="99", carrier="else", country="Nowhere")]))
    assert column(result, "extra") == [None]
    assert drift(result) == []


def test_request_params_fill_the_key_of_a_fan_out() -> None:
    result = services(("12", "any", [offer(), offer("tg")]), ("16", "o'2", [offer()]))
    keys = zip(*(column(result, name) for name in ("country_code", "carrier", "service_code", "part")), strict=True)
    assert list(keys) == [("12", "any", "ds", "12/any"), ("12", "any", "tg", "12/any"), ("16", "o'2", "ds", "16/o'2")]


def test_account_id_is_a_column_of_account_datasets_only() -> None:
    result = normalise(DATASETS["balances"], [ParsedResponse("7", "r", {}, [{"balance": 500}])], "it's 7")
    assert column(result, "account_id") == ["it's 7"]
    assert "account_id" not in statistics(VALID).rows.column_names


@pytest.mark.parametrize("name", list(DATASETS))
def test_no_records_give_an_empty_table_of_equal_schema(name: str) -> None:
    dataset = DATASETS[name]
    empty = normalise(dataset, [ParsedResponse("p", "r", {"country": "12", "carrier": "any", "limit": "1"}, [])], "7")
    none = normalise(dataset, [], "7")
    assert empty.rows.schema.equals(none.rows.schema)
    assert set(empty.rows.column_names) == {*dataset.table.column_names, "part"}
    assert (empty.rows.num_rows, empty.rejects, empty.drift) == (0, (), [])
    assert set(empty.rejected_keys.column_names) == set(dataset.key)


def test_first_alias_that_is_not_null_wins() -> None:
    payments = [{"payId": "a", "sesid": "x"}, {"payId": None, "sesid": "y"}, {"sesid": "z"}]
    records = [payment | {"amount": 500} for payment in payments]
    result = normalise(DATASETS["invoices"], [ParsedResponse("7", "r", {}, records)], "7")
    assert column(result, "payment_id") == ["a", "y", "z"]
    assert column(result, "session_id") == ["x", "y", "z"]


def test_field_of_two_columns_is_reported_once() -> None:
    result = normalise(DATASETS["invoices"], [ParsedResponse("7", "r", {}, [{"sesid": 5, "amount": 500}])], "7")
    assert [change for change in drift(result) if change[0] == "sesid"] == [("sesid", "retyped", "'5'")]


def test_messages_are_counted_and_dated_only() -> None:
    order = {"orderId": "1", "cShort": "12", "sShort": "ds", "purchasePrice": 16}
    texts = [{"receivedAtUTC": "2025-05-17 06:09:00"}, {"receivedAtUTC": "2025-05-17 06:08:00"}, {}, "not_object"]
    records = [order | {"sms": sms, "orderId": str(n)} for n, sms in enumerate([texts, [], None, "not_object"])]
    result = normalise(DATASETS["inventory"], [ParsedResponse("7", "r", {}, records)], "7")
    assert column(result, "sms_count") == [4, 0, None, None]
    assert [str(at) if at else None for at in column(result, "first_sms_at")][:2] == [
        "2025-05-17 06:08:00+00:00",
        None,
    ]


RECORDS = st.lists(
    st.none()
    | st.text(max_size=3)
    | st.dictionaries(
        st.sampled_from([*VALID, "novelty", "é\x00"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=1),
    ).map(lambda partial: {"sShort": "ds", "cShort": "12", "carrier": "any"} | partial),
    max_size=5,
)


@given(st.lists(RECORDS, max_size=3))
def test_every_record_is_a_row_or_a_reject(responses: list[list[Any]]) -> None:
    parsed = [ParsedResponse(f"p{n}", f"r{n}", {}, records) for n, records in enumerate(responses)]
    try:
        result = normalise(DATASETS["statistics"], parsed, "7")
    except MissingField:
        assert not any(isinstance(record, dict) for records in responses for record in records)
        return
    assert result.rows.num_rows + len(result.rejects) == sum(map(len, responses))
    for number, records in enumerate(responses):
        rejected = [reject.row_index for reject in result.rejects if reject.response_id == f"r{number}"]
        assert len(rejected) == result.reject_counts.get(f"p{number}", 0)
        assert column(result, "part").count(f"p{number}") == len(records) - len(rejected)
        for row in rejected:
            assert result.rejects[0].reasons
            assert row < len(records)
