"""Loads whose clock the vendor contradicts, responses of caches, and the source of a warehouse."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.datasets import DATASETS
from assets.fetch import FetchResult, PartitionResponse
from assets.loader import SnapshotLoader
from assets.response_clock import clock_skew, describe_span
from assets.sync import source_of
from smsonline.response import VendorResponse
from warehouse.database.opening import open_warehouse
from warehouse.errors import NotAWarehouse
from warehouse.loading.batch import LoadContext, LoadResult

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OFFER = {"sShort": "ds", "service": "Discord", "price": 16, "count": 5}


def response(price: int, at: datetime, date: datetime | None, age: int = 0, country: str = "12") -> PartitionResponse:
    body = json.dumps({"ok": True, "body": [OFFER | {"price": price}]}).encode()
    params = {"country": country, "carrier": "any"}
    digest = hashlib.sha256(body).hexdigest()
    received = VendorResponse("services", params, at, 500, 200, body, digest, date, age)
    return PartitionResponse(f"{country}/any", params, received)


def load(path: Path, *responses: PartitionResponse, now: datetime | None = None, **more: Any) -> LoadResult:
    fetched = FetchResult(DATASETS["services"], "body", responses, **more)
    present = now or max(response.source.requested_at for response in responses)
    context = LoadContext("run", responses[0].source.response_id, "services", "7", present)
    return SnapshotLoader(path, now=lambda: present).load(fetched, context)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def prices(path: Path) -> list[tuple[Any, ...]]:
    return rows(path, "SELECT country_code, price_cents FROM sms.services_history ORDER BY ALL")


def stored(path: Path) -> list[tuple[Any, ...]]:
    tables = ("store.services", "store.services_expired", "ops.watermarks")
    return [row for table in tables for row in rows(path, f"SELECT * FROM {table} ORDER BY ALL")]


@pytest.mark.parametrize(
    ("off", "difference"),
    [
        (400 * DAY, "400 days ahead of"),
        (-400 * DAY, "400 days behind"),
        (timedelta(hours=1, minutes=10), "1 hour ahead of"),
        (timedelta(minutes=-31, seconds=-1), "31 minutes behind"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_clock_far_from_the_vendors_loads_nothing(path: Path, off: timedelta, difference: str, is_first: bool) -> None:
    if not is_first:
        load(path, response(16, NOON, NOON))
    before = stored(path)
    at = NOON + timedelta(minutes=5)
    outcome = load(path, response(17, at + off, at))
    assert outcome.status == "rejected"
    assert f"services: this machine's clock is {difference} the vendor's, so nothing was loaded" in (
        outcome.error or ""
    )
    assert "SMSONLINE_MAX_CLOCK_SKEW_MINUTES" in (outcome.error or "")
    assert "\n" not in (outcome.error or "")
    assert (outcome.counts.fetched, outcome.counts.rejected) == (1, 1)
    assert stored(path) == before
    assert rows(path, "SELECT count(*) FROM raw.responses") == [(1 if is_first else 2,)]
    assert load(path, response(18, at, at)).status == "ok"


def test_difference_within_the_limit_is_loaded(path: Path) -> None:
    assert load(path, response(16, NOON, NOON - timedelta(minutes=29))).status == "ok"
    assert load(path, response(17, NOON + DAY, NOON + DAY + timedelta(minutes=29))).status == "ok"


def test_partition_with_an_odd_date_fails_alone(path: Path) -> None:
    outcome = load(path, response(16, NOON, NOON), response(17, NOON, NOON + DAY, country="16"))
    assert outcome.status == "failed"
    assert "1 of 2 requests failed; the first: services: this machine's clock is" in (outcome.error or "")
    assert prices(path) == [("12", 16)]
    assert outcome.response_id
    assert rows(path, "SELECT response_id FROM ops.loads") == [(outcome.response_id,)]


def test_damage_of_an_earlier_release_heals(path: Path) -> None:
    """That release stored no time of the vendor's, and took any clock for right."""
    load(path, response(16, NOON, None))
    load(path, response(17, NOON + 400 * DAY, None))
    at = NOON + timedelta(minutes=10)
    outcome = load(path, response(18, at, at))
    assert (outcome.status, outcome.counts.changed) == ("ok", 1)
    assert "wrong clock" in (outcome.warning or "")
    assert rows(path, "SELECT price_cents, valid_from, valid_to FROM sms.services_history ORDER BY 2") == [
        (16, NOON, at),
        (18, at, None),
    ]
    assert rows(path, "SELECT seen_at, server_date FROM ops.watermarks") == [(at, at)]


def test_two_edges_in_turns_make_no_versions(path: Path) -> None:
    for minute in range(6):
        at = NOON + timedelta(minutes=minute)
        edge = response(15, at, at - DAY, age=86_400) if minute % 2 else response(16, at, at)
        outcome = load(path, edge)
        assert (outcome.status, outcome.error) == ("ok", None)
    assert prices(path) == [("12", 16)]
    assert rows(path, "SELECT field, kind FROM ops.drift") == [("Age", "stale")]


def test_old_response_without_age_is_no_wrong_clock(path: Path) -> None:
    load(path, response(16, NOON, NOON))
    at = NOON + timedelta(minutes=5)
    outcome = load(path, response(15, at, at - DAY))
    assert (outcome.status, outcome.counts.unchanged) == ("ok", 1)
    assert prices(path) == [("12", 16)]


def test_partition_list_of_a_cache_closes_nothing(path: Path) -> None:
    both = frozenset({"12/any", "16/any"})
    load(path, response(16, NOON, NOON), response(16, NOON, NOON, country="16"), expected_partitions=both)
    at = NOON + timedelta(minutes=5)
    parent = response(0, at, at - DAY, age=86_400).source
    more: dict[str, Any] = {"expected_partitions": frozenset({"12/any"}), "parent_responses": [parent]}
    assert load(path, response(16, at, at), **more).counts.closed == 0
    fresh = response(0, at, at).source
    later = at + timedelta(minutes=1)
    assert load(path, response(16, later, later), **more | {"parent_responses": [fresh]}).counts.closed == 1


@pytest.mark.parametrize(
    ("date", "age", "skew"),
    [
        (NOON, 0, timedelta()),
        (NOON + timedelta(milliseconds=500), 0, timedelta()),
        (NOON - DAY, 0, DAY),
        (NOON + DAY, 0, timedelta(milliseconds=500) - DAY),
        (NOON - DAY, 86_400, timedelta()),
        (NOON, 86_400, timedelta()),
        (NOON - DAY, 3600, DAY - timedelta(hours=1)),
        (datetime.max.replace(tzinfo=UTC), 3600, NOON - datetime.max.replace(tzinfo=UTC) + timedelta(milliseconds=500)),
        (None, 0, None),
    ],
)
def test_skew_is_the_nearest_of_date_and_date_plus_age(date: datetime | None, age: int, skew: timedelta | None) -> None:
    source = response(1, NOON, date, age).source
    assert clock_skew(source) == skew


def test_span_is_named_in_its_largest_unit() -> None:
    spans = (400 * DAY, timedelta(hours=2, minutes=20), timedelta(minutes=1), timedelta(seconds=9))
    assert [describe_span(span) for span in spans] == ["400 days", "2 hours", "1 minute", "9 seconds"]


def test_warehouse_holds_the_data_of_one_source(path: Path) -> None:
    first, second = response(16, NOON, NOON), response(17, NOON + timedelta(minutes=1), NOON)
    load(path, first)
    assert rows(path, "SELECT source FROM ops.warehouse") == [("vendor",)]
    before = stored(path)
    local = replace(SnapshotLoader(path), source="local")
    with pytest.raises(NotAWarehouse, match=r"this warehouse holds data of the vendor, .* SMSONLINE_WAREHOUSE"):
        local.load(FetchResult(DATASETS["services"], "body", [second]), LoadContext("run", "l", "services", "7", NOON))
    assert stored(path) == before
    assert rows(path, "SELECT count(*) FROM raw.responses") == [(1,)]


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://api-x.smsonline.cloud/v3", "vendor"),
        ("http://127.0.0.1:8777/v3", "local"),
        ("http://127.9.9.9/v3", "local"),
        ("http://[::1]:8777/v3", "local"),
        ("http://localhost:8777/v3", "local"),
        ("http://api.localhost/v3", "local"),
        ("http://192.168.1.5/v3", "vendor"),
        ("https://localhost.example.org/v3", "vendor"),
    ],
)
def test_source_is_local_on_this_machine(url: str, source: str) -> None:
    assert source_of(url) == source
