import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.datasets import DATASETS
from assets.datasets.overrides import with_overrides
from assets.errors import ContractViolation
from assets.fetch import FailedPartition, FetchResult, PartitionResponse
from assets.loader import SnapshotLoader
from assets.normalise import read_records
from smsonline.errors import TimedOut
from smsonline.response import VendorResponse
from warehouse.database.opening import open_warehouse
from warehouse.loading.batch import LoadContext, LoadResult, RejectedRecord

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ROW = {"cShort": "12", "carrier": "any", "sShort": "ds", "successRate": 87, "total": 9}
OFFER = {"sShort": "ds", "service": "Discord", "price": 16, "count": 5}


def response(body: Any, minute: int = 0, partition: str = "", **params: str) -> PartitionResponse:
    text = body if isinstance(body, bytes) else json.dumps({"ok": True, "body": body}).encode()
    at = NOON + timedelta(minutes=minute)
    received = VendorResponse("statistics", params, at, 5, 200, text, hashlib.sha256(text).hexdigest())
    return PartitionResponse(partition, params, received)


def load(path: Path, *responses: PartitionResponse, dataset: str = "statistics", **more: Any) -> LoadResult:
    fetched = FetchResult(DATASETS[dataset], "body", responses, **more)
    return SnapshotLoader(path).load(fetched, LoadContext("run", "load", dataset, "7", NOON))


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_response_is_stored_raw_and_its_rows_name_it(path: Path) -> None:
    fetched = response([ROW])
    assert load(path, fetched).counts.inserted == 1
    source = fetched.source
    assert rows(path, "SELECT response_id, body_sha256 FROM raw.responses") == [(source.response_id, source.sha256)]
    assert rows(path, "SELECT response_id, success_rate FROM sms.statistics") == [(source.response_id, 0.87)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("later", "a list was expected, text came"),
        ([{"novelty": 1}], "the required field 'cShort' is missing"),
        ([ROW | {"sShort": str(n), "successRate": 0} | {"successRate": 1} for n in range(30)], "no value above 1"),
        ([ROW | {"successRate": "high"}], "every one of 1 records breaks the contract"),
        ([None, 5], "the required field 'cShort' is missing"),
        (b"no JSON", "statistics: "),
    ],
)
def test_rejected_response_is_stored_raw_and_changes_no_row(path: Path, body: Any, message: str) -> None:
    load(path, response([ROW]))
    before = rows(path, "SELECT * FROM sms.statistics_history")
    outcome = load(path, response(body, 1))
    assert outcome.status == "rejected"
    assert message in (outcome.error or "")
    assert "\n" not in (outcome.error or "")
    assert rows(path, "SELECT count(*) FROM raw.responses") == [(2,)]
    assert rows(path, "SELECT * FROM sms.statistics_history") == before
    assert rows(path, "SELECT status, error FROM ops.loads ORDER BY finished_at DESC LIMIT 1") == [
        ("rejected", outcome.error)
    ]


def test_same_body_is_unchanged_with_its_rejects_and_duplicates(path: Path) -> None:
    body = [ROW, ROW, ROW | {"sShort": "tg", "total": "x"}]
    first = load(path, response(body)).counts
    second = load(path, response(body, 1)).counts
    assert (first.fetched, first.inserted, first.duplicates, first.rejected) == (3, 1, 1, 1)
    assert (second.fetched, second.unchanged, second.duplicates, second.rejected) == (3, 1, 1, 1)
    assert rows(path, "SELECT count(*), count(body) FROM raw.responses") == [(2, 1)]
    assert rows(path, "SELECT count(*) FROM ops.rejects") == [(1,)]


def test_same_body_is_read_again_under_another_contract(path: Path) -> None:
    body = [OFFER]
    load(path, response(body, country="12", carrier="any"), dataset="services")
    in_dollars = with_overrides(DATASETS, {"services": {"fields": {"price_cents": {"unit": "usd"}}}})["services"]
    again = response(body, 1, country="12", carrier="any")
    outcome = SnapshotLoader(path).load(
        FetchResult(in_dollars, "body", [again]), LoadContext("run", "load", "services", "7", NOON)
    )
    assert (outcome.counts.changed, outcome.counts.unchanged) == (1, 0)
    assert rows(path, "SELECT price_cents FROM sms.services") == [(1600,)]


def test_same_body_is_read_again_at_another_path(path: Path) -> None:
    body = {"now": [ROW], "old": [ROW | {"successRate": 50}]}
    for minute, member in enumerate(("old", "now")):
        fetched = FetchResult(DATASETS["statistics"], f"body.{member}", [response(body, minute)])
        SnapshotLoader(path).load(fetched, LoadContext("run", member, "statistics", "7", NOON))
    assert rows(path, "SELECT success_rate FROM sms.statistics") == [(0.87,)]


def test_failure_of_every_partition_loads_nothing(path: Path) -> None:
    names = ("12/any", "16/any")
    failures = [FailedPartition(name, TimedOut("services")) for name in names]
    outcome = load(path, dataset="services", failures=failures, expected_partitions=frozenset(names))
    assert outcome.status == "failed"
    assert (outcome.error or "").startswith("2 of 2 requests failed; the first: services: ")


def test_unreadable_partition_leaves_the_others_alone(path: Path) -> None:
    valid = response([OFFER], 0, "12/any", country="12", carrier="any")
    unreadable = response("later", 0, "16/any", country="16", carrier="any")
    expected = frozenset({"12/any", "16/any"})
    outcome = load(path, valid, unreadable, dataset="services", expected_partitions=expected)
    assert (outcome.status, outcome.counts.inserted) == ("failed", 1)
    assert (outcome.error or "").startswith("1 of 2 requests failed; the first: services: no records")
    assert rows(path, "SELECT country_code, carrier, price_cents FROM sms.services") == [("12", "any", 16)]
    assert rows(path, "SELECT count(*) FROM raw.responses") == [(2,)]


def test_response_of_two_datasets_is_stored_once(path: Path) -> None:
    body = {"balance": 500, "totalCharges": "500", "discountRates": [[8000, 0.8, "-20%"], ["9000", "0.7", "-30%"]]}
    shared = response(body, partition="7")
    loader = SnapshotLoader(path)
    for name, records_path in (("balances", "body"), ("discount_tiers", "body.discountRates")):
        fetched = FetchResult(DATASETS[name], records_path, [shared])
        assert loader.load(fetched, LoadContext("run", name, name, "7", NOON)).status == "ok"
    assert rows(path, "SELECT count(*) FROM raw.responses") == [(1,)]
    assert rows(path, "SELECT threshold_cents, multiplier FROM sms.discount_tiers ORDER BY 1") == [
        (8000, 0.8),
        (9000, 0.7),
    ]
    assert rows(path, "SELECT account_id, balance_cents, total_charges_cents FROM sms.balances") == [("7", 500, 500)]


def offers(country: str, records: Any) -> PartitionResponse:
    return response(records, 0, f"{country}/any", country=country, carrier="any")


def test_refused_load_of_several_partitions_counts_all(path: Path) -> None:
    first = load(path, offers("12", [OFFER]), offers("16", [OFFER, OFFER | {"sShort": "tg"}]), dataset="services")
    assert first.status == "ok"
    spoiled = [{"service": "Discord", "price": 16}, {"service": "Telegram", "price": 9}]
    outcome = load(path, offers("12", [OFFER]), offers("16", spoiled), offers("17", spoiled), dataset="services")
    assert (outcome.status, outcome.counts.fetched, outcome.counts.rejected) == ("rejected", 5, 5)
    assert rows(path, "SELECT fetched, rejected, response_id IS NOT NULL FROM ops.loads WHERE status = 'rejected'") == [
        (5, 5, True)
    ]


@pytest.mark.parametrize("is_alone", [True, False])
def test_refused_response_counts_and_leaves_examples(
    path: Path, monkeypatch: pytest.MonkeyPatch, is_alone: bool
) -> None:
    refused = offers("16", [OFFER, OFFER | {"sShort": "tg"}])
    example = RejectedRecord(refused.source.response_id, 1, "{}", ["too few"])

    def read(source: Any, *more: Any) -> list[Any]:
        if source is refused.source:
            raise ContractViolation("services: too few", 2, [example])
        return read_records(source, *more)

    monkeypatch.setattr("assets.loader.read_records", read)
    outcome = load(path, *([] if is_alone else [offers("12", [OFFER])]), refused, dataset="services")
    assert outcome.status == ("rejected" if is_alone else "failed")
    assert (outcome.counts.rejected, outcome.counts.fetched - outcome.counts.inserted) == (2, 2)
    assert outcome.response_id == refused.source.response_id
    assert rows(path, "SELECT response_id, reasons FROM ops.rejects") == [(example.response_id, ["too few"])]


def test_conflicting_record_is_stored_as_received(path: Path) -> None:
    wrong = ROW | {"sShort": "tg", "total": "x"}
    fetched = response([wrong, ROW | {"total": 8}, ROW, ROW])
    counts = load(path, fetched).counts
    assert (counts.fetched, counts.inserted, counts.duplicates, counts.rejected) == (4, 1, 1, 2)
    rejects = rows(path, "SELECT response_id, row_index, record::VARCHAR, reasons FROM ops.rejects ORDER BY row_index")
    assert [(row[0], row[1]) for row in rejects] == [(fetched.source.response_id, 0), (fetched.source.response_id, 1)]
    assert (json.loads(rejects[1][2]), rejects[1][3]) == (ROW | {"total": 8}, ["conflicting duplicate"])
    assert rows(path, "SELECT attempts FROM sms.statistics") == [(9,)]
