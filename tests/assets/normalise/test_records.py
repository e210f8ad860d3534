from typing import Any

import pytest

from assets.datasets import DATASETS, Dataset
from assets.errors import RecordsNotFound
from assets.normalise import extract_records
from smsonline.endpoints import ENDPOINTS

STATISTIC = {"cShort": "12", "sShort": "ds", "carrier": "any", "total": 9}
TIER = {"threshold": 8000, "multiplier": 0.8, "label": "-20%"}


def records(name: str, payload: Any, path: str | None = None) -> list[Any]:
    dataset = DATASETS[name]
    return extract_records(payload, dataset, path or dataset.records_path or ENDPOINTS[dataset.endpoint].records_path)


@pytest.mark.parametrize(
    "payload",
    [
        {"ok": True, "body": [STATISTIC]},
        {"error": False, "body": [STATISTIC]},
        {"body": [STATISTIC]},
        [STATISTIC],
        {"ok": True, "body": {"12": {"ds": {"any": {"total": 9}}}}},
        {"12": {"ds": {"any": {"total": 9}}}},
        {"ok": True, "body": {"12": {"ds": [{"carrier": "any", "total": 9}]}}},
        {"ok": True, "body": {"12": [{"sShort": "ds", "carrier": "any", "total": 9}], "16": []}},
    ],
    ids=["envelope", "v2 envelope", "no ok", "bare array", "nested", "bare nested", "list in nest", "lists in nest"],
)
def test_records_of_every_known_envelope_are_equal(payload: Any) -> None:
    assert records("statistics", payload) == [STATISTIC]


def test_own_code_of_a_nested_record_wins() -> None:
    assert records("statistics", {"12": {"ds": {"any": {"carrier": "o2"}}}})[0]["carrier"] == "o2"


def test_object_is_one_record() -> None:
    account = {"balance": 500, "totalCharges": "500"}
    assert records("balances", {"ok": True, "body": account}) == [account] == records("balances", account)


def test_country_becomes_one_record_per_carrier() -> None:
    result = records("countries", {"body": [{"cShort": "12", "country": "United States", "carriers": ["any", "o2"]}]})
    assert result == [
        {"cShort": "12", "country": "United States", "carrier": "any"},
        {"cShort": "12", "country": "United States", "carrier": "o2"},
    ]


@pytest.mark.parametrize(
    "payload",
    [
        {"12": {"country": "United States", "carriers": ["any"]}},
        {"12": {"any": {"country": "United States"}}},
        [{"cShort": "12", "country": "United States", "carriers": [{"carrier": "any"}]}],
        [{"cShort": "12", "country": "United States", "carrier": "any"}],
    ],
    ids=["nested with a list", "nested twice", "carriers as objects", "already one per carrier"],
)
def test_carriers_are_extracted_from_every_shape(payload: Any) -> None:
    assert records("countries", payload) == [{"cShort": "12", "country": "United States", "carrier": "any"}]


def test_country_without_carriers_is_no_record() -> None:
    assert records("countries", {"body": [{"cShort": "12", "carriers": []}]}) == []


def test_array_elements_are_named_by_position() -> None:
    assert records("discount_tiers", {"ok": True, "body": {"discountRates": [[8000, 0.8, "-20%"]]}}) == [TIER]


def test_surplus_elements_are_named_and_missing_ones_absent() -> None:
    result = records("discount_tiers", {"body": {"discountRates": [[8000, 0.8, "-20%", "new"], [1], []]}})
    assert result == [TIER | {"element_3": "new"}, {"threshold": 1}, {}]


def test_coupons_are_extracted_from_the_nested_list() -> None:
    coupon = {"code": "SAVE10"}
    assert records("coupons", {"ok": True, "body": {"totalReceived": 1, "codes": [coupon]}}) == [coupon]
    assert records("coupons", {"totalReceived": 1, "codes": [coupon]}) == [coupon]
    assert records("coupons", {"ok": True, "body": [coupon]}) == [coupon]


def test_elements_that_are_no_records_are_returned_too() -> None:
    not_records = [None, 7, "text", [STATISTIC], STATISTIC]
    assert records("statistics", {"body": not_records}) == not_records
    assert records("countries", {"body": not_records}) == not_records
    assert records("discount_tiers", {"body": {"discountRates": [None, "x", TIER]}}) == [None, "x", TIER]


@pytest.mark.parametrize(
    ("name", "payload", "message"),
    [
        ("statistics", {"ok": True, "body": False}, "a flag came"),
        ("statistics", {"ok": True, "body": ""}, "text came (empty)"),
        ("statistics", {"ok": True, "body": "later"}, "text came"),
        ("statistics", {"ok": True, "body": 7}, "a number came"),
        ("statistics", {"ok": True}, "'body' is missing"),
        ("statistics", {"ok": True, "body": {"12": "x"}}, "text came"),
        ("statistics", {"ok": True, "body": {"12": {"ds": {"any": []}}}}, "a list came (empty)"),
        ("services", {"ok": True, "body": {"note": "closed"}}, "text came"),
        ("services", {"ok": True, "body": {"page": {"page": 1}, "info": {"version": 2}}}, "a number came"),
        ("coupons", {"ok": True, "body": {"totalReceived": 0}}, "'codes' is missing"),
        ("coupons", {"ok": True, "body": "x"}, "'codes' is missing"),
        ("balances", {"ok": True, "body": []}, "one object was expected, a list came (empty)"),
        ("balances", [], "'body' is missing"),
        ("discount_tiers", {"ok": True, "body": {"discountRates": {"a": 1}}}, "an object came"),
        ("statistics", "text", "'body' is missing"),
        ("statistics", None, "'body' is missing"),
    ],
)
def test_unknown_shape_is_one_line_that_names_the_setting(name: str, payload: Any, message: str) -> None:
    with pytest.raises(RecordsNotFound) as error:
        records(name, payload)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith(f"{name}: no records")
    assert message in line
    assert f'[datasets.{name}] records = "..."' in line


def test_overridden_path_is_used() -> None:
    assert records("statistics", {"data": {"list": [STATISTIC]}}, "data.list") == [STATISTIC]


def test_path_that_begins_like_the_envelope_is_used_as_is() -> None:
    assert records("statistics", {"bodywork": [STATISTIC]}, "bodywork") == [STATISTIC]


def test_object_without_nesting_keys_is_no_list() -> None:
    with pytest.raises(RecordsNotFound, match="a list was expected, an object came"):
        extract_records({"body": {"a": {}}}, Dataset("plain", "statistics", ("a",), (), 5), "body")
