"""``smsonline status``: must start without pandas and dagster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assets.datasets import Dataset
from pipelines.bootstrap import configured_datasets, configured_policy
from pipelines.cli.console import (
    FAILED,
    exit_on_error,
    load_command_settings,
    print_folded,
    print_json,
    print_stderr,
    print_table,
)
from pipelines.cli.topup.forecast_text import reorder_text, runway_text
from pipelines.runway_forecast import Forecaster
from pipelines.settings import Settings
from pipelines.topups.state import TopUpState, read_topup_state
from topups.forecast.runway import NOT_KNOWN_YET, Forecast
from topups.money import usd
from warehouse.database.opening import published_path
from warehouse.status import AGES, WarehouseStatus, read_status

if TYPE_CHECKING:
    from topups.ledger import Ledger

Row = Mapping[str, Any]
Account = tuple[Row, Forecast | None]

# The names that the JSON takes from the newest loads, in its order; ages and what the definition says come between.
LOAD_FIELDS = (
    *("dataset", "account_id", "last_ok_at", "age_seconds", "cadence_seconds", "stale", "rows", "fetched", "rejected"),
    *("first_reject", "drift", "last_status", "last_error", "last_error_at", "last_error_age_seconds"),
    *("last_error_response_id", "cached_response_age_seconds", "volume"),
)
COLUMNS = ("dataset", "age", "cadence", "state", "rows", "rejected", "drift", "last load")
NUMBERS = ("age", "cadence", "rows", "rejected", "drift")
DAY_SECONDS = 86400


def run_status(*, as_json: bool) -> None:
    """Prints the state of every dataset and of the top-ups; exits 1 when one is stale or was never loaded."""
    with exit_on_error(as_json=as_json):
        settings = load_command_settings()
        datasets = configured_datasets(settings)
        status = WarehouseStatus([], [])
        if settings.warehouse.exists() or published_path(settings.warehouse).exists():
            status = read_status(settings.warehouse, {name: dataset.table for name, dataset in datasets.items()})
        accounts = _with_forecasts(status.accounts, settings) if status.accounts else []
        topups = read_topup_state(settings)
    rows = [row for dataset in datasets.values() for row in dataset_rows(dataset, status.loads)]
    if status.notice:
        print_stderr(f"note: {status.notice}")
    if as_json:
        document = {"warehouse": str(settings.warehouse), "notice": status.notice or None, "datasets": rows}
        print_json({**document, "accounts": [account for account, _ in accounts], "topups": topups.as_json()})
    else:
        _print(rows, accounts, topups)
    if any(row["stale"] for row in rows):
        if not status.loads:
            print_stderr(f"nothing has been synced into {settings.warehouse} yet: run smsonline sync")
        sys.exit(FAILED)


def dataset_rows(dataset: Dataset, loads: Sequence[Row]) -> list[dict[str, Any]]:
    """The JSON objects of a dataset: one, or one per account where rows belong to one; null is what is not known."""
    rows = []
    for load in [load for load in loads if load["dataset"] == dataset.name] or [dict[str, Any]()]:
        ages = {name: load.get(name) for name in AGES}
        age = ages["age_seconds"]
        row = {name: load.get(name) for name in LOAD_FIELDS}
        row |= {name: None if seconds is None else round(seconds) for name, seconds in ages.items()}
        row["dataset"], row["cadence_seconds"] = dataset.name, dataset.table.cadence_seconds
        row["stale"] = age is None or age > dataset.table.stale_after_seconds
        rows.append(row)
    return rows


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


def _print(rows: Sequence[Row], accounts: Sequence[Account], topups: TopUpState) -> None:
    owners = list(dict.fromkeys(row["account_id"] for row in rows if row["account_id"]))
    several = len(owners) > 1
    for owner in [None, *owners] if several else [None]:
        shown = [_cells(row) for row in rows if not several or row["account_id"] == owner]
        print_table(f"datasets of account {owner}" if owner else "datasets", COLUMNS, shown, right=NUMBERS)
    for line in topups.lines():
        print_folded(line)
    for row in rows:
        label = f"{row['dataset']} (account {row['account_id']})" if several and row["account_id"] else row["dataset"]
        for text, command in dataset_notes(row):
            print_folded(f"{label}: {text}", command)
    for account, forecast in accounts:
        print_folded(f"account {account['account_id']}: {', '.join(_account_parts(account, forecast))}")


def _cells(row: Row) -> list[Any]:
    age = "future" if row["last_ok_at"] else "never"
    return [
        row["dataset"],
        age if row["age_seconds"] is None else _duration(row["age_seconds"]),
        _duration(row["cadence_seconds"]),
        "stale" if row["stale"] else "fresh",
        *(row[name] for name in ("rows", "rejected", "drift", "last_status")),
    ]


def dataset_notes(row: Row) -> Iterator[tuple[str, str]]:
    """What is unusual about a dataset, each with the command that shows more, or empty."""
    if row["last_status"] not in (None, "ok"):
        when = row["last_error_age_seconds"]
        ago = "in the future (clock)" if when is None else f"{_duration(when)} ago"
        reason = (row["last_error"] or "no reason given").removeprefix(f"{row['dataset']}: ")
        yield f"{row['last_status']} {ago}: {reason}", response_command(row)
    if row["last_ok_at"] and row["age_seconds"] is None:
        remedy = "set this machine's clock right, then run smsonline sync"
        yield f"its last load is in the future (clock), of {row['last_ok_at']}: {remedy}", ""
    if has_rejects(row):
        yield rejects_text(row), rejects_command(row["dataset"])
    seconds = row["cached_response_age_seconds"]
    if seconds is not None and seconds <= max(DAY_SECONDS, 2 * row["cadence_seconds"]):
        yield f"a cache repeated a response older than the data, which changed nothing, {_duration(seconds)} ago", ""
    if row["volume"] and not row["volume"]["as_usual"]:
        yield _volume_text(row["volume"]), ""


def response_command(row: Row) -> str:
    """The query that shows what the vendor returned for a load that failed; empty where nothing is stored."""
    response_id = row["last_error_response_id"]
    return response_id and f"smsonline query \"FROM raw.responses WHERE response_id = '{response_id}'\""


def has_rejects(row: Row) -> bool:
    """Whether records broke the contract; those of a response that was refused or held back may all be in order."""
    return bool(row["rejected"] and (row["first_reject"] or row["last_status"] == "ok"))


def rejects_text(row: Row) -> str:
    """How many records were rejected, and why the first was."""
    counted = f"{row['rejected']:,} of {row['fetched']:,} records rejected"
    return f"{counted}; the first: {row['first_reject']}" if row["first_reject"] else counted


def rejects_command(dataset: str) -> str:
    """The query that shows the rejected records of a dataset."""
    return f"smsonline query \"FROM ops.rejects WHERE dataset = '{dataset}'\""


def _account_parts(account: Row, forecast: Forecast | None) -> list[str]:
    burn = account["burn_cents_per_hour"]
    return [
        f"balance {usd(account['balance_cents'])}",
        runway_text(account),
        f"burn rate {NOT_KNOWN_YET}" if burn is None else f"burn rate {burn:,.1f} cents an hour",
        f"re-order point {reorder_text(forecast)}" if forecast else f"no forecast ({account['forecast_problem']})",
        f"{account['open_payments']} open payments",
    ]


def _volume_text(volume: Row) -> str:
    usual = f"{volume['usual_low']:,} to {volume['usual_high']:,}"
    return f"{volume['records']:,} records in the last good load; usual are {usual}, by the {volume['loads']} before it"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
