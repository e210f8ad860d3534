from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.datasets import DATASETS
from assets.fetch import Fetched, Missing, Received, Share
from assets.intake import Intake
from smsonline.answers import Answer
from smsonline.errors import TimedOut
from warehouse.database.opening import open_warehouse
from warehouse.loading.batch import LoadContext, LoadResult
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ROW = {"cShort": "12", "carrier": "any", "sShort": "ds", "successRate": 87, "total": 9}
OFFER = {"sShort": "ds", "service": "Discord", "price": 16, "count": 5}


@pytest.fixture
def path(warehouse_path: Path) -> Path:
    with open_warehouse(warehouse_path) as connection:
        migrate(connection)
        sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
    return warehouse_path


def share(body: Any, minute: int = 0, part: str = "", **params: str) -> Share:
    text = body if isinstance(body, bytes) else json.dumps({"ok": True, "body": body}).encode()
    at = NOON + timedelta(minutes=minute)
    answer = Answer("statistics", params, at, 5, 200, text, hashlib.sha256(text).hexdigest())
    return Share(part, params, Received(answer, None))


def take(path: Path, *shares: Share, dataset: str = "statistics", **more: Any) -> LoadResult:
    load = LoadContext("run", "load", dataset, "7", NOON)
    return Intake(path, "run", "7").take(Fetched(DATASETS[dataset], shares, **more), "body", load)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_an_answer_is_kept_raw_and_its_rows_name_it(path: Path) -> None:
    given = share([ROW])
    assert take(path, given).counts.inserted == 1
    assert rows(path, "SELECT response_id, body_sha256 FROM raw.responses") == [
        (given.source.response_id, given.source.sha256)
    ]
    assert rows(path, "SELECT response_id, success_rate FROM sms.statistics") == [(given.source.response_id, 0.87)]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("later", "a list was expected, text came"),
        ([{"novelty": 1}], "the required field 'cShort' is missing"),
        ([ROW | {"sShort": str(n), "successRate": 0} | {"successRate": 1} for n in range(30)], "no value above 1"),
        ([ROW | {"successRate": "high"}], "every one of 1 records breaks the contract"),
        ([None, 5], "the required field 'cShort' is missing"),
    ],
)
def test_a_refused_answer_is_kept_raw_and_told_in_one_line(path: Path, body: Any, told: str) -> None:
    take(path, share([ROW]))
    before = rows(path, "SELECT * FROM sms.statistics_history")
    outcome = take(path, share(body, 1))
    assert outcome.status == "rejected"
    assert told in (outcome.error or "")
    assert "\n" not in (outcome.error or "")
    assert rows(path, "SELECT count(*) FROM raw.responses") == [(2,)]
    assert rows(path, "SELECT * FROM sms.statistics_history") == before
    assert rows(path, "SELECT status, error FROM ops.loads ORDER BY finished_at DESC LIMIT 1") == [
        ("rejected", outcome.error)
    ]


def test_the_same_body_again_is_unchanged_also_where_it_had_rejects_and_duplicates(path: Path) -> None:
    body = [ROW, ROW, ROW | {"sShort": "tg", "total": "x"}]
    first = take(path, share(body)).counts
    again = take(path, share(body, 1)).counts
    assert (first.fetched, first.inserted, first.duplicates, first.rejected) == (3, 1, 1, 1)
    assert (again.fetched, again.unchanged, again.duplicates, again.rejected) == (3, 1, 1, 1)
    assert rows(path, "SELECT count(*), count(body) FROM raw.responses") == [(2, 1)]
    assert rows(path, "SELECT count(*) FROM ops.rejects") == [(1,)]


def test_the_same_body_is_read_again_after_the_contract_has_changed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = [ROW | {"total": n} for n in (1, 2)]
    take(path, share(body))
    monkeypatch.setattr("assets.declaration.NORMALISER", 999)
    monkeypatch.delitem(vars(DATASETS["statistics"]), "contract", raising=False)
    assert take(path, share(body, 1)).counts.duplicates == 1
    assert len(rows(path, "SELECT DISTINCT contract FROM ops.watermarks")) == 1


def test_where_every_part_failed_nothing_is_loaded_and_the_first_failure_is_told(path: Path) -> None:
    missing = [Missing(part, TimedOut("services")) for part in ("12/any", "16/any")]
    outcome = take(path, dataset="services", missing=missing, requested=frozenset({"12/any", "16/any"}))
    assert outcome.status == "failed"
    assert (outcome.error or "").startswith("2 of 2 requests failed; the first: services: ")


def test_a_part_that_cannot_be_read_leaves_the_others_alone(path: Path) -> None:
    good = share([OFFER], 0, "12/any", country="12", carrier="any")
    odd = share("later", 0, "16/any", country="16", carrier="any")
    requested = frozenset({"12/any", "16/any"})
    outcome = take(path, good, odd, dataset="services", requested=requested)
    assert (outcome.status, outcome.counts.inserted) == ("failed", 1)
    assert (outcome.error or "").startswith("1 of 2 requests failed; the first: services: no records")
    assert rows(path, "SELECT country_code, carrier, price_cents FROM sms.services") == [("12", "any", 16)]
    assert rows(path, "SELECT count(*) FROM raw.responses") == [(2,)]


def test_one_answer_for_two_datasets_is_kept_once(path: Path) -> None:
    body = {"balance": 500, "totalCharges": "500", "discountRates": [[8000, 0.8, "-20%"], ["9000", "0.7", "-30%"]]}
    given = share(body, part="7")
    intake = Intake(path, "run", "7")
    for name, place in (("balances", "body"), ("discount_tiers", "body.discountRates")):
        outcome = intake.take(Fetched(DATASETS[name], [given]), place, LoadContext("run", name, name, "7", NOON))
        assert outcome.status == "ok"
    assert rows(path, "SELECT count(*) FROM raw.responses") == [(1,)]
    assert rows(path, "SELECT threshold_cents, multiplier FROM sms.discount_tiers ORDER BY 1") == [
        (8000, 0.8),
        (9000, 0.7),
    ]
    assert rows(path, "SELECT account_id, balance_cents, total_charges_cents FROM sms.balances") == [("7", 500, 500)]
