"""``smsonline status``: must start without pandas and dagster."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from assets.datasets import DATASETS
from assets.declaration import CADENCES_UNTIL_STALE, Dataset
from assets.overrides import with_overrides
from pipelines.cli.console import FAILED, clear_errors, print_json, print_table, say
from pipelines.settings import Settings, SettingsError, load_settings
from warehouse.overview import overview


def run_status(*, as_json: bool) -> None:
    """Prints the state of every dataset; exits 1 when one is stale or was never loaded."""
    with clear_errors(as_json=as_json):
        settings = load_settings()
        datasets = _declared(settings)
        loads, money = overview(settings.warehouse, datasets) if settings.warehouse.exists() else ({}, [])
    rows = [_line(dataset, loads.get(dataset.name, {})) for dataset in datasets.values()]
    if as_json:
        print_json({"warehouse": str(settings.warehouse), "datasets": rows, "accounts": money})
    else:
        _print(rows, money)
    if any(row["stale"] for row in rows):
        if not loads:
            say(f"nothing has been synced into {settings.warehouse} yet: run smsonline sync")
        sys.exit(FAILED)


def _declared(settings: Settings) -> Mapping[str, Dataset]:
    try:
        return with_overrides(DATASETS, settings.datasets)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _line(dataset: Dataset, known: Mapping[str, Any]) -> dict[str, Any]:
    age = known.get("age_seconds")
    limit = dataset.cadence_minutes * 60 * CADENCES_UNTIL_STALE
    return {
        "dataset": dataset.name,
        "last_ok_at": known.get("last_ok_at"),
        "age_seconds": None if age is None else round(age),
        "cadence_seconds": dataset.cadence_minutes * 60,
        "stale": age is None or age > limit,
        "rows": known.get("rows"),
        "rejected": known.get("rejected"),
        "drift": known.get("drift"),
        "last_status": known.get("last_status"),
        "last_error": known.get("last_error"),
    }


def _print(rows: Sequence[Mapping[str, Any]], money: Sequence[Mapping[str, Any]]) -> None:
    columns = ["dataset", "age", "cadence", "state", "rows", "rejected", "drift", "last load"]
    cells = [
        [
            row["dataset"],
            "never" if row["age_seconds"] is None else _span(row["age_seconds"]),
            _span(row["cadence_seconds"]),
            "stale" if row["stale"] else "fresh",
            row["rows"],
            row["rejected"],
            row["drift"],
            row["last_status"],
        ]
        for row in rows
    ]
    print_table("datasets", columns, cells, right=("age", "cadence", "rows", "rejected", "drift"))
    for account in money:
        hours = account["hours_to_empty"]
        runway = "no spending seen" if hours is None else f"empty in {hours:,.0f} h"
        balance = f"balance {account['balance_cents'] / 100:,.2f} USD"
        print_line = f"account {account['account_id']}: {balance}, {runway}, {account['open_payments']} open payments"
        sys.stdout.write(print_line + "\n")


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
