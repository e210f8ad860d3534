"""Each check passes on a loaded warehouse and fails, with the right severity, on a manipulated one."""

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from assets.datasets import DATASETS
from assets.quality.checks import (
    DATASET_CHECKS,
    CheckResult,
    counts_reconcile,
    dataset_checks,
    last_load_ok,
    rejects_below_limit,
    volume_as_usual,
)
from assets.quality.table_stats import TableStats, collect_dataset_stats
from pipelines.bootstrap import open_pipeline
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox, serve
from warehouse.database.opening import open_warehouse

ERROR, WARN = True, False
LAST = "finished_at = (SELECT max(finished_at) FROM ops.loads WHERE dataset = '{0}') AND dataset = '{0}'"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("loaded") / "w.duckdb"
    with serve(Sandbox()) as address:
        settings = Settings(
            user_id="sandbox",
            api_key="sandbox-key",
            base_url=address.base_url,
            v2_base_url=address.v2_base_url,
            warehouse=path,
        )
        with open_pipeline(settings) as pipeline:
            assert {result.outcome.status for result in pipeline.sync(list(DATASETS))} == {"ok"}
    duckdb.connect(str(path)).close()  # writes the log beside the file into it, as the tests copy the file alone
    return path


def results(path: Path, name: str) -> dict[str, CheckResult]:
    dataset = DATASETS[name]
    with open_warehouse(path, read_only=True) as connection:
        stats = collect_dataset_stats(connection, dataset)
    return {check_name: check(dataset, stats) for check_name, check in dataset_checks(dataset).items()}


def changed(loaded: Path, folder: Path, statements: str) -> Path:
    """A copy of the loaded warehouse with a change."""
    path = folder / "w.duckdb"
    shutil.copyfile(loaded, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute(statements)
    return path


@pytest.mark.parametrize("name", DATASETS)
def test_a_loaded_warehouse_passes_every_check(loaded, name):
    failed = {check: result.message for check, result in results(loaded, name).items() if not result.passed}
    assert failed == {}


MANIPULATED = [
    ("last_load_ok", "balances", "DELETE FROM ops.loads", ERROR),
    ("last_load_ok", "balances", "UPDATE ops.loads SET status = 'failed', error = 'no connection'", ERROR),
    ("not_empty", "coupons", "DELETE FROM store.coupons", WARN),
    ("unique_key", "popular", "INSERT INTO store.popular SELECT * FROM store.popular LIMIT 1", ERROR),
    ("rates_in_range", "statistics", "UPDATE store.statistics SET success_rate = 1.01 WHERE carrier = 'any'", ERROR),
    ("rates_in_range", "services", "UPDATE store.services SET success_rate = -0.01 WHERE carrier = 'any'", ERROR),
    ("rates_in_range", "services", "UPDATE store.services SET success_rate = 'nan' WHERE carrier = 'any'", ERROR),
    ("counts_reconcile", "countries", f"UPDATE ops.loads SET fetched = 26 WHERE {LAST.format('countries')}", ERROR),
    ("counts_reconcile", "statistics", "DELETE FROM store.statistics WHERE service_code = 'tg'", ERROR),
    ("counts_reconcile", "inventory", "DELETE FROM store.inventory", ERROR),
    ("rejects_below_limit", "popular", "UPDATE ops.loads SET rejected = 2, unchanged = 18, inserted = 0", WARN),
    ("rejects_below_limit", "popular", "UPDATE ops.loads SET rejected = 11, unchanged = 9, inserted = 0", ERROR),
    (
        "volume_as_usual",
        "popular",
        "INSERT INTO ops.loads SELECT l.* REPLACE (20 + 20 * (range // 5) AS fetched) "
        "FROM ops.loads l, range(6) WHERE dataset = 'popular'",
        WARN,
    ),
    (
        "no_schema_drift",
        "invoices",
        "INSERT INTO ops.drift VALUES ('invoices', 'fee', 'unknown', now(), now(), '1')",
        WARN,
    ),
]


@pytest.mark.parametrize(("check", "name", "change", "severity"), MANIPULATED)
def test_a_manipulated_warehouse_fails_the_check_with_measurements(loaded, tmp_path, check, name, change, severity):
    result = results(changed(loaded, tmp_path, change), name)[check]
    assert not result.passed
    assert result.is_error is severity
    assert result.measurements
    assert result.message


def test_every_check_has_a_failing_case():
    assert {check for check, *_ in MANIPULATED} == {check.__name__ for check in DATASET_CHECKS}


def test_drift_names_the_fields_but_shows_no_value(loaded, tmp_path):
    insert = "INSERT INTO ops.drift VALUES ('invoices', 'fee', 'unknown', now(), now(), 'Jane Doe')"
    path = changed(loaded, tmp_path, insert)
    result = results(path, "invoices")["no_schema_drift"]
    assert result.message == "differs from the definition: fee (unknown)"
    assert "Jane" not in str(result.measurements)


def test_old_drift_passes(loaded, tmp_path):
    then = "now() - INTERVAL 3 DAY"
    insert = f"INSERT INTO ops.drift VALUES ('invoices', 'fee', 'unknown', {then}, {then}, '1')"
    path = changed(loaded, tmp_path, insert)
    assert results(path, "invoices")["no_schema_drift"].passed


def test_only_rejected_records_explain_surplus_rows():
    countries, load = DATASETS["countries"], {"fetched": 10, "unchanged": 9, "rejected": 1}
    stats = TableStats(rows=10, expected_rows=9, expected_rejects=1, last_load=load)
    assert counts_reconcile(countries, stats).passed
    assert not counts_reconcile(countries, replace(stats, expected_rejects=0)).passed
    assert not counts_reconcile(countries, replace(stats, rows=8)).passed


@pytest.mark.parametrize(
    ("rejected", "passed", "is_error"), [(5, True, False), (6, False, False), (50, False, False), (51, False, True)]
)
def test_rejects_warn_above_five_percent_and_fail_above_half(rejected, passed, is_error):
    stats = TableStats(last_load={"fetched": 100, "rejected": rejected})
    result = rejects_below_limit(DATASETS["popular"], stats)
    assert (result.passed, result.is_error) == (passed, is_error)


REJECTED = """
UPDATE ops.loads SET rejected = 2, unchanged = 18, inserted = 0, status = '{status}' WHERE dataset = 'popular';
INSERT INTO ops.rejects SELECT {load_id}, 'r', 'popular', 4, '{{}}', ['rank: a number expected, got "Jane"', 'other']
"""
NEWEST = "(SELECT load_id FROM ops.loads WHERE dataset = 'popular')"


@pytest.mark.parametrize(
    ("status", "load_id", "shown"),
    [("ok", "'an earlier load'", True), ("ok", NEWEST, True), ("rejected", NEWEST, True), ("rejected", "'x'", False)],
)
def test_rejects_show_the_first_reason_of_their_load(loaded, tmp_path, status, load_id, shown):
    path = changed(loaded, tmp_path, REJECTED.format(status=status, load_id=load_id))
    result = results(path, "popular")["rejects_below_limit"]
    assert result.message.endswith("limit 5%; the first: rank: a number expected") is shown
    assert "Jane" not in f"{result.message} {result.measurements}"
    if shown:
        with open_warehouse(path, read_only=True) as connection:
            assert len(connection.execute(result.measurements["query"]).fetchall()) == 1


def test_a_newest_load_in_the_future_is_not_ok(loaded, tmp_path):
    path = changed(loaded, tmp_path, "UPDATE ops.loads SET finished_at = now() + INTERVAL 400 DAY")
    result = results(path, "balances")["last_load_ok"]
    assert (result.passed, result.message) == (False, "the newest load is in the future (clock)")


def test_a_load_after_one_in_the_future_is_the_newest(loaded, tmp_path):
    path = changed(
        loaded,
        tmp_path,
        "UPDATE ops.loads SET finished_at = now() + INTERVAL 400 DAY; INSERT INTO ops.loads SELECT * "
        "REPLACE (now() AS finished_at, 'failed' AS status, 'no connection' AS error) FROM ops.loads",
    )
    assert results(path, "balances")["last_load_ok"].message == "no connection"


def test_cached_responses_are_named_apart_from_fields(loaded, tmp_path):
    insert = "INSERT INTO ops.drift VALUES ('invoices', 'Age', 'stale', now(), now(), '86400')"
    path = changed(loaded, tmp_path, insert)
    result = results(path, "invoices")["no_schema_drift"]
    assert result.message == "a cache repeated responses older than the data, which changed nothing"
    assert (result.passed, result.is_error) == (False, False)
    assert (result.measurements["fields"], result.measurements["cached"]) == ("none", True)


def test_volume_passes_before_the_sixth_load():
    result = volume_as_usual(DATASETS["popular"], TableStats())
    assert (result.passed, result.is_error) == (True, False)


def test_a_failed_load_shows_its_error():
    stats = TableStats(last_load={"status": "failed", "error": "balances: no connection"})
    assert last_load_ok(DATASETS["balances"], stats).message == "balances: no connection"
    assert last_load_ok(DATASETS["balances"], TableStats()).message == "never loaded"
