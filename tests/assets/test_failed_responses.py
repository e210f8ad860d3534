"""Responses that cannot be used are kept in ``raw.responses``, and never used."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from assets.datasets import DATASETS
from assets.pii_policy import pii_policy
from assets.replay import Replay
from assets.sync import SyncPipeline
from smsonline.client import Client
from smsonline.config import Credentials
from smsonline.endpoints import ENDPOINTS
from smsonline.sandbox import Sandbox
from warehouse.database.opening import open_warehouse
from warehouse.loading.batch import LoadResult

# kind of fault: http_status and error of the stored response, and a part of its body
STORED = {
    "http_500": (500, "ServerError", b'"ok"'),
    "http_503": (503, "ServerError", b'"ok"'),
    "http_429": (429, "RateLimited", b'"ok"'),
    "http_400": (400, "RequestRejected", b'"ok"'),
    "http_401": (401, "AuthenticationFailed", b'"ok"'),
    "http_403": (403, "AuthenticationFailed", b'"ok"'),
    "http_404": (404, "EndpointNotFound", b'"ok"'),
    "http_222": (222, "ActionRequired", b'"ok"'),
    "redirect": (307, "UnexpectedRedirect", b""),
    "html": (200, "InvalidResponse", b"<html"),
    "garbage": (200, "InvalidResponse", b""),
    "truncated": (200, "InvalidResponse", b'{"ok'),
    "empty_body": (200, "InvalidResponse", b""),
    "not_ok": (200, "RequestRejected", b"errorMessage"),
}


@pytest.fixture
def pipeline(vendor_client: Client, sandbox: Sandbox, warehouse_path: Path) -> SyncPipeline:
    account = Credentials(sandbox.user_id, sandbox.api_key)
    return SyncPipeline(vendor_client, sandbox.user_id, warehouse_path, pii_policy(account))


def sync(pipeline: SyncPipeline, *names: str) -> dict[str, LoadResult]:
    return {result.dataset: result.outcome for result in pipeline.sync(names)}


def rows(pipeline: SyncPipeline, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(pipeline.warehouse, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def failed(pipeline: SyncPipeline) -> list[dict[str, Any]]:
    """The failed responses with their bodies unpacked, in the order in which they were stored."""
    with open_warehouse(pipeline.warehouse, read_only=True) as connection:
        cursor = connection.execute("SELECT * FROM raw.responses WHERE error IS NOT NULL ORDER BY requested_at")
        names = [column[0] for column in cursor.description or ()]
        stored = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [row | {"body": row["body"] and zstandard.decompress(row["body"])} for row in stored]


def versions(pipeline: SyncPipeline, name: str) -> list[tuple[Any, ...]]:
    return rows(pipeline, f"SELECT * FROM sms.{name}_history ORDER BY ALL")


@pytest.mark.parametrize("kind", STORED)
def test_failed_response_is_stored_as_it_came(pipeline: SyncPipeline, sandbox: Sandbox, kind: str) -> None:
    status, error, body = STORED[kind]
    sandbox.faults.add("statistics", kind)
    assert sync(pipeline, "statistics")["statistics"].status == "failed"
    (stored,) = failed(pipeline)  # of several attempts the last one
    assert (stored["http_status"], stored["error"]) == (status, error)
    assert (stored["endpoint"], stored["params"]) == ("statistics", "{}")
    assert body in stored["body"]
    assert stored["server_date"] is not None
    assert rows(pipeline, "SELECT status, response_id FROM ops.loads") == [("failed", stored["response_id"])]


@pytest.mark.parametrize("kind", ["drop", "drop_midway"])
def test_response_that_never_came_whole_is_not_stored(pipeline: SyncPipeline, sandbox: Sandbox, kind: str) -> None:
    sandbox.faults.add("statistics", kind)
    sync(pipeline, "statistics")
    assert rows(pipeline, "SELECT count(*) FROM raw.responses") == [(0,)]
    assert rows(pipeline, "SELECT status, response_id FROM ops.loads") == [("failed", None)]


@pytest.mark.parametrize("kind", ["http_404", "http_401", "not_ok", "redirect"])
def test_each_failed_response_of_a_fan_out_is_stored(pipeline: SyncPipeline, sandbox: Sandbox, kind: str) -> None:
    sandbox.faults.add("services", kind, times=5)
    assert sync(pipeline, "services")["services"].status == "failed"
    stored = failed(pipeline)
    assert len(stored) == len({row["params"] for row in stored}) == 5
    assert {(row["http_status"], row["error"]) for row in stored} == {STORED[kind][:2]}
    usable = rows(pipeline, "SELECT count(*) FROM raw.responses WHERE error IS NULL AND endpoint = 'services'")
    assert usable == [(22,)]
    ((logged,),) = rows(pipeline, "SELECT response_id FROM ops.loads")
    assert logged in {row["response_id"] for row in stored}


def test_parent_list_that_breaks_the_contract_is_stored(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    sandbox.faults.add("countries", "missing_field=cShort")
    assert sync(pipeline, "services")["services"].status == "failed"
    ((response_id, endpoint, error),) = rows(pipeline, "SELECT response_id, endpoint, error FROM raw.responses")
    assert (endpoint, error) == ("countries", None)
    assert rows(pipeline, "SELECT response_id FROM ops.loads") == [(response_id,)]


def test_all_requests_of_a_fan_out_fail_with_one_body(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    sandbox.faults.add("services", "http_500")
    outcome = sync(pipeline, "services")["services"]
    assert (outcome.error or "").startswith("27 of 27 requests failed")
    stored = failed(pipeline)
    # As many as were sent before the vendor was taken to be down.
    assert 16 <= len(stored) == len({row["response_id"] for row in stored}) <= 27
    assert [row["body"] is not None for row in stored].count(True) == 1
    assert rows(pipeline, "SELECT endpoint FROM raw.responses WHERE error IS NULL") == [("countries",)]


def test_identical_failed_bodies_are_stored_once(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    sandbox.faults.add("statistics", "html")
    for _ in range(3):
        sandbox.advance(60)
        sync(pipeline, "statistics")
    assert [row["body"] is None for row in failed(pipeline)] == [False, True, True]


def test_failed_response_of_two_datasets_is_stored_once(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "http_401")
    sync(pipeline, "balances", "discount_tiers")
    (stored,) = failed(pipeline)
    assert rows(pipeline, "SELECT DISTINCT response_id FROM ops.loads") == [(stored["response_id"],)]


def test_large_failed_body_is_cut_to_64_kib(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    sandbox.faults.add("statistics", "truncated")
    sync(pipeline, "statistics")
    (stored,) = failed(pipeline)
    assert len(stored["body"]) <= 64 * 1024


def test_failed_responses_change_no_table_and_no_watermark(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    names = ("services", "statistics")
    sync(pipeline, *names)
    before = [versions(pipeline, name) for name in names]
    watermarks = rows(pipeline, "SELECT * FROM ops.watermarks ORDER BY ALL")
    for kind in STORED:
        sandbox.advance(3600)
        sandbox.faults.add("statistics", kind)
        sync(pipeline, "statistics")
        sandbox.faults.clear()
    assert len(failed(pipeline)) == len(STORED)
    assert [versions(pipeline, name) for name in names] == before
    assert rows(pipeline, "SELECT * FROM ops.watermarks ORDER BY ALL") == watermarks
    list(Replay(pipeline.warehouse, DATASETS, ENDPOINTS).run(names))
    assert [versions(pipeline, name) for name in names] == before


def test_replay_uses_no_failed_response_however_good_it_looks(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    sync(pipeline, "statistics")
    before = versions(pipeline, "statistics")
    sandbox.advance(3600)
    sync(pipeline, "statistics")
    assert versions(pipeline, "statistics") != before
    with open_warehouse(pipeline.warehouse) as connection:
        newest = "(SELECT max(requested_at) FROM raw.requests)"
        connection.execute(f"UPDATE raw.requests SET error = 'ServerError' WHERE requested_at = {newest}")
    (replayed,) = Replay(pipeline.warehouse, DATASETS, ENDPOINTS).run(["statistics"])
    assert replayed.outcome.counts.fetched == 540
    assert versions(pipeline, "statistics") == before


def test_replay_since_a_failed_response_takes_the_accepted_one(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    sync(pipeline, "statistics")
    sandbox.advance(3600)
    sandbox.faults.add("statistics", "http_500")
    sync(pipeline, "statistics")
    sandbox.faults.clear()
    sandbox.advance(3600)
    sync(pipeline, "statistics")
    before = versions(pipeline, "statistics")
    (stored,) = failed(pipeline)
    since = stored["requested_at"] + timedelta(seconds=1)
    list(Replay(pipeline.warehouse, DATASETS, ENDPOINTS).run(["statistics"], since))
    assert versions(pipeline, "statistics") == before
