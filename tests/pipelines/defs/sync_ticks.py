"""Runs of the sync job in Dagster's records, and a warehouse with loads, for the tests of schedules and sensors."""

from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import dagster as dg
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from assets.datasets import DATASETS
from warehouse.database.opening import open_warehouse
from warehouse.publishing.publish import publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

LOAD = """
INSERT INTO ops.loads BY NAME SELECT 'run' AS run_id, ? AS load_id, ? AS dataset, ? AS account_id, ? AS status,
now() AS started_at, now() AS finished_at, 1 AS fetched, 1 AS inserted, 0 AS changed, 0 AS unchanged, 0 AS closed,
0 AS rejected, 0 AS duplicates
"""


def a_run(job: str, status: dg.DagsterRunStatus, tags: dict[str, str] | None = None) -> dg.DagsterRun:
    location = RegisteredCodeLocationOrigin("smsonline")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)
    return dg.DagsterRun(job_name=job, run_id=str(uuid4()), status=status, remote_job_origin=origin, tags=tags or {})


def of_datasets(run: dg.DagsterRun, keys: Iterable[dg.AssetKey], tags: dict[str, str]) -> dg.DagsterRun:
    return run.with_tags({**run.tags, **tags})._replace(asset_selection=frozenset(keys))


def record_loads(warehouse: Path, datasets: Iterable[str], account_id: str = "7", status: str = "ok") -> None:
    """A warehouse and its copy in which these datasets were loaded."""
    tables = [dataset.table for dataset in DATASETS.values()]
    with open_warehouse(warehouse) as connection:
        migrate(connection)
        sync_schema(connection, tables)
        for name in datasets:
            connection.execute(LOAD, [uuid4().hex, name, account_id, status])
    publish(warehouse, tables)
