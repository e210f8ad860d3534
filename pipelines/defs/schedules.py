"""The schedule of the syncs: one schedule for all cadences, each from ``cadence_minutes`` of its dataset.

The cadences are in ``assets/datasets/definitions.py`` (statistics: 15 minutes). A tick requests one run for all
datasets that are due. A cadence is due when no run was requested since its latest tick, so that a tick that was
missed is made up for. Datasets of a run that has not ended are not requested again. A tick neither calls the vendor
nor opens the warehouse: it reads Dagster's own records only.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.dagster.dataset_assets import asset_key
from assets.datasets import Dataset
from pipelines.bootstrap import configured_datasets
from pipelines.defs.jobs import SYNC_JOB
from pipelines.defs.topup_assets import LEDGER_ASSETS
from pipelines.settings import SettingsError, load_settings

HOUR, DAY, WEEK = 60, 1440, 10080
# 1970-01-01 was a Thursday: so many minutes later the first week began.
FIRST_SUNDAY = 3 * DAY
# A run that a dead daemon left unsubmitted does not block later ones for longer; one run too many does no harm.
MAX_ACTIVE = timedelta(hours=1)
ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def cron_schedule(dataset: Dataset) -> str:
    """The cron string of the dataset's cadence, UTC. Raises ``SettingsError`` when cron cannot space it evenly."""
    minutes = dataset.cadence_minutes
    if HOUR % minutes == 0:
        return "0 * * * *" if minutes == HOUR else f"*/{minutes} * * * *"
    if DAY % minutes == 0 and minutes % HOUR == 0:
        return "0 0 * * *" if minutes == DAY else f"0 */{minutes // HOUR} * * *"
    if minutes == WEEK:
        return "0 0 * * 0"
    raise SettingsError(
        f"[datasets.{dataset.name}] cadence_minutes = {minutes}: a schedule needs a divisor of 60, "
        "whole hours that divide 24, or 10080 (a week)"
    )


def latest_tick(minutes: int, at: datetime) -> datetime:
    """The latest tick of a cadence that is not after ``at``."""
    offset = FIRST_SUNDAY if minutes == WEEK else 0
    minute = int(at.timestamp() // 60) - offset
    return datetime.fromtimestamp((minute - minute % minutes + offset) * 60, UTC)


def sync_schedule(datasets: Mapping[str, Dataset]) -> dg.ScheduleDefinition:
    """The schedule of all cadences. Raises ``SettingsError`` as ``cron_schedule``."""

    @dg.schedule(
        name="sync_due_datasets",
        job_name=SYNC_JOB,
        cron_schedule=sorted({cron_schedule(dataset) for dataset in datasets.values()}),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Syncs every dataset by its cadence, in one run per tick.",
    )
    def sync_due_datasets(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        instance, at = context.instance, context.scheduled_execution_time
        ticks = cadence_tags(datasets, at)
        due = {
            tag: tick for tag, tick in ticks.items() if not instance.get_runs(dg.RunsFilter(tags={tag: tick}), limit=1)
        }
        names = [name for name, dataset in datasets.items() if _cadence_tag(dataset.cadence_minutes) in due]
        if not names:
            return dg.SkipReason("no dataset is due")
        return request_sync(instance, names, due)

    return sync_due_datasets


def request_sync(
    instance: dg.DagsterInstance, names: list[str], tags: Mapping[str, str], run_key: str | None = None
) -> dg.RunRequest | dg.SkipReason:
    """A run of the datasets and of the ledger's copy, without what is queued or in progress.

    A ``SkipReason`` without an account in the settings.
    """
    try:
        _ = load_settings().account  # raises when it is incomplete
    except SettingsError as error:
        return dg.SkipReason(str(error))
    active = active_runs(instance, SYNC_JOB)
    if any(run.asset_selection is None for run in active):
        return dg.SkipReason("a run of all datasets has not ended")
    pending = {key for run in active for key in run.asset_selection or ()}
    keys = [key for key in map(asset_key, names) if key not in pending]
    if not keys:
        return dg.SkipReason(f"a run of {', '.join(names)} has not ended")
    keys += [key for key in LEDGER_ASSETS if key not in pending]
    return dg.RunRequest(run_key=run_key, asset_selection=keys, tags=dict(tags))


def cadence_tags(datasets: Mapping[str, Dataset], at: datetime) -> dict[str, str]:
    """Per cadence the latest tick, as the tags of the run that is requested for it."""
    cadences = sorted({dataset.cadence_minutes for dataset in datasets.values()})
    return {_cadence_tag(minutes): latest_tick(minutes, at).strftime("%Y-%m-%dT%H:%M") for minutes in cadences}


def complete_cadence_tags(datasets: Mapping[str, Dataset], names: Collection[str], at: datetime) -> dict[str, str]:
    """The tags of the cadences whose datasets are all in ``names``; the others are still due at their tick."""
    partial = {dataset.cadence_minutes for name, dataset in datasets.items() if name not in names}
    complete = {name: dataset for name, dataset in datasets.items() if dataset.cadence_minutes not in partial}
    return cadence_tags(complete, at)


def _cadence_tag(minutes: int) -> str:
    return f"smsonline/tick_of_{minutes}_minutes"


def active_runs(instance: dg.DagsterInstance, job: str) -> Sequence[dg.DagsterRun]:
    """The runs of the job that are queued or in progress."""
    recent = datetime.now(UTC) - MAX_ACTIVE
    return instance.get_runs(dg.RunsFilter(job_name=job, statuses=ACTIVE, created_after=recent))


@dg.definitions
def dataset_schedules() -> dg.Definitions:
    """The schedule of the configured datasets."""
    return dg.Definitions(schedules=[sync_schedule(configured_datasets(load_settings()))])
