"""Keeps Dagster's own records small: on SQLite a run leaves about 200 kB, and a thousand runs a day add up."""

# No postponed annotations here: Dagster reads the parameters' types.

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

KEEP = timedelta(days=3)
MOST_AT_ONCE = 5000
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def forget_runs(instance: dg.DagsterInstance, before: datetime) -> int:
    """Deletes finished runs created before that instant with all their events and logs; returns how many."""
    runs = instance.get_runs(dg.RunsFilter(statuses=FINISHED, created_before=before), limit=MOST_AT_ONCE)
    for run in runs:
        instance.delete_run(run.run_id)
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        storage = instance.event_log_storage
        if isinstance(storage, SqliteEventLogStorage):  # it empties the run's file and leaves it lying
            Path(storage.path_for_shard(run.run_id)).unlink(missing_ok=True)
    return len(runs)


@dg.op(description="Deletes Dagster's records of runs older than three days; the warehouse keeps every load.")
def forget_old_runs(context: dg.OpExecutionContext) -> None:
    """The step of the job ``clean_up``."""
    count = forget_runs(context.instance, datetime.now(UTC) - KEEP)
    context.log.info(f"{count} runs older than {KEEP.days} days deleted")


@dg.job(description="Deletes old records of Dagster.", executor_def=dg.in_process_executor)
def clean_up() -> None:
    """Once a day."""
    forget_old_runs()
