"""Every kind of fault against a whole sync: the status of the load, and that no current row is lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assets.pii_policy import pii_policy
from assets.sync import SyncPipeline
from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.sandbox import KINDS, Sandbox, serve
from warehouse.database.opening import open_warehouse

# kind: the load's status, and how many of the 27 x 20 statistics rows are current afterwards
OK, FAILED, REJECTED = "ok", "failed", "rejected"
HARMLESS = {
    *("latency", "extra_field", "reordered", "numbers_as_text", "percent_sign", "nested", "bare", "duplicate_rows"),
    *("wrong_type", "null_keys", "conflicting_rows", "positions", "zero_dates", "extra_member", "local_times"),
    *("surrogate", "nul", "huge_number"),  # cost one record
    *("stale_edge", "skewed_date"),  # older than what is loaded
}
REJECTING = {"empty_list", "shrunk", "missing_field", "fractions", "paged", "wrapped"}
# Statistics carry no money.
NOT_FOR_STATISTICS = {"dollars"}


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def faulty_vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, SyncPipeline, Clock]]:
    clock = Clock()
    sandbox = Sandbox(now=clock)
    with serve(sandbox) as address:
        account = Credentials(sandbox.user_id, sandbox.api_key, address.base_url, address.v2_base_url)
        policy = ClientConfig(read_timeout_seconds=0.3, total_timeout_seconds=1)
        path = tmp_path_factory.mktemp("faults") / "warehouse.duckdb"
        with Client(account, config=policy, sleep=lambda seconds: None, now=clock) as client:
            pipeline = SyncPipeline(client, account.user_id, path, pii_policy(account))
            assert next(pipeline.sync(["statistics"])).outcome.status == OK
            yield sandbox, pipeline, clock


def rows(path: Path) -> list[tuple[object, ...]]:
    with open_warehouse(path, read_only=True) as connection:
        return connection.execute(
            "SELECT * EXCLUDE (last_seen_at, response_id, extra) FROM sms.statistics ORDER BY ALL"
        ).fetchall()


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - NOT_FOR_STATISTICS))
def test_fault_never_costs_a_row(faulty_vendor, kind):
    sandbox, pipeline, clock = faulty_vendor
    clock.now += timedelta(minutes=1)
    before = rows(pipeline.warehouse)
    sandbox.faults.add("statistics", kind)
    try:
        result = next(pipeline.sync(["statistics"]))
    finally:
        sandbox.faults.clear()
    expected = OK if kind in HARMLESS else REJECTED if kind in REJECTING else FAILED
    assert result.outcome.status == expected, result.outcome.error
    assert (result.outcome.error is None) == (expected == OK)
    assert {row[0:5] for row in rows(pipeline.warehouse)} == {row[0:5] for row in before}
    counts = result.outcome.counts
    assert counts.fetched == counts.inserted + counts.changed + counts.unchanged + counts.rejected + counts.duplicates
    assert counts.closed == 0


def test_sync_without_faults_equals_ground_truth(faulty_vendor):
    sandbox, pipeline, clock = faulty_vendor
    clock.now += timedelta(minutes=1)
    assert next(pipeline.sync(["statistics"])).outcome.status == OK
    with open_warehouse(pipeline.warehouse, read_only=True) as connection:
        current = connection.execute(
            "SELECT country_code, carrier, service_code, attempts, successes, success_rate FROM sms.statistics"
        ).fetchall()
    truth = {
        (
            row["country_code"],
            row["carrier"],
            row["service_code"],
            row["attempts"],
            row["successes"],
            row["success_rate"],
        )
        for row in sandbox.truth()["statistics"]
    }
    assert set(current) == truth
    assert len(current) == len(truth)


def test_dollars_declared_as_cents_are_rejected(faulty_vendor):
    sandbox, pipeline, clock = faulty_vendor
    next(pipeline.sync(["popular"]))
    clock.now += timedelta(minutes=1)
    sandbox.faults.add("popular", "dollars")
    try:
        result = next(pipeline.sync(["popular"]))
    finally:
        sandbox.faults.clear()
    assert result.outcome.status == REJECTED
    assert '[datasets.popular.fields.price_cents] unit = "usd"' in (result.outcome.error or "")
