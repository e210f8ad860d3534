"""``smsonline status``: must start without pandas and dagster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assets.declaration import Dataset
from pipelines.bootstrap import configured_datasets, configured_policy
from pipelines.cli.console import FAILED, exit_on_error, print_json, print_stderr, print_table
from pipelines.cli.topup_outlook import runway
from pipelines.settings import Settings, load_settings
from pipelines.topup.forecast import Forecaster
from topups.amounts import usd
from topups.forecast.forecasting import Forecast
from warehouse.overview import overview

if TYPE_CHECKING:
    from topups.ledger import Ledger


Row = Mapping[str, Any]


def run_status(*, as_json: bool) -> None:
    """Prints the state of every dataset; exits 1 when one is stale or was never loaded."""
    with exit_on_error(as_json=as_json):
        settings = load_settings()
        datasets = configured_datasets(settings)
        loads, money = overview(settings.warehouse, datasets) if settings.warehouse.exists() else ({}, [])
        accounts = _with_forecasts(money, settings) if money else []
    rows = [_line(dataset, loads.get(dataset.name, {})) for dataset in datasets.values()]
    if as_json:
        print_json(
            {"warehouse": str(settings.warehouse), "datasets": rows, "accounts": [account for account, _ in accounts]}
        )
    else:
        _print(rows, accounts)
    if any(row["stale"] for row in rows):
        if not loads:
            print_stderr(f"nothing has been synced into {settings.warehouse} yet: run smsonline sync")
        sys.exit(FAILED)


def _line(dataset: Dataset, known: Mapping[str, Any]) -> dict[str, Any]:
    age = known.get("age_seconds")
    return {
        "dataset": dataset.name,
        "last_ok_at": known.get("last_ok_at"),
        "age_seconds": None if age is None else round(age),
        "cadence_seconds": dataset.table.cadence_seconds,
        "stale": age is None or age > dataset.table.stale_after_seconds,
        "rows": known.get("rows"),
        "rejected": known.get("rejected"),
        "drift": known.get("drift"),
        "last_status": known.get("last_status"),
        "last_error": known.get("last_error"),
    }


def _with_forecasts(money: Sequence[Row], settings: Settings) -> list[tuple[Row, Forecast | None]]:
    """Each account with its forecast, whose figures take the place of the overview's where there is one."""
    policy, now = configured_policy(settings), datetime.now(UTC)
    found: list[tuple[Row, Forecast | None]] = []
    with _ledger(settings) as ledger:
        for account in money:
            forecaster = Forecaster(settings.warehouse, account["account_id"], policy, ledger)
            forecast = forecaster.forecast(now, account["balance_cents"])
            figures = forecast.as_json() if forecast else {}
            found.append(({**account, **figures, "forecast_problem": forecaster.problem}, forecast))
    return found


@contextmanager
def _ledger(settings: Settings) -> Iterator[Ledger | None]:
    """The ledger where top-ups are in use; without it nobody waits for its library."""
    if settings.topup.mode == "off":
        yield None
        return
    from topups.ledger import LedgerUnavailable, read_ledger

    try:
        ledger = read_ledger(settings.ledger.get_secret_value(), busy_seconds=1)
    except LedgerUnavailable:
        yield None
        return
    with ledger:
        yield ledger


def _print(rows: Sequence[Row], accounts: Sequence[tuple[Row, Forecast | None]]) -> None:
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
    for account, forecast in accounts:
        parts = [f"balance {usd(account['balance_cents'])}", *_outlook(account, forecast)]
        parts.append(f"{account['open_payments']} open payments")
        sys.stdout.write(f"account {account['account_id']}: {', '.join(parts)}\n")


def _outlook(account: Row, forecast: Forecast | None) -> list[str]:
    if forecast is None:
        return [f"no forecast ({account['forecast_problem']})"]
    return [
        runway(forecast),
        f"burn {forecast.mean:,.1f} cents an hour",
        f"re-order point {usd(forecast.reorder_cents)}",
    ]


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
