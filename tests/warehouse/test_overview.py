from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.datasets import DATASETS
from warehouse.connection import opened
from warehouse.errors import NotAWarehouse
from warehouse.migrate import migrate, shape
from warehouse.status import overview


def known(path: Path, *loads: tuple[str, str, int, str | None], invoices: str = "") -> Any:
    """``loads``: dataset, status, minutes ago, error."""
    with opened(path) as connection:
        migrate(connection)
        shape(connection, [dataset.table for dataset in DATASETS.values()])
        for dataset, status, minutes, error in loads:
            connection.execute(
                "INSERT INTO ops.loads (dataset, status, finished_at, rejected, error) VALUES (?, ?, ?, 1, ?)",
                [dataset, status, datetime.now(UTC) - timedelta(minutes=minutes), error],
            )
        if invoices:
            connection.execute(invoices)
    return overview(path, DATASETS)


def test_a_dataset_that_was_never_loaded_is_left_out(warehouse_path: Path) -> None:
    assert known(warehouse_path) == ({}, [])


def test_the_age_is_that_of_the_newest_good_load(warehouse_path: Path) -> None:
    loads, _ = known(
        warehouse_path, ("popular", "ok", 60, None), ("popular", "ok", 30, None), ("popular", "failed", 5, "no answer")
    )
    assert loads["popular"]["age_seconds"] == pytest.approx(1800, abs=60)
    assert (loads["popular"]["last_status"], loads["popular"]["last_error"]) == ("failed", "no answer")
    assert loads["popular"]["rows"] == 0


def test_an_error_that_was_overcome_is_not_told_any_more(warehouse_path: Path) -> None:
    loads, _ = known(warehouse_path, ("popular", "failed", 30, "no answer"), ("popular", "ok", 5, None))
    assert (loads["popular"]["last_status"], loads["popular"]["last_error"]) == ("ok", None)


def test_the_money_of_each_account_with_its_burn_and_open_payments(warehouse_path: Path) -> None:
    _, money = known(
        warehouse_path,
        invoices="""
        INSERT INTO store.balances_closed (account_id, balance_cents, valid_from, valid_to)
        VALUES ('7', 900, now() - INTERVAL 2 HOUR, now() - INTERVAL 1 HOUR);
        INSERT INTO store.balances (account_id, balance_cents, valid_from) VALUES ('7', 600, now() - INTERVAL 1 HOUR);
        INSERT INTO store.invoices (account_id, payment_id, status, expires_at) VALUES
            ('7', 'a', 'check', now() + INTERVAL 1 HOUR), ('7', 'b', 'paid', now() + INTERVAL 1 HOUR),
            ('7', 'c', 'check', now() - INTERVAL 1 HOUR), ('8', 'd', 'check', now() + INTERVAL 1 HOUR)
        """,
    )
    (row,) = money
    assert (row["account_id"], row["balance_cents"], row["open_payments"]) == ("7", 600, 1)
    assert row["burn_cents_per_hour"] == pytest.approx(300, abs=1)
    assert row["hours_to_empty"] == pytest.approx(2, abs=0.1)


def test_a_file_that_is_not_there_is_one_clear_line(warehouse_path: Path) -> None:
    with pytest.raises(NotAWarehouse, match="run smsonline sync first"):
        overview(warehouse_path, DATASETS)
