"""Rows of the report: every query against the real marts, with ``now()`` frozen."""

from datetime import timedelta
from functools import partial

import duckdb
import pytest
from report_warehouse import NOW, make_warehouse, without_marts

from assets.datasets import DATASETS
from pipelines.report.data import load_report_data
from warehouse.errors import NotAWarehouse
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate


@pytest.fixture
def make(tmp_path):
    """Makes a warehouse in an empty folder, as ``report_warehouse.make`` does."""
    return partial(make_warehouse, tmp_path / "data" / "warehouse.duckdb")


@pytest.fixture
def empty_marts(tmp_path):
    """A warehouse with the tables and marts of a sync, one load and no rows."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        migrate(connection)
        sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
        connection.execute(
            "INSERT INTO ops.loads (dataset, account_id, status, finished_at) VALUES ('statistics', '7', 'ok', ?)",
            [NOW],
        )
    return path


def test_every_query_runs_on_the_real_marts(empty_marts):
    data = load_report_data(empty_marts, NOW)
    assert data.absent == frozenset()
    assert data.problem == ""
    assert data.last_load("statistics") == NOW


def test_requested_time_replaces_now_in_every_mart(empty_marts):
    def age(now):
        return next(
            row["age_seconds"]
            for row in load_report_data(empty_marts, now).rows("freshness")
            if row["account_id"] == "7"
        )

    assert age(NOW + timedelta(minutes=5)) == 300
    assert age(NOW + timedelta(days=400)) == 400 * 86_400


def test_missing_marts_are_absent_and_others_are_read(make):
    data = load_report_data(make(without_marts("freshness")), NOW)
    assert {"heat_map", "daily_rates", "movers", "balance_runway", "topups"} <= data.absent
    assert len(data.rows("freshness")) == 5
    assert data.rows("heat_map") == []


def test_warehouse_without_data_is_a_problem(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    assert "There is no warehouse" in load_report_data(path, NOW).problem
    duckdb.connect(str(path)).close()
    assert "empty" in load_report_data(path, NOW).problem
    with duckdb.connect(str(path)) as connection:
        migrate(connection)
    assert "Nothing has been loaded" in load_report_data(path, NOW).problem


def test_file_of_another_program_is_rejected(tmp_path):
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE unrelated (x INTEGER)")
    with pytest.raises(NotAWarehouse):
        load_report_data(path, NOW)


def test_names_lose_control_characters_only(tmp_path):
    names = ["a\x00b\x1b[0m", "\u202egnitseT", "واتساب", "微信", "👨‍👩‍👧", "x" * 500]
    rates = [
        ("1", name, "any", f"s{n}", name, 0.5, 100, 5, 1, None, None, None, 0, 10.0) for n, name in enumerate(names)
    ]
    path = make_warehouse(tmp_path / "warehouse.duckdb", {**without_marts("success_rates"), "success_rates": rates})
    services = {row["service_code"]: row["service"] for row in load_report_data(path, NOW).rows("heat_map")}
    assert [services[f"s{n}"] for n in range(6)] == ["a b [0m", "gnitseT", "واتساب", "微信", "👨‍👩‍👧", "x" * 120]
