"""Keeps Dagster's own records small, and audits the ledger.

On SQLite a run leaves about 200 kB, and a thousand runs a day add up.
"""

# No postponed annotations here: Dagster reads the parameters' types.

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from pipelines.defs.jobs import AUDIT_JOB

RETENTION = timedelta(days=3)
MAX_DELETED = 5000
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def delete_runs(instance: dg.DagsterInstance, before: datetime) -> int:
    """Deletes finished runs created before that time with all their events and logs; returns how many.

    A run with the latest materialization of an asset stays: the asset's page shows its metadata and chart.
    """
    events = [instance.get_latest_materialization_event(key) for key in instance.all_asset_keys()]
    latest = {event.run_id for event in events if event}
    finished = instance.get_runs(dg.RunsFilter(statuses=FINISHED, created_before=before), limit=MAX_DELETED)
    runs = [run for run in finished if run.run_id not in latest]
    # Only the SQLite storage has a file per run, which deleting the run empties and leaves.
    file_of_run = getattr(instance.event_log_storage, "path_for_shard", None)
    for run in runs:
        instance.delete_run(run.run_id)
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        if file_of_run is not None:
            Path(file_of_run(run.run_id)).unlink(missing_ok=True)
    return len(runs)


@dg.op(description="Deletes Dagster's records of runs older than three days; the warehouse keeps every load.")
def delete_old_runs(context: dg.OpExecutionContext) -> None:
    """The step of the job ``purge_run_history``."""
    count = delete_runs(context.instance, datetime.now(UTC) - RETENTION)
    context.log.info(f"{count} runs older than {RETENTION.days} days deleted")


@dg.job(description="Deletes old records of Dagster.", executor_def=dg.in_process_executor)
def purge_run_history() -> None:
    """Once a day."""
    delete_old_runs()


# At minutes when no dataset is due by default.
daily_purge = dg.ScheduleDefinition(
    name="daily_purge",
    job=purge_run_history,
    cron_schedule="23 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
hourly_ledger_audit = dg.ScheduleDefinition(
    name="hourly_ledger_audit",
    job_name=AUDIT_JOB,
    cron_schedule="37 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
