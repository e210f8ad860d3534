"""marts.freshness, and the marts in the analysts' copy."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.datasets import DATASETS
from tests.warehouse.mart_support import TABLES, Store, stored
from warehouse.database.opening import open_warehouse, published_path
from warehouse.publishing.publish import MAX_AGE_SECONDS, publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.mart_views import marts
from warehouse.schema.migrations import migrate


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def store() -> Iterator[Store]:
    with stored() as store:
        yield store


def load(store: Store, dataset: str, minutes: float, status: str = "ok", account: str = "7", **more: Any) -> None:
    row = {"dataset": dataset, "account_id": account, "status": status, "load_id": f"{dataset} {minutes} {account}"}
    store.put(
        "ops.loads",
        **row,
        finished_at=now() - timedelta(minutes=minutes),
        **({"inserted": 0, "changed": 0, "closed": 0} | more),
    )


def freshness(store: Store, dataset: str, account: str | None = "7") -> dict[str, Any]:
    sql = "FROM marts.freshness WHERE dataset = ? AND account_id IS NOT DISTINCT FROM ?"
    return store.only(sql, dataset, account)


def test_two_missed_syncs_are_stale(store: Store) -> None:
    for dataset, minutes in (("statistics", 29), ("services", 121), ("balances", 3)):
        load(store, dataset, minutes)
    actual = {name: freshness(store, name) for name in ("statistics", "services", "balances")}
    assert {name: row["cadence_seconds"] for name, row in actual.items()} == {
        "statistics": 900,
        "services": 3600,
        "balances": 120,
    }
    assert {name: row["stale"] for name, row in actual.items()} == {
        "statistics": False,
        "services": True,
        "balances": False,
    }
    assert actual["statistics"]["age_seconds"] == pytest.approx(29 * 60, abs=60)


def test_failed_load_shows_its_error_and_is_not_fresh(store: Store) -> None:
    load(store, "statistics", 40)
    load(store, "statistics", 1, "failed", error="no answer")
    row = freshness(store, "statistics")
    assert (row["stale"], row["last_status"], row["last_error"]) == (True, "failed", "no answer")
    load(store, "statistics", 0)
    row = freshness(store, "statistics")
    assert (row["stale"], row["last_status"], row["last_error"]) == (False, "ok", None)


@pytest.mark.parametrize("minutes", [-1, -400 * 24 * 60])
def test_a_load_in_the_future_has_no_age_and_is_stale(store: Store, minutes: float) -> None:
    load(store, "statistics", minutes)
    row = freshness(store, "statistics")
    assert (row["age_seconds"], row["stale"], row["last_status"]) == (None, True, "ok")
    assert row["last_ok_at"] > now()


def test_an_older_response_makes_no_load_in_the_future_fresh(store: Store) -> None:
    load(store, "statistics", -9999, started_at=now() + timedelta(days=5))
    store.seen("statistics", now() - timedelta(minutes=5))
    row = freshness(store, "statistics")
    assert (row["age_seconds"], row["stale"]) == (None, True)


def test_a_clock_set_back_by_seconds_gives_no_negative_age(store: Store) -> None:
    load(store, "statistics", -2 / 60)
    row = freshness(store, "statistics")
    assert (row["age_seconds"], row["stale"]) == (0, False)


def test_the_load_logged_last_is_the_newest(store: Store) -> None:
    load(store, "statistics", -400 * 24 * 60, "failed", error="a wrong clock")
    load(store, "statistics", -400 * 24 * 60)
    load(store, "statistics", 3, rejected=2)
    row = freshness(store, "statistics")
    assert (row["stale"], row["last_status"], row["last_error"], row["rejected"]) == (False, "ok", None, 2)
    assert row["age_seconds"] == pytest.approx(180, abs=60)


def test_a_failed_load_has_its_time_and_keeps_the_rejects(store: Store) -> None:
    load(store, "statistics", 9, rejected=51)
    load(store, "statistics", 4, "failed", error="no answer", rejected=0)
    row = freshness(store, "statistics")
    assert now() - row["last_error_at"] == pytest.approx(timedelta(minutes=4), abs=timedelta(minutes=1))
    assert row["rejected"] == 51


@pytest.mark.parametrize(
    ("dataset", "partition", "seen", "age"),
    [
        ("statistics", "", 90, 90),
        ("statistics", "", 5, 3),
        ("inventory", "7", 90, 90),
        ("inventory", "8", 90, 3),
        ("inventory", None, 90, 3),
    ],
)
def test_old_responses_of_a_cache_confirm_nothing(
    store: Store, dataset: str, partition: str | None, seen: float, age: float
) -> None:
    load(store, dataset, 3, started_at=now() - timedelta(minutes=6))
    if dataset == "inventory":
        store.seen(dataset, now() - timedelta(minutes=4), "7")
    if partition is not None:
        store.seen(dataset, now() - timedelta(minutes=seen), partition)
    row = freshness(store, dataset)
    assert row["age_seconds"] == pytest.approx(60 * age, abs=60)
    assert row["stale"] is (age == 90)


def test_every_dataset_has_a_row_before_it_was_ever_pulled(store: Store) -> None:
    actual = store.rows("FROM marts.freshness")
    assert sorted(row["dataset"] for row in actual) == sorted(DATASETS)
    assert {(row["account_id"], row["stale"], row["rows"], row["last_ok_at"]) for row in actual} == {
        (None, True, 0, None)
    }


def test_rows_of_one_account_are_not_those_of_another(store: Store) -> None:
    for account, orders in (("7", 2), ("8", 1)):
        load(store, "inventory", 1, account=account)
        load(store, "statistics", 1, account=account)
        for number in range(orders):
            store.order(number, account_id=account)
    load(store, "inventory", 1, account="9")
    store.claim(0.5, 10)
    assert [freshness(store, "inventory", account)["rows"] for account in "789"] == [2, 1, 0]
    assert [freshness(store, "statistics", account)["rows"] for account in "78"] == [1, 1]


def test_cadence_from_the_settings_is_used(tmp_path: Path) -> None:
    faster = [replace(DATASETS["statistics"], cadence_minutes=1).table, *TABLES[4:], *TABLES[:3]]
    with open_warehouse(tmp_path / "w.duckdb") as connection:
        migrate(connection)
        for tables, seconds in ((TABLES, 900), (faster, 60), (TABLES, 900)):
            sync_schema(connection, tables)
            assert freshness(Store(connection), "statistics", None)["cadence_seconds"] == seconds


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with a little of everything, and its copy."""
    path = tmp_path_factory.mktemp("shelf") / "w.duckdb"
    with open_warehouse(path) as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
        store, noon = Store(connection), now()
        store.claim(0.9, 100, since=noon - timedelta(days=3))
        store.seen("statistics", noon)
        store.offer(16)
        for number in range(12):
            store.order(number, noon - timedelta(hours=number), sms_count=1)
        store.balance(500, noon - timedelta(hours=3), noon - timedelta(hours=1))
        store.balance(300, noon - timedelta(hours=1))
        for dataset in ("balances", "inventory"):
            store.seen(dataset, noon, "7")
        store.version("invoices", noon, account_id="7", payment_id="v", amount_cents=5, status="check", created_at=noon)
        for dataset in ("statistics", "services", "inventory", "balances", "invoices"):
            load(store, dataset, 1, inserted=1)
    publish(path, TABLES)
    duckdb.connect(str(path)).close()  # writes the log into the file, which is copied alone
    return path


@pytest.fixture
def published(shelf: Path, tmp_path: Path) -> Path:
    """The same as files of the test's own."""
    for file in (shelf, published_path(shelf)):
        shutil.copyfile(file, tmp_path / file.name)
    return tmp_path / shelf.name


def reported(file: Path, mart: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        ages = " EXCLUDE (age_seconds)" if mart == "freshness" else ""
        return connection.execute(f"SELECT *{ages} FROM marts.{mart} ORDER BY ALL").fetchall()


@pytest.mark.parametrize("mart", marts())
def test_the_copy_reports_what_the_warehouse_reports(shelf: Path, mart: str) -> None:
    assert reported(published_path(shelf), mart) == reported(shelf, mart) != []


@pytest.mark.parametrize("mart", marts())
def test_marts_work_in_an_attached_copy(shelf: Path, mart: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{published_path(shelf)}' AS other (READ_ONLY)")
        actual = connection.execute(f"SELECT count(*) FROM other.marts.{mart}").fetchall()
    assert actual == [(len(reported(shelf, mart)),)]


def age_of(file: Path) -> float:
    with duckdb.connect(str(file), read_only=True) as connection:
        return freshness(Store(connection), "statistics")["age_seconds"]


def test_ages_in_a_recent_copy_count_to_its_publication(published: Path) -> None:
    copy = published_path(published)
    first = age_of(copy)
    assert age_of(copy) == first
    assert age_of(published) > first
    for hours, counts in ((1.9, first), (2.1, first + 2.1 * 3600)):
        shift(copy, hours)
        assert age_of(copy) == pytest.approx(counts, abs=0.001 if counts == first else 60)
        shift(copy, -hours)


def shift(copy: Path, hours: float) -> None:
    """Makes the copy and all loads in it so many hours older."""
    with duckdb.connect(str(copy)) as connection:
        for table, column in (("publication", "published_at"), ("loads", "started_at"), ("loads", "finished_at")):
            connection.execute(f"UPDATE ops.{table} SET {column} = {column} - to_seconds(?)", [hours * 3600])


def test_a_copy_published_in_the_future_is_not_fresh(published: Path) -> None:
    copy = published_path(published)
    shift(copy, -400 * 24)
    with duckdb.connect(str(copy), read_only=True) as connection:
        row = freshness(Store(connection), "statistics")
    assert (row["age_seconds"], row["stale"]) == (None, True)


@pytest.mark.parametrize(("seconds", "stale"), [(1800, False), (1800.001, True)])
def test_stale_is_older_than_two_cadences_not_as_old(published: Path, seconds: float, stale: bool) -> None:
    copy = published_path(published)
    with duckdb.connect(str(copy)) as connection:
        connection.execute(
            "UPDATE ops.loads SET finished_at = (SELECT published_at FROM ops.publication) - to_seconds(?)", [seconds]
        )
        row = freshness(Store(connection), "statistics")
    assert (row["age_seconds"], row["stale"]) == (pytest.approx(seconds), stale)


def test_unchanged_copy_is_renewed_after_an_hour(published: Path) -> None:
    copy = published_path(published)
    assert not publish(published, TABLES)
    long_ago = copy.stat().st_mtime - MAX_AGE_SECONDS - 1
    os.utime(copy, (long_ago, long_ago))
    before = age_of(copy)
    with open_warehouse(published) as connection:
        load(Store(connection), "statistics", 0)
    assert publish(published, TABLES)
    assert age_of(copy) < 60 < before
    assert not publish(published, TABLES)
