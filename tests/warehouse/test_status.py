"""Figures of ``smsonline status`` from a warehouse."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assets.datasets import DATASETS
from warehouse.database.opening import open_warehouse
from warehouse.errors import NotAWarehouse
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate
from warehouse.status import read_status


def fill(path: Path, *loads: tuple[str, str, int, str | None], rows: str = "") -> Path:
    """A warehouse with ``loads``: dataset, status, minutes ago, error; and what ``rows`` inserts."""
    with open_warehouse(path) as connection:
        migrate(connection)
        sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
        for dataset, status, minutes, error in loads:
            connection.execute(
                "INSERT INTO ops.loads (dataset, status, finished_at, rejected, error) VALUES (?, ?, ?, 1, ?)",
                [dataset, status, datetime.now(UTC) - timedelta(minutes=minutes), error],
            )
        if rows:
            connection.execute(rows)
    return path


def test_a_dataset_that_was_never_loaded_is_left_out(warehouse_path: Path) -> None:
    fill(warehouse_path)
    assert read_status(warehouse_path, DATASETS) == ({}, [])


def test_the_age_is_that_of_the_newest_good_load(warehouse_path: Path) -> None:
    fill(
        warehouse_path, ("popular", "ok", 60, None), ("popular", "ok", 30, None), ("popular", "failed", 5, "timed out")
    )
    load = read_status(warehouse_path, DATASETS)[0]["popular"]
    assert load["age_seconds"] == pytest.approx(1800, abs=60)
    assert (load["last_status"], load["last_error"], load["rows"]) == ("failed", "timed out", 0)


def test_the_error_of_an_older_load_is_not_shown(warehouse_path: Path) -> None:
    fill(warehouse_path, ("popular", "failed", 30, "timed out"), ("popular", "ok", 5, None))
    load = read_status(warehouse_path, DATASETS)[0]["popular"]
    assert (load["last_status"], load["last_error"]) == ("ok", None)


def test_accounts_have_burn_rate_runway_and_open_payments(warehouse_path: Path) -> None:
    fill(
        warehouse_path,
        rows="""
        INSERT INTO store.balances_expired (account_id, balance_cents, valid_from, last_seen_at, valid_to)
        VALUES ('7', 900, now() - INTERVAL 3 HOUR, now() - INTERVAL 3 HOUR, now() - INTERVAL 1 HOUR);
        INSERT INTO store.balances (account_id, part, balance_cents, valid_from)
        VALUES ('7', '7', 600, now() - INTERVAL 1 HOUR), ('9', '9', 50, now());
        INSERT INTO ops.watermarks (dataset, part, seen_at)
        VALUES ('balances', '7', now() - INTERVAL 1 HOUR), ('balances', '9', now());
        INSERT INTO store.invoices (account_id, payment_id, status, expires_at) VALUES
            ('7', 'a', 'check', now() + INTERVAL 1 HOUR), ('7', 'b', 'paid', now() + INTERVAL 1 HOUR),
            ('7', 'c', 'check', now() - INTERVAL 1 HOUR), ('8', 'd', 'check', now() + INTERVAL 1 HOUR)
        """,
    )
    _, (seven, nine) = read_status(warehouse_path, DATASETS)
    assert (seven["account_id"], seven["balance_cents"], seven["open_payments"]) == ("7", 600, 1)
    assert seven["burn_cents_per_hour"] == pytest.approx(150, abs=1)
    assert seven["hours_to_empty"] == pytest.approx(4, abs=0.1)
    # One balance and no orders: not known yet.
    assert (nine["burn_cents_per_hour"], nine["hours_to_empty"], nine["open_payments"]) == (None, None, 0)


def test_a_missing_file_raises_with_the_next_step(warehouse_path: Path) -> None:
    with pytest.raises(NotAWarehouse, match="run smsonline sync first"):
        read_status(warehouse_path, DATASETS)
