"""Ends the records of runs whose process is no more, and requests the interrupted syncs again.

Dagster keeps such a run as started, with its slot of the pool, until its time limit: no sync would run meanwhile.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from pipelines.defs.jobs import SYNC_JOB

INTERRUPTED_TAG = "smsonline/interrupted"
# Where Dagster notes the code server that has started a run.
SERVER_TAG = ".dagster/grpc_info"
# A run that is only queued is started by the next daemon.
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
MAX_AGE = timedelta(days=1)
MAX_RUNS = 20


def end_interrupted_runs(reason: str, server: str = "") -> int:
    """Ends every unfinished run, or those that the code server at the socket ``server`` started; returns how many.

    Only for a caller who knows that no process of these runs is alive. The home is ``$DAGSTER_HOME``.
    """
    with dg.DagsterInstance.get() as instance:
        runs = [
            run
            for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
            if server in run.tags.get(SERVER_TAG, "")
        ]
        for run in runs:
            instance.add_run_tags(run.run_id, {INTERRUPTED_TAG: "true"})
            if run.status is dg.DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, message=reason)
            else:
                instance.report_run_failed(run, message=reason)
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(runs)


def interrupted_syncs(instance: dg.DagsterInstance, until: str | None) -> list[dg.DagsterRun]:
    """The interrupted runs of the sync job of the last day that are newer than the run ``until``, newest first."""
    recent = datetime.now(UTC) - MAX_AGE
    failed = dg.DagsterRunStatus.FAILURE  # a run that somebody canceled is not requested again
    filters = dg.RunsFilter(job_name=SYNC_JOB, tags={INTERRUPTED_TAG: "true"}, statuses=[failed], created_after=recent)
    runs = list(instance.get_runs(filters, limit=MAX_RUNS))
    ids = [run.run_id for run in runs]
    return runs[: ids.index(until)] if until in ids else runs
