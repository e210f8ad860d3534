"""The whole data path over real HTTP into a real file, held against what the sandbox knows to be true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from assets.datasets import DATASETS
from assets.privacy import privacy_of
from assets.sync import DataPath, Result
from smsonline.account import Account
from smsonline.client import Client
from smsonline.sandbox import KINDS, Sandbox
from warehouse.database.opening import open_warehouse
from warehouse.errors import NotAWarehouse
from warehouse.publishing.publish import publish, published_path

ALL = list(DATASETS)
MARKET = ("countries", "services", "popular", "statistics")


@pytest.fixture
def data_path(vendor_client: Client, sandbox: Sandbox, warehouse_path: Path) -> DataPath:
    account = Account(sandbox.user_id, sandbox.api_key)
    return DataPath(vendor_client, sandbox.user_id, warehouse_path, privacy_of(account))


def sync(data_path: DataPath, *names: str) -> dict[str, Result]:
    results = {result.dataset: result for result in data_path.sync(names or ALL)}
    for result in results.values():
        counts = result.outcome.counts
        assert counts.fetched == (
            counts.inserted + counts.changed + counts.unchanged + counts.rejected + counts.duplicates
        )
    assert set(results) == set(names or ALL)
    return results


def rows(data_path: DataPath, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(data_path.warehouse, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def versions(data_path: DataPath) -> dict[str, Any]:
    """Every version of every row, without the sightings."""
    query = "SELECT * EXCLUDE (last_seen_at) FROM sms.{}_history ORDER BY ALL"
    return {name: rows(data_path, query.format(name)) for name in DATASETS}


def assert_true(data_path: DataPath, sandbox: Sandbox) -> None:
    """The current views say what the sandbox says, column by column, for every column that both have."""
    truth = sandbox.truth()
    listed = {order_id for (order_id,) in rows(data_path, "SELECT order_id FROM sms.inventory")}
    assert {row["order_id"] for row in truth["inventory"] if row["expires_at"] > truth["now"]} <= listed
    # Of the expired ones the vendor lists the newest hundred.
    truth["inventory"] = [row for row in truth["inventory"] if row["order_id"] in listed]
    assert len(truth["inventory"]) == len(listed) >= 100
    for name in ("countries", "services", "popular", "statistics", "inventory", "invoices", "favourites"):
        columns = [column.name for column in DATASETS[name].table.columns if column.name in truth[name][0]]
        assert {column for column in DATASETS[name].key if column != "account_id"} <= set(columns)
        assert len(columns) >= 2
        found = rows(data_path, f"SELECT {', '.join(columns)} FROM sms.{name}")
        assert sorted(found) == sorted(tuple(_typed(row[c], c) for c in columns) for row in truth[name]), name
    money = truth["money"]
    assert rows(data_path, "SELECT balance_cents, total_charges_cents FROM sms.balances") == [
        (money["balance_cents"], money["total_charges_cents"])
    ]
    coupons = [(each["code"], each["percentage"], each["status"]) for each in truth["coupons"]]
    assert sorted(rows(data_path, "SELECT code, percent, status FROM sms.coupons")) == sorted(coupons)


def _typed(value: Any, column: str) -> Any:
    return datetime.fromisoformat(value) if column.endswith("_at") and value else value


@dataclass(frozen=True)
class Pass:
    """What one sync of everything told and left behind, held against the vendor at once."""

    results: dict[str, Result]
    versions: dict[str, Any]
    bodies: int


@pytest.fixture(scope="module")
def story(
    shared_vendor: tuple[Sandbox, Client], tmp_path_factory: pytest.TempPathFactory
) -> tuple[DataPath, list[Pass]]:
    """Three syncs: into an empty file, again at once, and two hours later."""
    sandbox, client = shared_vendor
    path = tmp_path_factory.mktemp("story") / "warehouse.duckdb"
    data_path = DataPath(client, sandbox.user_id, path, privacy_of(Account(sandbox.user_id, sandbox.api_key)))
    passes = []
    for hours in (0, 0, 2):
        sandbox.advance(hours * 3600)
        results = sync(data_path)
        assert_true(data_path, sandbox)
        bodies = rows(data_path, "SELECT count(body) FROM raw.responses")[0][0]
        passes.append(Pass(results, versions(data_path), bodies))
    return data_path, passes


def test_a_first_sync_fills_every_dataset(story: Any) -> None:
    first = story[1][0]
    assert {name: result.outcome.status for name, result in first.results.items()} == dict.fromkeys(ALL, "ok")
    for name, result in first.results.items():
        counts = result.outcome.counts
        assert 0 < counts.fetched == counts.inserted == len(first.versions[name])


def test_a_second_sync_changes_nothing(story: Any) -> None:
    first, second, _ = story[1]
    assert second.versions == first.versions
    assert second.bodies == first.bodies
    for result in second.results.values():
        assert result.outcome.counts.unchanged == result.outcome.counts.fetched > 0


def test_a_later_sync_stores_only_what_changed(story: Any) -> None:
    _, before, after = story[1]
    assert after.results["statistics"].outcome.counts.changed > 0
    assert after.results["countries"].outcome.counts.changed == 0
    for name, result in after.results.items():
        counts = result.outcome.counts
        assert len(after.versions[name]) - len(before.versions[name]) == counts.inserted + counts.changed


def test_the_state_before_can_be_read_back(story: Any) -> None:
    data_path, (_, before, _) = story
    for name in DATASETS:
        columns = "* EXCLUDE (last_seen_at, valid_to)"
        found = rows(data_path, f"SELECT {columns} FROM sms.{name}_as_of('2026-03-04 13:00:00+00') ORDER BY ALL")
        assert found == [row[:-1] for row in before.versions[name]]


def test_every_version_leads_back_to_its_raw_answer(story: Any) -> None:
    for name in DATASETS:
        orphans = f"SELECT count(*) FROM sms.{name}_history ANTI JOIN raw.responses USING (response_id)"
        assert rows(story[0], orphans) == [(0,)]


def test_good_answers_leave_no_rejects_and_no_drift(story: Any) -> None:
    assert rows(story[0], "SELECT * FROM ops.rejects") == []
    assert rows(story[0], "SELECT * FROM ops.drift") == []


def test_a_dataset_that_fails_does_not_stop_the_others(data_path: DataPath, sandbox: Sandbox) -> None:
    some = ["popular", "countries", "invoices", "balances", "coupons"]
    sandbox.faults.add("popular", "http_500")
    sandbox.faults.add("invoices", "missing_field=payId")
    sandbox.faults.add("invoices", "missing_field=sesid")
    results = sync(data_path, *some)
    status = {name: result.outcome.status for name, result in results.items()}
    assert status == dict.fromkeys(some, "ok") | {"popular": "failed", "invoices": "rejected"}
    assert results["popular"].failure is not None
    assert (results["popular"].outcome.error or "").startswith("popular: ")
    assert results["invoices"].outcome.error == "invoices: the required field 'payId' is missing from the answer"
    told = dict(rows(data_path, "SELECT dataset, status FROM ops.loads"))
    assert told == status


def test_a_defect_of_this_program_is_one_line_and_does_not_stop_the_others(
    data_path: DataPath, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(vars(DATASETS["popular"]), "levels", object())
    sandbox.faults.add("popular", "nested")
    results = sync(data_path, "popular", "countries")
    assert (results["popular"].outcome.status, results["countries"].outcome.status) == ("failed", "ok")
    assert "unexpected" in (results["popular"].outcome.error or "")
    assert "Traceback" in caplog.text


def test_failed_parts_of_a_fan_out_leave_their_rows_and_the_rest_is_loaded(
    data_path: DataPath, sandbox: Sandbox
) -> None:
    sync(data_path, "services")
    before = rows(data_path, "SELECT count(*) FROM sms.services")
    sandbox.advance(2 * 3600)
    sandbox.faults.add("services", "http_404", times=5)
    outcome = sync(data_path, "services")["services"].outcome
    assert outcome.status == "failed"
    assert (outcome.error or "").startswith("5 of 27 requests failed; the first: services: ")
    assert outcome.counts.fetched == 22 * 20
    assert outcome.counts.changed > 0
    assert outcome.counts.closed == 0
    assert rows(data_path, "SELECT count(*) FROM sms.services") == before
    assert sync(data_path, "services")["services"].outcome.status == "ok"
    found = rows(data_path, "SELECT country_code, carrier, service_code, price_cents FROM sms.services")
    truth = sandbox.truth()["services"]
    assert sorted(found) == sorted(tuple(row[c] for c in list(row)[:4]) for row in truth)


def test_no_message_code_or_number_reaches_any_byte_of_the_file(data_path: DataPath, sandbox: Sandbox) -> None:
    sandbox.advance(30 * 60)
    sync(data_path, "inventory")
    now = sandbox.world.clock.instant()
    orders = list(sandbox.world.account.orders.values())
    messages = [message for order in orders for message in order.received(now)]
    assert messages
    kept = data_path.warehouse.read_bytes()
    for (body,) in rows(data_path, "SELECT body FROM raw.responses WHERE body IS NOT NULL"):
        kept += zstandard.decompress(body)
    for order in orders:
        assert order.phone.encode() not in kept
    for message in messages:
        assert message.text.encode() not in kept
    inventory = rows(data_path, "SELECT order_id, phone_masked, phone_hash, sms_count FROM sms.inventory")
    truth = {order.order_id: order for order in orders}
    for order_id, masked, hashed, count in inventory:
        assert masked == "*" * (len(truth[order_id].phone) - 4) + truth[order_id].phone[-4:]
        assert len(hashed) == 32
        assert count == len(truth[order_id].received(now))
    raw = b"".join(
        zstandard.decompress(body)
        for (body,) in rows(data_path, "SELECT body FROM raw.responses WHERE endpoint = 'inventory'")
    )
    for name in (b'"text"', b'"code"'):
        assert name not in raw


@pytest.mark.parametrize(
    "kind", ["bare", "reordered", "numbers_as_text", "percent_sign", "duplicate_rows", "extra_field", "nested"]
)
def test_the_same_records_told_in_another_way_give_the_same_tables(
    data_path: DataPath, sandbox: Sandbox, kind: str
) -> None:
    assert kind in KINDS
    for endpoint in ("countries", "services", "popular", "statistics"):
        sandbox.faults.add(endpoint, kind)
    results = sync(data_path, *MARKET)
    assert {name: result.outcome.error for name, result in results.items()} == dict.fromkeys(MARKET)
    truth = sandbox.truth()
    for name in MARKET:
        columns = [column.name for column in DATASETS[name].table.columns if column.name in truth[name][0]]
        if kind == "nested" and name == "popular":
            columns = ["country_code", "service_code", "price_cents"]
        found = rows(data_path, f"SELECT {', '.join(columns)} FROM sms.{name}")
        assert sorted(found) == sorted(tuple(row[c] for c in columns) for row in truth[name]), name


def test_a_warehouse_that_cannot_be_opened_stops_the_sync_with_its_own_error(data_path: DataPath) -> None:
    data_path.warehouse.parent.mkdir()
    data_path.warehouse.write_bytes(b"not a database " * 500)
    with pytest.raises(NotAWarehouse):
        sync(data_path, "countries")


def test_publishing_opens_the_warehouse_only_when_the_copy_lacks_something(
    data_path: DataPath, sandbox: Sandbox, monkeypatch: Any
) -> None:
    opened = []
    monkeypatch.setattr("assets.sync.publish", lambda *arguments: opened.append(arguments) or publish(*arguments))
    for advanced, published in ((0, True), (0, False), (7200, True)):
        sandbox.advance(advanced)
        assert [result.outcome.status for result in data_path.sync(["statistics"])] == ["ok"]
        assert data_path.publish() is published
        assert data_path.publish() is False
        assert len(opened) == published
        opened.clear()
    published_path(data_path.warehouse).unlink()
    list(data_path.sync(["statistics"]))
    assert data_path.publish()


def test_a_result_tells_the_documented_object(data_path: DataPath) -> None:
    told = sync(data_path, "countries")["countries"].as_dict()
    assert list(told) == [
        *("dataset", "account_id", "status", "fetched", "inserted", "changed", "unchanged", "closed", "rejected"),
        *("duplicates", "seconds", "error"),
    ]
    assert (told["dataset"], told["account_id"], told["status"], told["fetched"]) == ("countries", "sandbox", "ok", 27)
