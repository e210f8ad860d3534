"""What ``prune`` deletes: raw responses and rejected records by their age, and never a partition's newest response."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from warehouse.database.opening import open_warehouse
from warehouse.raw.retention import PruneResult, prune
from warehouse.raw.store import RawResponse, read_body, store_responses
from warehouse.schema.migrations import migrate

CUTOFF = datetime(2026, 3, 4, 12, tzinfo=UTC)
FAILED_CUTOFF = CUTOFF + timedelta(days=10)
INSTANT = timedelta(microseconds=1)
WATERMARK = "INSERT INTO ops.watermarks (dataset, part, response_id) VALUES ('statistics', '', ?)"
REJECT = "INSERT INTO ops.rejects (load_id, response_id, dataset, row_index) VALUES ('load', ?, 'statistics', 0)"

Store = Callable[..., RawResponse]


@pytest.fixture
def store(warehouse_path: Path) -> Store:
    """Stores one response, whose id is its body unless it has another."""
    with open_warehouse(warehouse_path) as connection:
        migrate(connection)

    def store(body: str, at: datetime, **more: Any) -> RawResponse:
        given: dict[str, Any] = {"run_id": "run", "account_id": "7", "endpoint": "statistics", "params": {}}
        given |= {"elapsed_ms": 1, "http_status": 200, "response_id": body, "requested_at": at, "body": body.encode()}
        response = RawResponse(**(given | {"body_sha256": hashlib.sha256(body.encode()).hexdigest()} | more))
        with open_warehouse(warehouse_path) as connection:
            store_responses(connection, [response])
        return response

    return store


def rows(path: Path, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with open_warehouse(path) as connection:
        return connection.execute(sql, list(parameters)).fetchall()


def stored(path: Path) -> set[str]:
    return {name for (name,) in rows(path, "SELECT response_id FROM raw.responses")}


def pruned(path: Path, **more: Any) -> PruneResult:
    return prune(path, CUTOFF, FAILED_CUTOFF, **({"dry_run": False} | more))


def test_response_of_exactly_the_cutoff_stays(store: Store, warehouse_path: Path) -> None:
    store("younger", CUTOFF)
    store("older", CUTOFF - INSTANT)
    store("failed, younger", FAILED_CUTOFF, error="ServerError")
    store("failed, older", FAILED_CUTOFF - INSTANT, error="ServerError")
    result = pruned(warehouse_path)
    assert (result.responses, result.failed_responses) == (2, 1)
    assert stored(warehouse_path) == {"younger", "failed, younger"}


def test_failed_response_may_outlive_a_usable_one(store: Store, warehouse_path: Path) -> None:
    store("usable", CUTOFF - INSTANT)
    store("failed", CUTOFF - INSTANT, error="ServerError")
    prune(warehouse_path, CUTOFF, CUTOFF - timedelta(days=1), dry_run=False)
    assert stored(warehouse_path) == {"failed"}


def test_newest_accepted_response_stays_however_old(store: Store, warehouse_path: Path) -> None:
    for name, days in (("old", 900), ("accepted", 800)):
        store(name, CUTOFF - timedelta(days=days))
        rows(warehouse_path, REJECT, name)
    rows(warehouse_path, WATERMARK, "accepted")
    assert pruned(warehouse_path).responses == 1
    assert stored(warehouse_path) == {"accepted"}
    assert rows(warehouse_path, "SELECT response_id FROM ops.rejects") == [("accepted",)]


@pytest.mark.parametrize("response_id", ["", None])
def test_watermark_without_a_response_keeps_no_response(
    store: Store, warehouse_path: Path, response_id: str | None
) -> None:
    store("old", CUTOFF - INSTANT)
    rows(warehouse_path, WATERMARK, response_id)
    assert pruned(warehouse_path).responses == 1


def test_rejected_records_go_with_their_response(store: Store, warehouse_path: Path) -> None:
    store("old", CUTOFF - INSTANT)
    store("young", CUTOFF)
    for response_id in ("old", "old", "young", "pruned before"):
        rows(warehouse_path, REJECT, response_id)
    dry = pruned(warehouse_path, dry_run=True)
    assert dry.rejects == 3
    assert rows(warehouse_path, "SELECT count(*) FROM ops.rejects") == [(4,)]
    assert pruned(warehouse_path) == dry
    assert rows(warehouse_path, "SELECT response_id FROM ops.rejects") == [("young",)]


@pytest.mark.parametrize("error", [None, "ServerError"])
def test_shared_body_moves_to_the_response_that_stays(store: Store, warehouse_path: Path, error: str | None) -> None:
    first = store("[]", CUTOFF - timedelta(days=30), error=error)
    store("[]", FAILED_CUTOFF, response_id="second")
    store("[]", FAILED_CUTOFF + INSTANT, response_id="third", error="ServerError")
    result = pruned(warehouse_path)
    assert (result.responses, result.body_bytes) == (1, 0)
    assert rows(warehouse_path, "SELECT response_id FROM raw.responses WHERE body IS NOT NULL") == [("second",)]
    with open_warehouse(warehouse_path) as connection:
        assert read_body(connection, first.body_sha256) == b"[]"


def test_prune_brings_an_older_file_up_to_date(store: Store, warehouse_path: Path) -> None:
    store("old", CUTOFF - INSTANT)
    for statement in ("DROP VIEW raw.responses", "ALTER TABLE raw.requests DROP COLUMN error"):
        rows(warehouse_path, statement)
    rows(warehouse_path, "DELETE FROM ops.migrations WHERE version > 3")
    assert pruned(warehouse_path).responses == 1
    assert stored(warehouse_path) == set()
