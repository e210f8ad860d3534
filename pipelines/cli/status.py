"""``smsonline status``: must start without pandas and dagster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assets.datasets import Dataset
from pipelines.bootstrap import configured_datasets, configured_policy
from pipelines.cli.console import FAILED, exit_on_error, load_command_settings, print_json, print_stderr, print_table
from pipelines.cli.topup.forecast_text import NOT_KNOWN_YET, reorder_text, runway_text
from pipelines.runway_forecast import Forecaster
from pipelines.settings import Settings
from topups.forecast.runway import Forecast
from topups.money import usd
from warehouse.status import read_status

if TYPE_CHECKING:
    from topups.ledger import Ledger

Row = Mapping[str, Any]
Account = tuple[Row, Forecast | None]


def run_status(*, as_json: bool) -> None:
    """Prints the state of every dataset; exits 1 when one is stale or was never loaded."""
    with exit_on_error(as_json=as_json):
        settings = load_command_settings()
        datasets = configured_datasets(settings)
        loads, figures = read_status(settings.warehouse, datasets) if settings.warehouse.exists() else ({}, [])
        accounts = _with_forecasts(figures, settings) if figures else []
    rows = [_dataset_row(dataset, loads.get(dataset.name, {})) for dataset in datasets.values()]
    if as_json:
        document = {"warehouse": str(settings.warehouse), "datasets": rows}
        print_json({**document, "accounts": [account for account, _ in accounts]})
    else:
        _print(rows, accounts)
    if any(row["stale"] for row in rows):
        if not loads:
            print_stderr(f"nothing has been synced into {settings.warehouse} yet: run smsonline sync")
        sys.exit(FAILED)


def _dataset_row(dataset: Dataset, load: Mapping[str, Any]) -> dict[str, Any]:
    age = load.get("age_seconds")
    return {
        "dataset": dataset.name,
        "last_ok_at": load.get("last_ok_at"),
        "age_seconds": None if age is None else round(age),
        "cadence_seconds": dataset.table.cadence_seconds,
        "stale": age is None or age > dataset.table.stale_after_seconds,
        "rows": load.get("rows"),
        "rejected": load.get("rejected"),
        "drift": load.get("drift"),
        "last_status": load.get("last_status"),
        "last_error": load.get("last_error"),
    }


def _with_forecasts(rows: Sequence[Row], settings: Settings) -> list[Account]:
    """Each account's figures with its forecast. Burn rate and runway stay those of ``marts.balance_runway``."""
    policy, now = configured_policy(settings), datetime.now(UTC)
    accounts: list[Account] = []
    with _ledger(settings) as ledger:
        for row in rows:
            forecaster = Forecaster(settings.warehouse, row["account_id"], policy, ledger)
            forecast = forecaster.forecast(now, row["balance_cents"])
            figures = {**(forecast.as_json() if forecast else {}), **row, "forecast_problem": forecaster.problem}
            for name, digits in (("burn_cents_per_hour", 2), ("hours_to_empty", 1)):
                figures[name] = None if row[name] is None else round(row[name], digits)
            accounts.append((figures, forecast))
    return accounts


@contextmanager
def _ledger(settings: Settings) -> Iterator[Ledger | None]:
    """The ledger where top-ups are in use; otherwise its library is not imported."""
    if settings.topup.mode == "off":
        yield None
        return
    from topups.ledger import LedgerUnavailable, open_ledger_readonly

    try:
        ledger = open_ledger_readonly(settings.ledger.get_secret_value(), busy_seconds=1)
    except LedgerUnavailable:
        yield None
        return
    with ledger:
        yield ledger


def _print(rows: Sequence[Row], accounts: Sequence[Account]) -> None:
    columns = ["dataset", "age", "cadence", "state", "rows", "rejected", "drift", "last load"]
    cells = [
        [
            row["dataset"],
            "never" if row["age_seconds"] is None else _duration(row["age_seconds"]),
            _duration(row["cadence_seconds"]),
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
        sys.stdout.write(f"account {account['account_id']}: {', '.join(_account_parts(account, forecast))}\n")


def _account_parts(account: Row, forecast: Forecast | None) -> list[str]:
    burn = account["burn_cents_per_hour"]
    return [
        f"balance {usd(account['balance_cents'])}",
        runway_text(account),
        f"burn rate {NOT_KNOWN_YET}" if burn is None else f"burn rate {burn:,.1f} cents an hour",
        f"re-order point {reorder_text(forecast)}" if forecast else f"no forecast ({account['forecast_problem']})",
        f"{account['open_payments']} open payments",
    ]


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
