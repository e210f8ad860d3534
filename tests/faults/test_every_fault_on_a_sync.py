"""Every kind of fault against the whole data path: what the load says, and that no fault costs a row that was there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assets.privacy import privacy_of
from assets.sync import DataPath
from smsonline.account import Account
from smsonline.client import CallPolicy, Client
from smsonline.sandbox import KINDS, Sandbox, serve
from warehouse.database.opening import open_warehouse

# kind: the load's status, and how many of the 27 x 20 statistics rows are current afterwards
OK, FAILED, REJECTED = "ok", "failed", "rejected"
HARMLESS = {
    *("latency", "extra_field", "reordered", "numbers_as_text", "percent_sign", "nested", "bare", "duplicate_rows"),
    *("wrong_type", "null_keys"),
}
REFUSED = {"empty_list", "shrunk", "missing_field", "fractions"}
# Statistics carry no money.
NOT_FOR_STATISTICS = {"dollars"}


class Clock:
    """Time that moves a minute a sync."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, DataPath, Clock]]:
    clock = Clock()
    sandbox = Sandbox(now=clock)
    with serve(sandbox) as address:
        account = Account(sandbox.user_id, sandbox.api_key, address.base_url, address.v2_base_url)
        policy = CallPolicy(read_timeout_seconds=0.3, total_deadline_seconds=1)
        path = tmp_path_factory.mktemp("faults") / "warehouse.duckdb"
        with Client(account, policy=policy, sleep=lambda seconds: None, now=clock) as client:
            data = DataPath(client, account.user_id, path, privacy_of(account))
            assert next(data.sync(["statistics"])).outcome.status == OK
            yield sandbox, data, clock


def rows(path: Path) -> list[tuple[object, ...]]:
    with open_warehouse(path, read_only=True) as connection:
        return connection.execute(
            "SELECT * EXCLUDE (last_seen_at, response_id, extra) FROM sms.statistics ORDER BY ALL"
        ).fetchall()


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - NOT_FOR_STATISTICS))
def test_a_fault_never_costs_a_row(setting, kind):
    sandbox, data, clock = setting
    clock.now += timedelta(minutes=1)
    before = rows(data.warehouse)
    sandbox.faults.add("statistics", kind)
    try:
        result = next(data.sync(["statistics"]))
    finally:
        sandbox.faults.clear()
    expected = OK if kind in HARMLESS else REJECTED if kind in REFUSED else FAILED
    assert result.outcome.status == expected, result.outcome.error
    assert (result.outcome.error is None) == (expected == OK)
    assert {row[0:5] for row in rows(data.warehouse)} == {row[0:5] for row in before}
    counts = result.outcome.counts
    assert counts.fetched == counts.inserted + counts.changed + counts.unchanged + counts.rejected + counts.duplicates
    assert counts.closed == 0


def test_after_all_faults_one_clean_sync_gives_the_vendors_state(setting):
    sandbox, data, clock = setting
    clock.now += timedelta(minutes=1)
    assert next(data.sync(["statistics"])).outcome.status == OK
    with open_warehouse(data.warehouse, read_only=True) as connection:
        found = connection.execute(
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
    assert set(found) == truth
    assert len(found) == len(truth)


def test_dollars_where_cents_are_declared_are_refused(setting):
    sandbox, data, clock = setting
    next(data.sync(["popular"]))
    clock.now += timedelta(minutes=1)
    sandbox.faults.add("popular", "dollars")
    try:
        result = next(data.sync(["popular"]))
    finally:
        sandbox.faults.clear()
    assert result.outcome.status == REJECTED
    assert '[datasets.popular.fields.price_cents] unit = "usd"' in (result.outcome.error or "")
