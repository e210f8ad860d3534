"""Members beside the records: known, drift, or a reason to refuse the response."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from assets.datasets import DATASETS
from assets.datasets.overrides import with_overrides
from assets.errors import IncompleteResponse, MissingField, RecordsNotFound
from assets.normalise import ParsedResponse, normalise, read_records
from smsonline.endpoints import ENDPOINTS

STATISTICS = [{"cShort": "12", "sShort": code, "carrier": "any", "total": 9} for code in ("ds", "tg", "wa")]
OFFERS = [{"sShort": code, "service": code.upper(), "price": 16, "count": 4} for code in ("ds", "tg", "wa")]


@dataclass(frozen=True)
class Source:
    """A response as the loader has it."""

    payload: Any
    response_id: str = "r1"
    requested_at: datetime = datetime(2026, 3, 4, tzinfo=UTC)
    sha256: str = "hash"
    generated_at: datetime | None = None
    cache_age_seconds: int = 0


def read(name: str, payload: Any, **settings: Any) -> Any:
    dataset = with_overrides(DATASETS, {name: settings})[name]
    path = dataset.records_path or ENDPOINTS[dataset.endpoint].records_path
    return read_records(Source(payload), dataset, path)


def envelope(**members: Any) -> dict[str, Any]:
    return {"ok": True, "body": STATISTICS} | members


MORE = [
    {"total": 100},
    {"totalCount": "100"},
    {"Total-Records": 100},
    {"total": 2},
    {"count": 100},
    {"pages": 2},
    {"total_pages": 2, "total": 3},
    {"last_page": 2},
    {"page": 2, "pages": 2, "total": 3},
    {"offset": 3},
    {"limit": 3},
    {"limit": "3", "offset": 0},
    {"next": "https://vendor.test/statistics?page=2"},
    {"nextPage": 2},
    {"next_cursor": "YWJj"},
    {"cursor": "YWJj"},
    {"hasMore": True},
    {"has_more": "true"},
    {"has_next_page": 1},
    {"truncated": True},
    {"complete": False},
    {"prev": "https://vendor.test/statistics?page=1"},
    {"meta": {"page": 1, "pages": 2, "total": 100}},
    {"pagination": {"current_page": 1, "last_page": 4, "per_page": 3}},
    {"paging": {"cursors": {"after": "MTA"}}},
    {"paging": {"next": "https://vendor.test"}},
    {"links": {"next": {"href": "/statistics?page=2"}}},
    {"_links": {"self": {"href": "/"}, "next": {"href": "/2"}}},
    {"links": [{"rel": "self", "href": "/"}, {"rel": "next", "href": "/2"}]},
    {"links": {"first": "/?page=1", "last": "/?page[number]=7", "next": None}},
    {"meta": {"page": {"number": 1, "size": 3, "totalPages": 2}}},
    {"page": {"size": 3, "totalElements": 100, "totalPages": 34, "number": 0}},
    {"response_info": {"total": {"value": 100, "relation": "eq"}}},
    {"result": {"isLastPage": False}},
    {"total": "1,003"},
    {"total": {"count": 100}},
    {"total_statistics": 100},
    {"statisticsCount": 100},
    {"found": 100},
    {"rows": 100},
    {"remaining": 97},
    {"meta": {"remaining_items": "97"}},
    {"page": "1/2"},
    {"page": "1 of 34"},
    {"page": {"no": 1, "of": 2}},
    {"range": "0-2/100"},
    {"meta": {"contentRange": "items 0-2/100"}},
    {"range": {"from": 0, "to": 2, "of": 100}},
    {"LastEvaluatedKey": {"id": "YWJj"}},
]
COMPLETE: list[dict[str, Any]] = [
    {"total": 3},
    {"total": "3", "limit": 3},
    {"count": 1},
    {"page": 1, "pages": 1, "per_page": 3},
    {"pages": 0},
    {"page": 0, "limit": 100, "offset": 0},
    {"next": None, "prev": None, "limit": 3},
    {"next_cursor": "", "has_more": False},
    {"nextPage": 0, "hasMore": "false"},
    {"truncated": False, "complete": True},
    {"meta": {"page": 1, "pages": 1, "total": 3}},
    {"links": {"self": "/", "next": None, "last": "/?page=1"}},
    {"_links": {"next": {"href": None}}},
    {"page": "1/1", "total": {"count": 3}, "remaining": 0, "range": "0-2/3"},
    {"page": {"no": 1, "of": 1}, "range": {"from": 0, "to": 2, "of": 3}},
    {"pageInfo": {"hasNextPage": False, "endCursor": "YWJj"}},
    {"meta": {"rateLimit": {"limit": 3, "remaining": 97}}, "records": 3, "range": "2026-03-01/2026-03-04"},
    {"summary": "3 of 3", "server": {"total": 900, "next": "maintenance"}},
    {"currency": "USD", "generatedAt": "2026-03-04", "maxPrice": 900},
]


@pytest.mark.parametrize("members", MORE, ids=str)
def test_envelope_that_speaks_of_more_is_refused(members: dict[str, Any]) -> None:
    wrapped = {"ok": True, "body": {"items": STATISTICS} | members}
    v2 = {"error": False, "body": STATISTICS} | members
    for payload in (envelope(**members), wrapped, v2, {"items": STATISTICS} | members):
        with pytest.raises(IncompleteResponse) as error:
            read("statistics", payload)
        line = str(error.value)
        assert "\n" not in line
        assert line.startswith("statistics: 3 records came, but '")
        assert next(name for name in members if f"'{name}" in line)
        assert "https" not in line
        assert "YWJj" not in line
        assert error.value.fetched == 3
        assert [(reject.response_id, reject.row_index) for reject in error.value.rejects] == [
            ("r1", 0),
            ("r1", 1),
            ("r1", 2),
        ]


@pytest.mark.parametrize("members", COMPLETE, ids=str)
def test_envelope_that_agrees_is_drift(members: dict[str, Any]) -> None:
    for payload in (envelope(**members), {"ok": True, "body": {"items": STATISTICS} | members}):
        records = read("statistics", payload)
        assert records == STATISTICS
        result = normalise(DATASETS["statistics"], [ParsedResponse("", "r1", {}, records)], "7")
        drift = {change.field: change.kind for change in result.drift if change.field.startswith("envelope.")}
        assert drift == {f"envelope.{name}": "unknown" for name in members}


def test_drift_of_the_envelope_has_an_example() -> None:
    records = read("statistics", envelope(meta={"page": 1}, currency="USD", **{"x\ud83d\x00": None}))
    drift = normalise(DATASETS["statistics"], [ParsedResponse("", "r1", {}, records)], "7").drift
    assert [(change.field, change.example) for change in drift][:3] == [
        ("envelope.currency", "'USD'"),
        ("envelope.meta", "'a dict'"),
        ("envelope.x\\ud83d\\u0000", "'a NoneType'"),
    ]


@pytest.mark.parametrize(
    "payload", [STATISTICS, {"ok": True, "body": STATISTICS}, {"error": False, "body": STATISTICS}]
)
def test_usual_envelope_is_no_drift(payload: Any) -> None:
    records = read("statistics", payload)
    assert (records, records.members) == (STATISTICS, {})


def test_total_of_nested_records_may_count_either() -> None:
    nested = {"12": {"ds": {"any": {"total": 1}, "o2": {"total": 2}}}, "16": {"tg": {"any": {"total": 3}}}}
    for total in (2, 3):
        assert len(read("statistics", {"ok": True, "body": nested, "total": total})) == 3
    with pytest.raises(IncompleteResponse, match="'total' is 4"):
        read("statistics", {"ok": True, "body": nested, "total": 4})


def test_total_of_countries_may_count_carriers() -> None:
    countries = [{"cShort": "12", "carriers": ["any", "o2"]}, {"cShort": "16", "carriers": ["any"]}]
    for total in (2, 3):
        assert len(read("countries", {"ok": True, "body": countries, "total": total})) == 3


@pytest.mark.parametrize("name", ["balances", "discount_tiers"])
def test_fields_of_the_account_are_no_paging(name: str) -> None:
    account = {"balance": 500, "total": 900, "count": 7, "totalCharges": "500", "discountRates": [[0, 1, "0%"]]}
    assert len(read(name, {"ok": True, "body": account})) == 1


def test_object_may_have_paging_beside_it() -> None:
    assert len(read("balances", {"ok": True, "body": {"balance": 5}, "total": 9, "meta": {"pages": 2}})) == 1


def test_limited_list_may_be_a_part() -> None:
    orders = [{"orderId": str(number)} for number in range(3)]
    records = read("inventory", {"ok": True, "body": orders, "total": 250, "hasMore": True, "next": 2})
    assert sorted(records.members) == ["hasMore", "next", "total"]


def test_coupons_received_earlier_are_no_total() -> None:
    assert read("coupons", {"ok": True, "body": {"totalReceived": 9, "codes": [{"code": "A"}]}}).members == {}


def test_member_can_be_declared_as_no_paging() -> None:
    payload = envelope(meta={"total": 100})
    with pytest.raises(IncompleteResponse, match=r"\[datasets.statistics\] envelope_members = \['meta.total'\] in"):
        read("statistics", payload)
    for member in ("meta.total", "total"):
        assert read("statistics", payload, envelope_members=[member]) == STATISTICS


@pytest.mark.parametrize("wrapper", ["items", "data", "results", "offers"])
@pytest.mark.parametrize(
    "description", [{"page": 1, "pages": 1}, {"count": 3}, {"total": 3, "next": None}, {}, {"page": {"count": 3}}]
)
@pytest.mark.parametrize("name", ["pagination", "meta", "summary", "links", "_links"])
def test_wrapped_list_invents_no_service(wrapper: str, description: dict[str, Any], name: str) -> None:
    for body in ({wrapper: OFFERS, name: description}, {name: description, wrapper: OFFERS}):
        records = read("services", {"ok": True, "body": body})
        assert [record["sShort"] for record in records] == ["ds", "tg", "wa"]
        assert list(records.members) == [name]


@pytest.mark.parametrize("wrapper", ["items", "data"])
def test_wrapped_nest_invents_no_country(wrapper: str) -> None:
    nested = {"12": {"country": "United States", "carriers": ["any"]}, "16": {"carriers": ["o2"]}}
    records = read("countries", {"ok": True, "body": {wrapper: nested, "meta": {"page": 1}}})
    assert [(record["cShort"], record["carrier"]) for record in records] == [("12", "any"), ("16", "o2")]


def test_empty_wrapped_list_is_empty() -> None:
    empty: Any
    for empty in ([], {}, None):
        records = read("services", {"ok": True, "body": {"items": empty, "pagination": {"total": 0}}})
        assert (records, list(records.members)) == ([], ["pagination"])


@pytest.mark.parametrize(
    "body",
    [
        {"items": [1, 2], "pagination": {"page": 1}},
        {"pagination": {"page": 1, "pages": 1}},
        {"ds": {"foo": 1}, "tg": {"bar": 2}},
        {"note": "closed", "since": "2026-03-04"},
        {"items": {"status": "none"}},
    ],
)
def test_object_without_records_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises((RecordsNotFound, MissingField)):
        records = read("services", {"ok": True, "body": body})
        normalise(DATASETS["services"], [ParsedResponse("", "r1", {"country": "12", "carrier": "any"}, records)], "7")


def test_member_of_a_nest_that_is_no_record_gets_no_code() -> None:
    nest: dict[str, Any] = {str(offer["sShort"]): offer for offer in OFFERS}
    nest |= {"info": {"version": 3}, "meta": {"count": 3}, "generatedAt": "2026-03-04"}
    records = read("services", {"ok": True, "body": nest | {"odd": {"currency": "USD"}, "worse": "closed"}})
    assert sorted(records.members) == ["generatedAt", "info", "meta"]
    assert records[:3] == OFFERS
    assert records[3:] == [{"currency": "USD"}, "closed"]


def test_service_may_have_the_name_of_a_description() -> None:
    nest = {"meta": {"service": "Meta", "price": 9}, "ds": {"service": "Discord", "price": 16}}
    assert [record["sShort"] for record in read("services", {"ok": True, "body": nest})] == ["meta", "ds"]


def test_source_without_a_list_is_refused_once() -> None:
    with pytest.raises(RecordsNotFound, match=r"^statistics: no records"):
        read_records(replace(Source({"ok": True}), response_id="r2"), DATASETS["statistics"], "body")
