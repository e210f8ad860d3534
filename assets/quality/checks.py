"""Quality checks of datasets and marts: pure functions from a table's statistics to a result, each with its limit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assets.datasets import Dataset
from assets.quality.table_stats import TableStats, rate_columns
from warehouse.schema.mart_views import Mart

MAX_REJECTED_WARN = 0.05
MAX_REJECTED_ERROR = 0.5


@dataclass(frozen=True)
class CheckResult:
    """Result of a check. A failure is an error or a warning; ``measurements`` hold the numbers and the limit."""

    passed: bool
    message: str
    is_error: bool = True
    measurements: Mapping[str, Any] = field(default_factory=dict)


def last_load_ok(_: Dataset, stats: TableStats) -> CheckResult:
    """The newest load succeeded."""
    status = stats.last_load.get("status", "never loaded")
    if status == "ok" and stats.last_load.get("in_future"):
        return CheckResult(False, "the newest load is in the future (clock)", measurements={"status": status})
    message = stats.last_load.get("error") or str(status)
    return CheckResult(status == "ok", message, measurements={"status": status})


def not_empty(_: Dataset | Mart, stats: TableStats) -> CheckResult:
    """The table has rows, or a dataset that it reads has none."""
    measurements = {"rows": stats.rows, "empty_sources": ", ".join(stats.empty_sources) or "none", "limit": 1}
    return CheckResult(stats.rows > 0 or bool(stats.empty_sources), f"{stats.rows} rows", False, measurements)


def unique_key(table: Dataset | Mart, stats: TableStats) -> CheckResult:
    """No key occurs twice."""
    message = f"{stats.duplicate_keys} values of ({', '.join(table.key)}) occur more than once"
    return CheckResult(
        stats.duplicate_keys == 0, message, measurements={"duplicate_keys": stats.duplicate_keys, "limit": 0}
    )


def rates_in_range(_: Dataset | Mart, stats: TableStats) -> CheckResult:
    """Every rate is a fraction 0..1."""
    outside = sum(stats.rates_out_of_range.values())
    measurements = {**stats.rates_out_of_range, "low": 0, "high": 1}
    return CheckResult(outside == 0, f"{outside} rates are not within 0..1", measurements=measurements)


def counts_reconcile(dataset: Dataset, stats: TableStats) -> CheckResult:
    """Every fetched record is accounted for, and the table holds what the accepted responses held.

    A rejected record whose key could be read keeps its old row, and a list cut by a limit keeps older rows: there the
    table may hold more.
    """
    load = stats.last_load
    fetched = load.get("fetched", 0)
    accounted = sum(load.get(name, 0) for name in ("inserted", "changed", "unchanged", "rejected", "duplicates"))
    exact = dataset.full_snapshot and stats.expected_rejects == 0
    table_agrees = stats.rows == stats.expected_rows if exact else stats.rows >= stats.expected_rows
    message = (
        f"{fetched} records fetched, {accounted} accounted for; "
        f"{stats.rows} rows, {stats.expected_rows} in the accepted responses"
    )
    measurements = {
        **{"fetched": fetched, "accounted_for": accounted, "exact": exact},
        **{"rows": stats.rows, "expected_rows": stats.expected_rows},
    }
    return CheckResult(fetched == accounted and table_agrees, message, measurements=measurements)


def rejects_below_limit(dataset: Dataset, stats: TableStats) -> CheckResult:
    """At most 5 % of the last load's records broke the contract; more than 50 % is an error."""
    rejected, fetched = stats.last_load.get("rejected", 0), stats.last_load.get("fetched", 0)
    share = rejected / fetched if fetched else 0.0
    message = f"{rejected} of {fetched} records rejected ({share:.1%}), limit {MAX_REJECTED_WARN:.0%}"
    measurements = {"rejected": rejected, "fetched": fetched, "share": round(share, 4), "limit": MAX_REJECTED_WARN}
    if rejected and stats.first_reject:
        message += f"; the first: {stats.first_reject}"
        query = f"FROM ops.rejects WHERE dataset = '{dataset.name}'"
        measurements |= {"first_reason": stats.first_reject, "query": query}
    return CheckResult(share <= MAX_REJECTED_WARN, message, share > MAX_REJECTED_ERROR, measurements)


def volume_as_usual(_: Dataset, stats: TableStats) -> CheckResult:
    """The number of records in the newest good load is as in the 20 loads before it."""
    if not stats.volume:
        return CheckResult(True, "fewer than 5 loads to compare with", False, {"loads": 0})
    low, high, loads = (stats.volume[name] for name in ("usual_low", "usual_high", "loads"))
    message = f"{stats.volume['records']:,} records; usual are {low:,} to {high:,}, by the {loads} loads before"
    return CheckResult(stats.volume["as_usual"], message, False, stats.volume)


def no_schema_drift(_: Dataset, stats: TableStats) -> CheckResult:
    """The vendor's fields are those of the dataset definition, and its responses no old ones from a cache."""
    fields = ", ".join(f"{name} ({kind})" for name, kind in stats.drift if kind != "stale")
    is_cached = any(kind == "stale" for _, kind in stats.drift)
    cached = "a cache repeated responses older than the data, which changed nothing" if is_cached else ""
    message = "; ".join(filter(None, (fields and f"differs from the definition: {fields}", cached)))
    measurements = {"fields": fields or "none", "cached": is_cached, "limit": 0}
    return CheckResult(not stats.drift, message or "as defined", False, measurements)


DatasetCheck = Callable[[Dataset, TableStats], CheckResult]
MartCheck = Callable[[Mart, TableStats], CheckResult]
MART_CHECKS: tuple[MartCheck, ...] = (not_empty, unique_key, rates_in_range)
DATASET_CHECKS: tuple[DatasetCheck, ...] = (
    *(last_load_ok, not_empty, unique_key, rates_in_range),
    *(counts_reconcile, rejects_below_limit, volume_as_usual, no_schema_drift),
)


def dataset_checks(dataset: Dataset) -> dict[str, DatasetCheck]:
    """The checks that apply to ``dataset``, by name."""
    return {check.__name__: check for check in DATASET_CHECKS if check is not rates_in_range or rate_columns(dataset)}


def mart_checks(mart: Mart) -> dict[str, MartCheck]:
    """The checks that apply to ``mart``, by name."""
    return {check.__name__: check for check in MART_CHECKS if check is not rates_in_range or rate_columns(mart)}
