"""Each check passes on an honest warehouse and fails, with the right severity, on a doctored one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from assets.dagster_checks import dataset_checks
from assets.datasets import DATASETS
from assets.facts import Facts
from assets.quality import CHECKS, checks_for, counts_reconcile, rejects_below_limit
from pipelines.bootstrap import open_pipeline
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox, serve
from warehouse.connection import opened

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
LAST = "finished_at = (SELECT max(finished_at) FROM ops.loads WHERE dataset = '{0}') AND dataset = '{0}'"


class Warehouse:
    """The resource of the checks, over a file of the test."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with opened(self.path, read_only=True) as connection:
            yield connection


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("honest") / "w.duckdb"
    with serve(Sandbox()) as address:
        settings = Settings(
            user_id="sandbox",
            api_key="sandbox-key",
            base_url=address.base_url,
            v2_base_url=address.v2_base_url,
            warehouse=path,
        )
        with open_pipeline(settings) as way:
            assert {result.outcome.status for result in way.sync(list(DATASETS))} == {"ok"}
    duckdb.connect(str(path)).close()  # writes the log beside the file into it, as the tests copy the file alone
    return path


def results(path: Path, name: str) -> dict[str, dg.AssetCheckResult]:
    found = dataset_checks(DATASETS[name])(smsonline=Warehouse(path))
    return {result.check_name: result for result in found}


@pytest.mark.parametrize("name", DATASETS)
def test_an_honest_warehouse_passes_every_check(honest, name):
    found = results(honest, name)
    assert set(found) == set(checks_for(DATASETS[name]))
    assert [(each.check_name, each.description) for each in found.values() if not each.passed] == []


DOCTORED = [
    ("fresh", "balances", "UPDATE ops.loads SET finished_at = finished_at - INTERVAL 5 MINUTE", ERROR),
    ("fresh", "balances", "DELETE FROM ops.loads", ERROR),
    ("fresh", "balances", "UPDATE ops.loads SET status = 'failed'", ERROR),
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
    ("drift", "invoices", "INSERT INTO ops.drift VALUES ('invoices', 'fee', 'unknown', now(), now(), '1')", WARN),
]


@pytest.mark.parametrize(("check", "name", "doctoring", "severity"), DOCTORED)
def test_a_doctored_warehouse_fails_the_check_with_facts_and_limit(honest, tmp_path, check, name, doctoring, severity):
    path = tmp_path / "w.duckdb"
    shutil.copyfile(honest, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute(doctoring)
    found = results(path, name)[check]
    assert not found.passed
    assert found.severity is severity
    assert found.metadata
    assert found.description


def test_every_check_is_seen_failing():
    assert {check for check, *_ in DOCTORED} == {check.__name__ for check in CHECKS}


def test_drift_names_the_fields_but_shows_no_value(honest, tmp_path):
    path = tmp_path / "w.duckdb"
    shutil.copyfile(honest, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO ops.drift VALUES ('invoices', 'fee', 'unknown', now(), now(), 'Jane Doe')")
    found = results(path, "invoices")["drift"]
    assert found.description == "differs from the declaration: fee (unknown)"
    assert "Jane" not in str(found.metadata)


def test_drift_seen_long_ago_is_forgotten(honest, tmp_path):
    path = tmp_path / "w.duckdb"
    shutil.copyfile(honest, path)
    with duckdb.connect(str(path)) as connection:
        then = "now() - INTERVAL 3 DAY"
        connection.execute(f"INSERT INTO ops.drift VALUES ('invoices', 'fee', 'unknown', {then}, {then}, '1')")
    assert results(path, "invoices")["drift"].passed


def test_only_rows_of_refused_records_may_exceed_the_answers():
    countries, load = DATASETS["countries"], {"fetched": 10, "unchanged": 9, "rejected": 1}
    facts = Facts(rows=10, kept_records=9, kept_rejects=1, last_load=load)
    assert counts_reconcile(countries, facts).passed
    assert not counts_reconcile(countries, replace(facts, kept_rejects=0)).passed
    assert not counts_reconcile(countries, replace(facts, rows=8)).passed


@pytest.mark.parametrize(
    ("rejected", "passed", "severe"), [(5, True, False), (6, False, False), (50, False, False), (51, False, True)]
)
def test_rejects_warn_above_five_percent_and_fail_above_half(rejected, passed, severe):
    found = rejects_below_limit(DATASETS["popular"], Facts(last_load={"fetched": 100, "rejected": rejected}))
    assert (found.passed, found.severe) == (passed, severe)


def test_a_missing_warehouse_is_one_line_that_says_what_to_do(tmp_path, monkeypatch):
    from pipelines.resources import SmsOnline

    monkeypatch.setenv("SMSONLINE_WAREHOUSE", str(tmp_path / "none.duckdb"))
    with pytest.raises(dg.Failure) as caught:
        list(dataset_checks(DATASETS["balances"])(smsonline=SmsOnline()))
    assert "none.duckdb" in caught.value.description
    assert "\n" not in caught.value.description
