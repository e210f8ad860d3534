"""Diagnosis of field names and record paths: differences are reported, and suggested overrides load."""

import json
from typing import Any

import pytest
from doctor_responses import NOW, diagnosis_of, findings, ok, renamed, statistic, statistics, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.datasets import DATASETS, Dataset
from assets.doctor.diagnose import DiagnosisInput, diagnose
from assets.doctor.endpoint_contracts import UNSYNCED_ENDPOINTS
from assets.normalise import ParsedResponse, extract_records, normalise
from smsonline.json_decoding import decode


def test_response_as_declared_has_no_findings() -> None:
    diagnosis = diagnosis_of("statistics", ok(statistics()))
    assert (diagnosis.severity, diagnosis.findings, diagnosis.record_count, diagnosis.loaded) == ("ok", [], 30, 30)
    assert not diagnosis.override
    assert diagnosis.types["successRate"] == {"fraction": 30}


def test_bare_list_is_read_as_in_a_sync() -> None:
    assert diagnosis_of("statistics", statistics()).severity == "ok"


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("rate", "success_rate"),
        ("success_rate", "success_rate"),
        ("deliveryRate", "success_rate"),
        ("successPercent", "success_rate"),
    ],
)
def test_renamed_field_is_suggested_for_its_column(name: str, column: str) -> None:
    diagnosis = diagnosis_of("statistics", ok(renamed(statistics(), successRate=name)))
    assert findings(diagnosis, "missing") == [("successRate", "note")]
    assert findings(diagnosis, "unknown") == [(name, "note")]
    assert diagnosis.override.aliases == {column: (name, "successRate")}
    assert diagnosis.loads


def test_several_renamed_fields_are_matched() -> None:
    names = {"cShort": "countryCode", "sShort": "service_id", "carrier": "operator", "total": "orders"}
    diagnosis = diagnosis_of(
        "statistics", ok(renamed(statistics(), **names, success="delivered", averageSeconds="avgTime"))
    )
    first_aliases = {column: spellings[0] for column, spellings in diagnosis.override.aliases.items()}
    assert first_aliases == {
        "country_code": "countryCode",
        "service_code": "service_id",
        "carrier": "operator",
        "attempts": "orders",
        "successes": "delivered",
        "average_seconds": "avgTime",
    }
    assert (diagnosis.severity, diagnosis.loads, diagnosis.loaded) == ("breaking", True, 30)


def test_ambiguous_name_is_not_suggested() -> None:
    diagnosis = diagnosis_of("statistics", ok(renamed(statistics(), country="name", service="title")))
    assert diagnosis.override.aliases == {}
    assert findings(diagnosis, "missing") == [("country", "note"), ("service", "note")]


def test_similar_name_with_other_values_is_not_suggested() -> None:
    records = [{**record, "rate": "fast"} for record in statistics()]
    for record in records:
        del record["successRate"]
    assert diagnosis_of("statistics", ok(records)).override.aliases == {}


def test_only_missing_required_field_is_breaking() -> None:
    for name, severity in (("cShort", "breaking"), ("total", "note")):
        diagnosis = diagnosis_of(
            "statistics", ok([{k: v for k, v in record.items() if k != name} for record in statistics()])
        )
        assert findings(diagnosis, "missing") == [(name, severity)]
        assert diagnosis.severity == severity
        assert diagnosis.loads == (severity == "note")


def test_missing_optional_field_is_no_finding() -> None:
    offers = [{"sShort": "ds", "service": "Discord", "price": 16, "count": 4}]
    assert diagnosis_of("services", ok(offers)).severity == "ok"


def test_fallback_alias_of_key_is_reported() -> None:
    invoice = {"sesid": "a", "amount": 500, "method": "m", "created": None, "expires_at": None, "status": "paid"}
    diagnosis = diagnosis_of("invoices", ok([invoice]))
    assert findings(diagnosis, "missing") == [("payId", "note")]
    assert "'sesid' is used instead" in texts(diagnosis)


@pytest.mark.parametrize("path", ["data", "a.b.c.d"])
def test_moved_records_path_is_suggested(path: str) -> None:
    document: Any = statistics()
    for step in reversed(path.split(".")):
        document = {step: document, "count": 30}
    diagnosis = diagnosis_of("statistics", {"ok": True} | document)
    assert diagnosis.override.records_path == path
    assert (diagnosis.severity, diagnosis.loads, diagnosis.loaded) == ("breaking", True, 30)


@pytest.mark.parametrize("path", ["body.items", "body.result.rows", "body.offers"])
def test_wrapped_list_needs_no_override(path: str) -> None:
    document: Any = statistics()
    for step in reversed(path.split(".")):
        document = {step: document, "count": 30}
    diagnosis = diagnosis_of("statistics", {"ok": True} | document)
    assert (diagnosis.severity, diagnosis.loads, diagnosis.loaded) == ("ok", True, 30)


def test_page_of_many_is_breaking() -> None:
    document = {"ok": True, "body": statistics(), "meta": {"page": 1, "pages": 2}}
    diagnosis = diagnosis_of("statistics", document)
    assert (diagnosis.severity, diagnosis.loads) == ("breaking", False)
    assert "30 records came, but 'meta.pages' is 2" in texts(diagnosis)


def test_list_in_the_form_of_php_needs_no_override() -> None:
    document = {"ok": True, "body": {str(number): record for number, record in enumerate(statistics())}}
    diagnosis = diagnosis_of("statistics", document)
    assert (diagnosis.severity, diagnosis.loads, diagnosis.loaded) == ("ok", True, 30)


def test_list_with_records_is_chosen_among_several() -> None:
    countries = [{"cShort": "12", "country": "United States"}]
    document = {"ok": True, "data": {"countries": countries, "errors": [], "rows": statistics(), "pages": [1, 2]}}
    assert diagnosis_of("statistics", document).override.records_path == "data.rows"


def test_moved_object_and_its_array_rows_are_located() -> None:
    account = {"balance": 500, "totalCharges": "500", "couponCount": 1, "discountRates": [[0, 1, "0%"]]}
    account |= {"status": None, "lang": None, "referral": None, "vipSupport": False, "stripeId": "x"}
    account |= {"currentDiscountRate": "0%", "vipTelegram": "", "cryptomusId": None}
    document = {"ok": True, "data": {"account": account}}
    assert diagnosis_of("balances", document).override.records_path == "data.account"
    assert diagnosis_of("discount_tiers", document).override.records_path == "data.account.discountRates"
    assert all(diagnosis_of(name, document).loads for name in ("balances", "discount_tiers"))


def test_moved_renamed_and_other_unit_at_once() -> None:
    records = renamed(statistics(successRate=0.875), successRate="rate", total="orders")
    diagnosis = diagnosis_of("statistics", {"ok": True, "data": {"items": records}})
    assert (diagnosis.override.records_path, diagnosis.override.units) == ("data.items", {"success_rate": "fraction"})
    assert set(diagnosis.override.aliases) == {"success_rate", "attempts"}
    assert diagnosis.loads
    assert diagnosis.rows is not None
    assert set(diagnosis.rows["success_rate"].to_pylist()) == {0.875}


def test_top_fields_are_listed_without_records() -> None:
    diagnosis = diagnosis_of("statistics", {"ok": True, "message": "hello", "things": [{"a": 1}]})
    assert (diagnosis.severity, diagnosis.loads) == ("breaking", False)
    assert "top fields: message, ok, things" in texts(diagnosis)


def test_other_nesting_depth_is_reported() -> None:
    nested = {"12": {"a": {"x": {"any": {"total": 1}}}}, "13": {"b": {"y": {"any": {"total": 1}}}}}
    assert findings(diagnosis_of("statistics", ok(nested)), "nested") == [("", "breaking")]
    flat = {"12": {"ds": {"any": {"total": 1, "success": 1, "successRate": 100, "averageSeconds": 2}}}}
    assert diagnosis_of("statistics", ok(flat)).loaded == 1


def test_empty_response_is_a_note() -> None:
    diagnosis = diagnosis_of("favourites", ok([]))
    assert (diagnosis.severity, findings(diagnosis, "empty")) == ("note", [("", "note")])


def test_redacted_field_is_reported_not_suggested() -> None:
    order = {"orderId": "1", "cShort": "12", "sShort": "ds", "status": "complete", "cost": "[redacted]"}
    diagnosis = diagnosis_of("inventory", ok([order]))
    assert "purchase_price_cents" not in diagnosis.override.aliases
    assert "redacted before it is read" in texts(diagnosis)


def test_dataset_definition_is_not_modified() -> None:
    before = DATASETS["statistics"]
    diagnosis_of("statistics", ok(renamed(statistics(), successRate="rate")))
    assert DATASETS["statistics"] == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["body", "ok", "cShort", "balance", "carriers", "12", "x y"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(document=JSON, name=st.sampled_from(sorted({*DATASETS, *UNSYNCED_ENDPOINTS})))
def test_any_json_is_diagnosed_without_error(document: Any, name: str) -> None:
    assert diagnosis_of(name, document).severity in ("ok", "note", "breaking")


@settings(max_examples=30)
@given(
    names=st.dictionaries(
        st.sampled_from(sorted(statistic())),
        st.sampled_from(["rate", "code", "id", "orders", "n", "total2", "op"]),
        max_size=4,
    ),
    path=st.sampled_from(["body", "data", "body.rows"]),
    scale=st.sampled_from([1, 100]),
)
def test_override_reported_to_load_does_load(names: dict[str, str], path: str, scale: int) -> None:
    document: Any = renamed(statistics(successRate=87.5 / scale), **names)
    for step in reversed(path.split(".")):
        document = {step: document}
    document = decode(json.dumps({"ok": True} | document).encode())
    dataset: Dataset = DATASETS["statistics"]
    diagnosis = diagnose(dataset, DiagnosisInput(document, "body", NOW))
    if diagnosis.loads:
        records = extract_records(document, dataset, diagnosis.override.records_path or "body")
        loaded = normalise(diagnosis.override.apply_to(dataset), [ParsedResponse("", "", {}, records)], "7")
        assert loaded.rows.num_rows == diagnosis.loaded + diagnosis.duplicates > 0
        assert len(loaded.rejects) == diagnosis.rejected


def test_envelope_is_not_read_as_records_by_code() -> None:
    records = renamed(statistics(), cShort="countryCode")
    diagnosis = diagnosis_of("statistics", ok({"items": records}))
    assert (diagnosis.override.records_path, diagnosis.override.aliases) == (
        "body.items",
        {"country_code": ("countryCode", "cShort")},
    )
    assert diagnosis_of("statistics", ok({"items": statistics()})).severity == "ok", "a sync reads this as it is"
