"""One Dagster asset per dataset. Its body is one call of the sync, the same that the command line makes."""

# No postponed annotations here: Dagster reads the parameters' types.

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import dagster as dg

from assets.dagster.check_results import asset_check_result, check_specs
from assets.datasets import Dataset
from assets.datasets.spec import MISSED_CADENCES_UNTIL_STALE
from assets.quality.checks import CheckResult, dataset_checks, last_load_ok
from assets.quality.table_stats import TableStats, collect_dataset_stats, dataset_preview, last_changed_load
from smsonline.endpoints import Endpoint
from smsonline.errors import ConfigurationError, RequestRejected

if TYPE_CHECKING:  # importing them costs half a second
    from duckdb import DuckDBPyConnection

    from assets.sync import SyncResult

SCHEMA = "sms"
# Runs that touch the warehouse file share a pool with one slot: DuckDB lets one process write at a time.
POOL = "duckdb"
LAST_LOAD = last_load_ok.__name__
LINEAGE_COLUMNS = (
    ("response_id", "VARCHAR", "The response the row came from, in raw.responses."),
    ("first_seen_at", "TIMESTAMPTZ", "When the key was first seen, UTC."),
    ("last_seen_at", "TIMESTAMPTZ", "When the key was last seen, UTC."),
)


class DatasetSync(Protocol):
    """The resource ``smsonline``."""

    def sync(self, dataset: str, run_id: str) -> "SyncResult":
        """Syncs and publishes one dataset. Raises ``dagster.Failure`` when it cannot start."""


class WarehouseReader(Protocol):
    """The resource ``warehouse``."""

    def read(self) -> AbstractContextManager["DuckDBPyConnection"]:
        """A read-only connection. Raises ``dagster.Failure`` when the file cannot be opened."""


def asset_key(name: str) -> dg.AssetKey:
    """The asset of the dataset ``name``: its schema and its table."""
    return dg.AssetKey([SCHEMA, name])


def dataset_asset(dataset: Dataset, endpoint: Endpoint) -> dg.AssetsDefinition:
    """The asset of ``dataset`` with its checks; needs the resources ``smsonline`` and ``warehouse``."""
    key = asset_key(dataset.name)
    # An assumed endpoint has no page; its source says so.
    source = endpoint.source if endpoint.assumed else f"documented: {endpoint.source}"
    cadence = timedelta(minutes=dataset.cadence_minutes)

    @dg.asset(
        key=key,
        deps=[asset_key(dataset.fan_out.dataset)] if dataset.fan_out else [],
        description=f"{dataset.description}\n\n`{endpoint.method} {endpoint.path}` ({source})",
        group_name="account" if dataset.per_account else "market",
        kinds={"duckdb", "pandas"},
        tags={"smsonline/source": "assumed" if endpoint.assumed else "documented"},
        metadata={"dagster/column_schema": column_schema(dataset), "cadence_minutes": dataset.cadence_minutes},
        freshness_policy=dg.FreshnessPolicy.time_window(MISSED_CADENCES_UNTIL_STALE * cadence, 1.5 * cadence),
        check_specs=check_specs(key, dataset_checks(dataset)),
        pool=POOL,
    )
    def sync_dataset(  # type: ignore[misc]  # of the result types Dagster knows the bare class, not a generator
        context: dg.AssetExecutionContext,
        smsonline: dg.ResourceParam[DatasetSync],
        warehouse: dg.ResourceParam[WarehouseReader],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        try:
            result = smsonline.sync(dataset.name, context.run.run_id)
            if result.outcome.status != "ok":
                raise _failure(result, context.run.run_id)
        except dg.Failure as failure:
            yield from _checks_of_failed_load(warehouse, dataset, failure)
            raise
        with warehouse.read() as connection:
            stats = collect_dataset_stats(connection, dataset)
            preview = {"preview": dg.MetadataValue.md(dataset_preview(connection, dataset))}
            # The marts follow the data version: a sync that changed nothing does not refresh them.
            version = dg.DataVersion(last_changed_load(connection, dataset.name) or "empty")
        metadata, checks = _metadata(result, stats, dataset) | preview, _evaluate(dataset, stats)
        yield dg.MaterializeResult(metadata=metadata, data_version=version, check_results=[*checks.values()])

    return sync_dataset


def column_schema(dataset: Dataset) -> dg.TableSchema:
    """The columns of ``sms.<dataset>`` with types and comments; key columns are never null."""
    columns = [(column.name, column.type, column.comment) for column in dataset.table.columns]
    required = dg.TableColumnConstraints(nullable=False)
    return dg.TableSchema(
        [
            dg.TableColumn(name, kind, comment, required if name in dataset.key else None)
            for name, kind, comment in (*columns, *LINEAGE_COLUMNS)
        ]
    )


def _metadata(result: "SyncResult", stats: TableStats, dataset: Dataset) -> dict[str, Any]:
    return _counts(result) | {
        "dagster/row_count": stats.rows,
        "dagster/column_schema": column_schema(dataset),
        "bytes": stats.bytes,
        "run_id": stats.last_load["run_id"],
        "load_id": stats.last_load["load_id"],
    }


def _counts(result: "SyncResult") -> dict[str, Any]:
    return asdict(result.outcome.counts) | {"seconds": round(result.seconds, 3)}


def _evaluate(dataset: Dataset, stats: TableStats) -> dict[str, dg.AssetCheckResult]:
    key, checks = asset_key(dataset.name), dataset_checks(dataset)
    return {name: asset_check_result(key, name, check(dataset, stats)) for name, check in checks.items()}


def _checks_of_failed_load(
    warehouse: WarehouseReader, dataset: Dataset, failure: dg.Failure
) -> Iterator[dg.AssetCheckResult]:
    """``last_load_ok`` fails; the other checks evaluate the table as it is, when it can be read."""
    try:
        with warehouse.read() as connection:
            results = _evaluate(dataset, collect_dataset_stats(connection, dataset))
    except dg.Failure:  # no file yet, or a locked one
        results = {}
    reason = CheckResult(False, failure.description or "failed", measurements={"status": "failed"})
    yield from (results | {LAST_LOAD: asset_check_result(asset_key(dataset.name), LAST_LOAD, reason)}).values()


def _failure(result: "SyncResult", run_id: str) -> dg.Failure:
    """The dataset's error in one line. Only vendor errors that tend to pass may be retried."""
    permanent = result.outcome.status == "rejected" or isinstance(result.failure, (ConfigurationError, RequestRejected))
    line = result.outcome.error or "no reason given"
    return dg.Failure(
        line if line.startswith(result.dataset) else f"{result.dataset}: {line}",
        metadata=_counts(result) | {"status": result.outcome.status, "run_id": run_id},
        allow_retries=not permanent,
    )
