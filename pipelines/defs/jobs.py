"""The asset jobs: one syncs datasets, all by hand and those that are due by schedule; one audits the ledger."""

import dagster as dg

SYNC_JOB, AUDIT_JOB = "sync_datasets", "audit_ledger"
# Far longer than any healthy run: one that still runs hangs, and holds the only slot of the pool "duckdb".
MAX_RUNTIME_SECONDS = 1800
# Dagster repeats no run: the client retries reads, and the next tick syncs again.
NO_RETRIES = {"dagster/max_retries": "0"}

# The checks of an asset come with it; only the audit of the ledger is a step of its own, with a job of its own.
LEDGER_AUDIT = dg.AssetCheckKey(dg.AssetKey(["topups", "events"]), "ledger_history_intact")

sync_datasets = dg.define_asset_job(
    SYNC_JOB,
    dg.AssetSelection.groups("market", "account", "topups") - dg.AssetSelection.checks(LEDGER_AUDIT),
    description="Syncs datasets, and copies the ledger into the warehouse.",
    tags=NO_RETRIES | {"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
    executor_def=dg.in_process_executor,
)

audit_ledger = dg.define_asset_job(
    AUDIT_JOB,
    dg.AssetSelection.checks(LEDGER_AUDIT),
    description="Checks the whole history of the ledger; calls no vendor.",
    tags=NO_RETRIES,
    executor_def=dg.in_process_executor,
)
