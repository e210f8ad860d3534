"""One Dagster asset per declaration. Its body is one call of the data path, the one that the command line makes."""

# No postponed annotations here: Dagster reads the parameters' types.

from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Protocol

import dagster as dg
import duckdb

from assets.declaration import CADENCES_UNTIL_STALE, Dataset
from assets.quality.table_stats import facts_of, last_change, preview
from assets.sync import Result
from smsonline.catalogue import Endpoint
from smsonline.errors import ConfigurationError, Refused

SCHEMA = "sms"
# Runs that touch the warehouse file share a pool with one slot: DuckDB lets one process write at a time.
POOL = "duckdb"
LINEAGE = (
    ("response_id", "VARCHAR", "The answer the row came from, in raw.responses."),
    ("first_seen_at", "TIMESTAMPTZ", "When the key was first seen, UTC."),
    ("last_seen_at", "TIMESTAMPTZ", "When the key was last seen, UTC."),
)


class Account(Protocol):
    """What the assets and checks need from the resource named ``smsonline``."""

    def sync(self, dataset: str, run_id: str) -> Result:
        """One pass over one dataset. Raises ``dagster.Failure`` when it cannot even begin."""

    def reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """The warehouse, read-only. Raises ``dagster.Failure`` when it cannot be opened."""


def asset_key(name: str) -> dg.AssetKey:
    """The asset of the dataset ``name``: its schema and its table."""
    return dg.AssetKey([SCHEMA, name])


def dataset_asset(dataset: Dataset, endpoint: Endpoint) -> dg.AssetsDefinition:
    """The asset of ``dataset``; needs the resource ``smsonline``, an ``Account``."""

    @dg.asset(
        key=asset_key(dataset.name),
        deps=[asset_key(dataset.fan_out.dataset)] if dataset.fan_out else [],
        description=_description(dataset, endpoint),
        group_name="account" if dataset.per_account else "market",
        kinds={"duckdb", "pandas"},
        tags={"smsonline/source": "assumed" if endpoint.assumed else "documented"},
        metadata={"dagster/column_schema": column_schema(dataset), "cadence_minutes": dataset.cadence_minutes},
        freshness_policy=_freshness(dataset),
        pool=POOL,
    )
    def sync_dataset(
        context: dg.AssetExecutionContext, smsonline: dg.ResourceParam[Account]
    ) -> dg.MaterializeResult[Any]:
        result = smsonline.sync(dataset.name, context.run.run_id)
        if result.outcome.status != "ok":
            raise _failure(result, context.run.run_id)
        with smsonline.reading() as connection:
            # What follows the data (the marts) need not look again after a sync that changed nothing.
            version = dg.DataVersion(last_change(connection, dataset.name))
            return dg.MaterializeResult(metadata=_metadata(result, connection, dataset), data_version=version)

    return sync_dataset


def column_schema(dataset: Dataset) -> dg.TableSchema:
    """The columns of ``sms.<dataset>`` with types and comments; key columns are never null."""
    columns = [(column.name, column.type, column.comment) for column in dataset.table.columns]
    return dg.TableSchema(
        [
            dg.TableColumn(
                name, type_, comment, constraints=dg.TableColumnConstraints(nullable=name not in dataset.key)
            )
            for name, type_, comment in (*columns, *LINEAGE)
        ]
    )


def _description(dataset: Dataset, endpoint: Endpoint) -> str:
    # An assumed endpoint has no page; its source says so.
    source = endpoint.source if endpoint.assumed else f"documented: {endpoint.source}"
    return f"{dataset.doc}\n\n`{endpoint.method} {endpoint.path}` ({source})"


def _freshness(dataset: Dataset) -> dg.FreshnessPolicy:
    cadence = timedelta(minutes=dataset.cadence_minutes)
    return dg.FreshnessPolicy.time_window(fail_window=CADENCES_UNTIL_STALE * cadence, warn_window=1.5 * cadence)


def _metadata(result: Result, connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> dict[str, Any]:
    facts = facts_of(connection, dataset)
    return _counts(result) | {
        "dagster/row_count": facts.rows,
        "dagster/column_schema": column_schema(dataset),
        "bytes": facts.bytes,
        "run_id": facts.last_load["run_id"],
        "load_id": facts.last_load["load_id"],
        "preview": dg.MetadataValue.md(preview(connection, dataset)),
    }


def _counts(result: Result) -> dict[str, Any]:
    return asdict(result.outcome.counts) | {"seconds": round(result.seconds, 3)}


def _failure(result: Result, run_id: str) -> dg.Failure:
    """The dataset's one line. Only trouble at the vendor that tends to pass may be retried."""
    permanent = result.outcome.status == "rejected" or isinstance(result.failure, (ConfigurationError, Refused))
    line = result.outcome.error or "no reason given"
    return dg.Failure(
        line if line.startswith(result.dataset) else f"{result.dataset}: {line}",
        metadata=_counts(result) | {"status": result.outcome.status, "run_id": run_id},
        allow_retries=not permanent,
    )
