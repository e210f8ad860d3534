"""The whole sync over real HTTP into a real file, compared with the sandbox's ground truth."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from assets.datasets import DATASETS
from assets.pii_policy import pii_policy
from assets.sync import SyncPipeline, SyncResult
from smsonline.client import Client
from smsonline.config import Credentials
from smsonline.sandbox import KINDS, Sandbox
from warehouse.database.opening import open_warehouse, published_path
from warehouse.errors import NotAWarehouse

ALL = list(DATASETS)
MARKET = ("countries", "services", "popular", "statistics")


@pytest.fixture
def pipeline(vendor_client: Client, sandbox: Sandbox, warehouse_path: Path) -> SyncPipeline:
    account = Credentials(sandbox.user_id, sandbox.api_key)
    return SyncPipeline(vendor_client, sandbox.user_id, warehouse_path, pii_policy(account))


def sync(pipeline: SyncPipeline, *names: str) -> dict[str, SyncResult]:
    results = {result.dataset: result for result in pipeline.sync(names or ALL)}
    for result in results.values():
        counts = result.outcome.counts
        assert counts.fetched == (
            counts.inserted + counts.changed + counts.unchanged + counts.rejected + counts.duplicates
        )
    assert set(results) == set(names or ALL)
    return results


def rows(pipeline: SyncPipeline, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(pipeline.warehouse, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def versions(pipeline: SyncPipeline) -> dict[str, Any]:
    """Every version of every row, without ``last_seen_at``."""
    query = "SELECT * EXCLUDE (last_seen_at) FROM sms.{}_history ORDER BY ALL"
    return {name: rows(pipeline, query.format(name)) for name in DATASETS}


def assert_equals_truth(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    """The current views equal the sandbox's ground truth in every column that both have."""
    truth = sandbox.truth()
    listed = {order_id for (order_id,) in rows(pipeline, "SELECT order_id FROM sms.inventory")}
    assert {row["order_id"] for row in truth["inventory"] if row["expires_at"] > truth["now"]} <= listed
    # Of the expired ones the vendor lists the newest hundred.
    truth["inventory"] = [row for row in truth["inventory"] if row["order_id"] in listed]
    assert len(truth["inventory"]) == len(listed) >= 100
    for name in ("countries", "services", "popular", "statistics", "inventory", "invoices", "favourites"):
        columns = [column.name for column in DATASETS[name].table.columns if column.name in truth[name][0]]
        assert {column for column in DATASETS[name].key if column != "account_id"} <= set(columns)
        assert len(columns) >= 2
        selected = rows(pipeline, f"SELECT {', '.join(columns)} FROM sms.{name}")
        assert sorted(selected) == sorted(tuple(_typed(row[c], c) for c in columns) for row in truth[name]), name
    money = truth["money"]
    assert rows(pipeline, "SELECT balance_cents, total_charges_cents FROM sms.balances") == [
        (money["balance_cents"], money["total_charges_cents"])
    ]
    coupons = [(coupon["code"], coupon["percentage"], coupon["status"]) for coupon in truth["coupons"]]
    assert sorted(rows(pipeline, "SELECT code, percent, status FROM sms.coupons")) == sorted(coupons)


def _typed(value: Any, column: str) -> Any:
    return datetime.fromisoformat(value) if column.endswith("_at") and value else value


@dataclass(frozen=True)
class SyncState:
    """The results of one sync of every dataset, and what it left in the warehouse."""

    results: dict[str, SyncResult]
    versions: dict[str, Any]
    bodies: int


@pytest.fixture(scope="module")
def three_syncs(
    shared_vendor: tuple[Sandbox, Client], tmp_path_factory: pytest.TempPathFactory
) -> tuple[SyncPipeline, list[SyncState]]:
    """Three syncs: into an empty file, again at once, and two hours later."""
    sandbox, client = shared_vendor
    path = tmp_path_factory.mktemp("syncs") / "warehouse.duckdb"
    pipeline = SyncPipeline(client, sandbox.user_id, path, pii_policy(Credentials(sandbox.user_id, sandbox.api_key)))
    states = []
    for hours in (0, 0, 2):
        sandbox.advance(hours * 3600)
        results = sync(pipeline)
        assert_equals_truth(pipeline, sandbox)
        bodies = rows(pipeline, "SELECT count(body) FROM raw.responses")[0][0]
        states.append(SyncState(results, versions(pipeline), bodies))
    return pipeline, states


def test_first_sync_fills_every_dataset(three_syncs: Any) -> None:
    first = three_syncs[1][0]
    assert {name: result.outcome.status for name, result in first.results.items()} == dict.fromkeys(ALL, "ok")
    for name, result in first.results.items():
        counts = result.outcome.counts
        assert 0 < counts.fetched == counts.inserted == len(first.versions[name])


def test_second_sync_changes_nothing(three_syncs: Any) -> None:
    first, second, _ = three_syncs[1]
    assert second.versions == first.versions
    assert second.bodies == first.bodies
    for result in second.results.values():
        assert result.outcome.counts.unchanged == result.outcome.counts.fetched > 0


def test_later_sync_stores_only_changes(three_syncs: Any) -> None:
    _, before, after = three_syncs[1]
    assert after.results["statistics"].outcome.counts.changed > 0
    assert after.results["countries"].outcome.counts.changed == 0
    for name, result in after.results.items():
        counts = result.outcome.counts
        assert len(after.versions[name]) - len(before.versions[name]) == counts.inserted + counts.changed


def test_earlier_state_can_be_read_back(three_syncs: Any) -> None:
    pipeline, (_, before, _) = three_syncs
    for name in DATASETS:
        columns = "* EXCLUDE (last_seen_at, valid_to)"
        selected = rows(pipeline, f"SELECT {columns} FROM sms.{name}_as_of('2026-03-04 13:00:00+00') ORDER BY ALL")
        assert selected == [row[:-1] for row in before.versions[name]]


def test_every_version_has_its_raw_response(three_syncs: Any) -> None:
    for name in DATASETS:
        orphans = f"SELECT count(*) FROM sms.{name}_history ANTI JOIN raw.responses USING (response_id)"
        assert rows(three_syncs[0], orphans) == [(0,)]


def test_valid_responses_leave_no_rejects_and_no_drift(three_syncs: Any) -> None:
    assert rows(three_syncs[0], "SELECT * FROM ops.rejects") == []
    assert rows(three_syncs[0], "SELECT * FROM ops.drift") == []


def test_failed_dataset_does_not_stop_the_others(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    names = ["popular", "countries", "invoices", "balances", "coupons"]
    sandbox.faults.add("popular", "http_500")
    sandbox.faults.add("invoices", "missing_field=payId")
    sandbox.faults.add("invoices", "missing_field=sesid")
    results = sync(pipeline, *names)
    status = {name: result.outcome.status for name, result in results.items()}
    assert status == dict.fromkeys(names, "ok") | {"popular": "failed", "invoices": "rejected"}
    assert results["popular"].failure is not None
    assert (results["popular"].outcome.error or "").startswith("popular: ")
    assert results["invoices"].outcome.error == "invoices: the required field 'payId' is missing from the response"
    logged = dict(rows(pipeline, "SELECT dataset, status FROM ops.loads"))
    assert logged == status


def test_defect_of_one_dataset_is_logged_and_stops_no_other(
    pipeline: SyncPipeline, caplog: pytest.LogCaptureFixture
) -> None:
    def defect(_: Any) -> Any:
        raise RuntimeError("boom")

    popular = DATASETS["popular"]
    country, *fields = popular.fields
    broken = replace(popular, fields=(replace(country, transform=defect), *fields))
    pipeline.datasets = {**DATASETS, "popular": broken}
    results = sync(pipeline, "popular", "countries")
    assert (results["popular"].outcome.status, results["countries"].outcome.status) == ("failed", "ok")
    assert results["popular"].outcome.error == "unexpected RuntimeError; smsonline.log has the traceback"
    assert "RuntimeError: boom" in caplog.text


def test_failed_partitions_keep_their_rows(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    sync(pipeline, "services")
    before = rows(pipeline, "SELECT count(*) FROM sms.services")
    sandbox.advance(2 * 3600)
    sandbox.faults.add("services", "http_404", times=5)
    outcome = sync(pipeline, "services")["services"].outcome
    assert outcome.status == "failed"
    assert (outcome.error or "").startswith("5 of 27 requests failed; the first: services: ")
    assert outcome.counts.fetched == 22 * 20
    assert outcome.counts.changed > 0
    assert outcome.counts.closed == 0
    assert rows(pipeline, "SELECT count(*) FROM sms.services") == before
    assert sync(pipeline, "services")["services"].outcome.status == "ok"
    selected = rows(pipeline, "SELECT country_code, carrier, service_code, price_cents FROM sms.services")
    truth = sandbox.truth()["services"]
    assert sorted(selected) == sorted(tuple(row[c] for c in list(row)[:4]) for row in truth)


def test_no_message_code_or_number_is_stored(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    sandbox.advance(30 * 60)
    sync(pipeline, "inventory")
    now = sandbox.state.clock.instant()
    orders = list(sandbox.state.account.orders.values())
    messages = [message for order in orders for message in order.received(now)]
    assert messages
    stored = pipeline.warehouse.read_bytes()
    for (body,) in rows(pipeline, "SELECT body FROM raw.responses WHERE body IS NOT NULL"):
        stored += zstandard.decompress(body)
    for order in orders:
        assert order.phone.encode() not in stored
    for message in messages:
        assert message.text.encode() not in stored
    inventory = rows(pipeline, "SELECT order_id, phone_masked, phone_hash, sms_count FROM sms.inventory")
    truth = {order.order_id: order for order in orders}
    for order_id, masked, hashed, count in inventory:
        assert masked == "*" * (len(truth[order_id].phone) - 4) + truth[order_id].phone[-4:]
        assert len(hashed) == 32
        assert count == len(truth[order_id].received(now))
    raw = b"".join(
        zstandard.decompress(body)
        for (body,) in rows(pipeline, "SELECT body FROM raw.responses WHERE endpoint = 'inventory'")
    )
    for name in (b'"text"', b'"code"'):
        assert name not in raw


@pytest.mark.parametrize(
    "kind", ["bare", "reordered", "numbers_as_text", "percent_sign", "duplicate_rows", "extra_field", "nested"]
)
def test_other_spellings_of_the_records_give_the_same_tables(
    pipeline: SyncPipeline, sandbox: Sandbox, kind: str
) -> None:
    assert kind in KINDS
    for endpoint in ("countries", "services", "popular", "statistics"):
        sandbox.faults.add(endpoint, kind)
    results = sync(pipeline, *MARKET)
    assert {name: result.outcome.error for name, result in results.items()} == dict.fromkeys(MARKET)
    truth = sandbox.truth()
    for name in MARKET:
        columns = [column.name for column in DATASETS[name].table.columns if column.name in truth[name][0]]
        if kind == "nested" and name == "popular":
            columns = ["country_code", "service_code", "price_cents"]
        selected = rows(pipeline, f"SELECT {', '.join(columns)} FROM sms.{name}")
        assert sorted(selected) == sorted(tuple(row[c] for c in columns) for row in truth[name]), name


def test_data_of_another_source_is_refused(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    sync(pipeline, "countries")
    assert rows(pipeline, "SELECT source FROM ops.warehouse") == [("local",)]
    with open_warehouse(pipeline.warehouse) as connection:
        connection.execute("UPDATE ops.warehouse SET source = 'vendor'")
    before = rows(pipeline, "SELECT * FROM raw.responses")
    result = sync(pipeline, "countries", "popular")["popular"]
    assert (result.outcome.status, result.outcome.counts.inserted) == ("failed", 0)
    assert result.outcome.error == (
        "this warehouse holds data of the vendor, and the response came from a local server: "
        "set SMSONLINE_WAREHOUSE to another file"
    )
    assert rows(pipeline, "SELECT * FROM raw.responses") == before
    sandbox.faults.add("popular", "http_500")
    assert (sync(pipeline, "popular")["popular"].outcome.error or "").startswith("popular: the vendor's server failed")


def test_wrong_clock_heals_and_is_published(
    pipeline: SyncPipeline, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.max_clock_skew = timedelta(days=1000)
    future = datetime.fromtimestamp(sandbox.state.clock.instant(), UTC) + timedelta(days=400)
    with clock_at(pipeline, future):
        sync(pipeline)
        pipeline.publish()
    pipeline.max_clock_skew = timedelta(minutes=30)
    with clock_at(pipeline, future):
        refused = sync(pipeline)
    assert {result.outcome.status for result in refused.values()} == {"rejected"}
    assert "400 days ahead" in (refused["countries"].outcome.error or "")
    sandbox.advance(3600)
    log_in_the_future = "UPDATE ops.loads SET finished_at = now() + INTERVAL 400 DAY"
    for file in (pipeline.warehouse, published_path(pipeline.warehouse)):
        with open_warehouse(file) as connection:
            connection.execute(log_in_the_future)
    results = sync(pipeline)
    assert {result.outcome.status for result in results.values()} == {"ok"}
    assert "stamped in the future by a wrong clock" in caplog.text
    assert_equals_truth(pipeline, sandbox)
    now = datetime.fromtimestamp(sandbox.state.clock.instant(), UTC)
    assert pipeline.publish()
    for file in (pipeline.warehouse, published_path(pipeline.warehouse)):
        with open_warehouse(file, read_only=True) as connection:
            assert connection.execute("SELECT count(*) FROM ops.loads WHERE finished_at > now()").fetchall() == [(0,)]
            for name in ALL:
                late = f"SELECT count(*) FROM sms.{name}_history WHERE greatest(valid_from, valid_to, last_seen_at) > ?"
                assert connection.execute(late, [now]).fetchall() == [(0,)], name
    assert sync(pipeline)["statistics"].outcome.counts.unchanged > 0


@contextmanager
def clock_at(pipeline: SyncPipeline, moment: datetime) -> Iterator[None]:
    """The pipeline's client with another clock."""
    right = pipeline.client._now
    pipeline.client._now = lambda: moment
    yield
    pipeline.client._now = right


def test_unusable_warehouse_stops_the_sync(pipeline: SyncPipeline) -> None:
    pipeline.warehouse.parent.mkdir()
    pipeline.warehouse.write_bytes(b"not a database " * 500)
    with pytest.raises(NotAWarehouse):
        sync(pipeline, "countries")


def test_publish_writes_only_what_the_copy_lacks(pipeline: SyncPipeline, sandbox: Sandbox) -> None:
    copy = published_path(pipeline.warehouse)
    sync(pipeline, "statistics")
    assert pipeline.publish()
    first = copy.stat()
    assert not pipeline.publish()
    sync(pipeline, "statistics")
    assert not pipeline.needs_publish
    assert not pipeline.publish()
    assert (copy.stat().st_ino, copy.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    sandbox.advance(7200)
    sync(pipeline, "statistics")
    assert pipeline.publish()
    copy.unlink()
    sync(pipeline, "statistics")
    assert pipeline.publish()


def test_result_is_the_documented_object(pipeline: SyncPipeline) -> None:
    result = sync(pipeline, "countries")["countries"].as_dict()
    assert list(result) == [
        *("dataset", "account_id", "status", "fetched", "inserted", "changed", "unchanged", "closed", "rejected"),
        *("duplicates", "seconds", "error"),
    ]
    assert (result["dataset"], result["account_id"], result["status"], result["fetched"]) == (
        "countries",
        "sandbox",
        "ok",
        27,
    )
