from __future__ import annotations

from typing import Any

import pytest

from assets.datasets import DATASETS, Dataset
from assets.errors import RecordsNotFound
from assets.normalise import extract_records
from smsonline.catalogue import ENDPOINTS

STATISTIC = {"cShort": "12", "sShort": "ds", "carrier": "any", "total": 9}
TIER = {"threshold": 8000, "multiplier": 0.8, "label": "-20%"}


def records(name: str, document: Any, place: str | None = None) -> list[Any]:
    dataset = DATASETS[name]
    return extract_records(document, dataset, place or dataset.records or ENDPOINTS[dataset.endpoint].records)


@pytest.mark.parametrize(
    "document",
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
def test_the_same_records_are_found_in_every_known_wrapping(document: Any) -> None:
    assert records("statistics", document) == [STATISTIC]


def test_a_nested_record_keeps_its_own_codes_over_those_of_the_nest() -> None:
    assert records("statistics", {"12": {"ds": {"any": {"carrier": "o2"}}}})[0]["carrier"] == "o2"


def test_one_object_is_one_record_with_and_without_the_envelope() -> None:
    account = {"balance": 500, "totalCharges": "500"}
    assert records("balances", {"ok": True, "body": account}) == [account] == records("balances", account)


def test_a_country_becomes_one_record_per_carrier() -> None:
    found = records("countries", {"body": [{"cShort": "12", "country": "United States", "carriers": ["any", "o2"]}]})
    assert found == [
        {"cShort": "12", "country": "United States", "carrier": "any"},
        {"cShort": "12", "country": "United States", "carrier": "o2"},
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"12": {"country": "United States", "carriers": ["any"]}},
        {"12": {"any": {"country": "United States"}}},
        [{"cShort": "12", "country": "United States", "carriers": [{"carrier": "any"}]}],
        [{"cShort": "12", "country": "United States", "carrier": "any"}],
    ],
    ids=["nested with a list", "nested twice", "carriers as objects", "already one per carrier"],
)
def test_carriers_are_found_however_they_are_listed(document: Any) -> None:
    assert records("countries", document) == [{"cShort": "12", "country": "United States", "carrier": "any"}]


def test_a_country_without_carriers_is_no_record() -> None:
    assert records("countries", {"body": [{"cShort": "12", "carriers": []}]}) == []


def test_discount_tiers_are_named_by_position() -> None:
    assert records("discount_tiers", {"ok": True, "body": {"discountRates": [[8000, 0.8, "-20%"]]}}) == [TIER]


def test_a_surplus_element_is_kept_and_a_short_tier_is_not_padded() -> None:
    found = records("discount_tiers", {"body": {"discountRates": [[8000, 0.8, "-20%", "new"], [1], []]}})
    assert found == [TIER | {"element_3": "new"}, {"threshold": 1}, {}]


def test_coupons_lie_under_codes_inside_the_body() -> None:
    coupon = {"code": "SAVE10"}
    assert records("coupons", {"ok": True, "body": {"totalReceived": 1, "codes": [coupon]}}) == [coupon]
    assert records("coupons", {"totalReceived": 1, "codes": [coupon]}) == [coupon]
    assert records("coupons", {"ok": True, "body": [coupon]}) == [coupon]


def test_elements_that_are_no_records_are_handed_on_and_not_lost() -> None:
    junk = [None, 7, "text", [STATISTIC], STATISTIC]
    assert records("statistics", {"body": junk}) == junk
    assert records("countries", {"body": junk}) == junk
    assert records("discount_tiers", {"body": {"discountRates": [None, "x", TIER]}}) == [None, "x", TIER]


@pytest.mark.parametrize(
    ("name", "document", "told"),
    [
        ("statistics", {"ok": True, "body": None}, "null came"),
        ("statistics", {"ok": True, "body": "later"}, "text came"),
        ("statistics", {"ok": True, "body": 7}, "a number came"),
        ("statistics", {"ok": True}, "'body' is missing"),
        ("statistics", {"ok": True, "body": {"12": "x"}}, "text came"),
        ("statistics", {"ok": True, "body": {"12": {"ds": None}}}, "null came"),
        ("coupons", {"ok": True, "body": {"totalReceived": 0}}, "'codes' is missing"),
        ("coupons", {"ok": True, "body": "x"}, "'codes' is missing"),
        ("balances", {"ok": True, "body": []}, "one object was expected, a list came"),
        ("balances", [], "'body' is missing"),
        ("discount_tiers", {"ok": True, "body": {"discountRates": {"a": 1}}}, "an object came"),
        ("statistics", "text", "'body' is missing"),
        ("statistics", None, "'body' is missing"),
    ],
)
def test_another_shape_is_one_line_that_names_the_setting(name: str, document: Any, told: str) -> None:
    with pytest.raises(RecordsNotFound) as refusal:
        records(name, document)
    line = str(refusal.value)
    assert "\n" not in line
    assert line.startswith(f"{name}: no records")
    assert told in line
    assert f'[datasets.{name}] records = "..."' in line


def test_an_overridden_place_is_followed() -> None:
    assert records("statistics", {"data": {"list": [STATISTIC]}}, "data.list") == [STATISTIC]


def test_a_place_that_only_begins_like_the_envelope_is_taken_as_written() -> None:
    assert records("statistics", {"bodywork": [STATISTIC]}, "bodywork") == [STATISTIC]


def test_an_object_is_no_list_where_no_nesting_is_declared() -> None:
    with pytest.raises(RecordsNotFound, match="a list was expected, an object came"):
        extract_records({"body": {"a": {}}}, Dataset("plain", "statistics", ("a",), (), 5), "body")
