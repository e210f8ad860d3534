"""The job that syncs. A schedule selects the datasets that are due; by hand it syncs all."""

from __future__ import annotations

import dagster as dg

SYNC_JOB = "sync_datasets"
# Far longer than any healthy run: one that still runs hangs, and holds the only slot of the pool "duckdb".
MAX_RUNTIME_SECONDS = 1800
# Dagster repeats no run: the client retries reads, and the next tick syncs again.
NO_RETRIES = {"dagster/max_retries": "0"}

sync_datasets = dg.define_asset_job(
    SYNC_JOB,
    dg.AssetSelection.groups("market", "account", "topups"),
    description="Syncs datasets, and copies the ledger into the warehouse.",
    tags=NO_RETRIES | {"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
    executor_def=dg.in_process_executor,
)
