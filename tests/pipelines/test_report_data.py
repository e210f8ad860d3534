"""What the report reads: every query against the real marts, on a clock that stands still."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import duckdb
import pytest
from report_warehouse import NOW, make, without

from assets.datasets import DATASETS
from pipelines.report.data import load_report_data
from warehouse.errors import NotAWarehouse
from warehouse.migrate import migrate, shape


@pytest.fixture
def made(tmp_path):
    """Makes a warehouse in an empty folder, as ``report_warehouse.make`` does."""
    return partial(make, tmp_path / "data" / "warehouse.duckdb")


@pytest.fixture
def shaped(tmp_path):
    """A warehouse as a sync makes it, with one load and no rows."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        migrate(connection)
        shape(connection, [dataset.table for dataset in DATASETS.values()])
        connection.execute(
            "INSERT INTO ops.loads (dataset, account_id, status, finished_at) VALUES ('statistics', '7', 'ok', ?)",
            [NOW],
        )
    return path


def test_every_query_fits_the_marts_as_they_are(shaped):
    facts = load_report_data(shaped, NOW)
    assert facts.absent == frozenset()
    assert facts.problem == ""
    assert facts.last_load("statistics") == NOW


def test_the_instant_asked_for_stands_for_the_clock_in_every_mart(shaped):
    def age(now):
        return next(
            row["age_seconds"] for row in load_report_data(shaped, now).rows("freshness") if row["account_id"] == "7"
        )

    assert age(NOW + timedelta(minutes=5)) == 300
    assert age(NOW + timedelta(days=400)) == 400 * 86_400


def test_marts_that_the_file_does_not_have_are_absent_and_the_others_are_read(made):
    facts = load_report_data(made(without("freshness")), NOW)
    assert {"heat_map", "daily_rates", "movers", "balance_runway", "topups"} <= facts.absent
    assert len(facts.rows("freshness")) == 5
    assert facts.rows("heat_map") == []


def test_a_missing_an_empty_and_an_unloaded_warehouse_say_what_they_are(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    assert "There is no warehouse" in load_report_data(path, NOW).problem
    duckdb.connect(str(path)).close()
    assert "empty" in load_report_data(path, NOW).problem
    with duckdb.connect(str(path)) as connection:
        migrate(connection)
    assert "Nothing has been loaded" in load_report_data(path, NOW).problem


def test_a_file_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE theirs (x INTEGER)")
    with pytest.raises(NotAWarehouse):
        load_report_data(path, NOW)


def test_names_come_without_controls_and_direction_marks_but_keep_every_script(tmp_path):
    names = ["a\x00b\x1b[0m", "\u202egnitseT", "واتساب", "微信", "👨‍👩‍👧", "x" * 500]
    rates = [
        ("1", name, "any", f"s{n}", name, 0.5, 100, 5, 1, None, None, None, 0, 10.0) for n, name in enumerate(names)
    ]
    path = make(tmp_path / "warehouse.duckdb", {**without("success_rates"), "success_rates": rates})
    found = {row["service_code"]: row["service"] for row in load_report_data(path, NOW).rows("heat_map")}
    assert [found[f"s{n}"] for n in range(6)] == ["a b [0m", "gnitseT", "واتساب", "微信", "👨‍👩‍👧", "x" * 120]
