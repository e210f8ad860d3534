"""When what runs: a schedule per cadence, one for checks, one for cleaning, and a sensor for the very first load.

None of them calls the vendor or opens the warehouse; they only look at Dagster's own records.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.dagster.dataset_assets import asset_key
from assets.declaration import Dataset
from pipelines.defs.jobs import CHECK_ALL, SYNC_ALL, Cadence, cadences
from pipelines.defs.maintenance import clean_up
from pipelines.settings import SettingsError

HOUR, DAY, WEEK = 60, 1440, 10080
# A run that a dead daemon left behind unsubmitted must not stop all later ones; one too many does no harm.
LONGEST_WAIT = timedelta(hours=1)
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def cron_of(cadence: Cadence) -> str:
    """The cron string, UTC. Raises ``SettingsError`` for a cadence whose ticks cron cannot space evenly."""
    minutes = cadence.minutes
    if HOUR % minutes == 0:
        return "0 * * * *" if minutes == HOUR else f"*/{minutes} * * * *"
    if DAY % minutes == 0 and minutes % HOUR == 0:
        return "0 0 * * *" if minutes == DAY else f"0 */{minutes // HOUR} * * *"
    if minutes == WEEK:
        return "0 0 * * 0"
    raise SettingsError(
        f"[datasets.{cadence.datasets[0]}] cadence_minutes = {minutes}: a schedule needs a divisor of 60, "
        "whole hours that divide 24, or 10080 (a week)"
    )


def all_schedules(datasets: Mapping[str, Dataset]) -> list[dg.ScheduleDefinition]:
    """One schedule per cadence, and those for checks and cleaning, all on. Raises ``SettingsError`` as ``cron_of``."""
    of_cadences = [_schedule(each.name, each.job, cron_of(each)) for each in cadences(datasets)]
    cleaning = _schedule("daily_cleaning", clean_up.name, "20 3 * * *")
    return [*of_cadences, _schedule("hourly_checks", CHECK_ALL, "30 * * * *"), cleaning]


def first_load(datasets: Mapping[str, Dataset]) -> dg.SensorDefinition:
    """Asks for datasets that were never loaded, at most once an hour: a daily one must not wait for midnight."""

    @dg.sensor(
        name="first_load",
        job_name=SYNC_ALL,
        minimum_interval_seconds=600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Loads at once what was never loaded.",
    )
    def ask(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason | dg.RunRequest:
        keys = [asset_key(name) for name in datasets]
        missing = [key for key in keys if context.instance.get_latest_materialization_event(key) is None]
        if not missing:
            return dg.SkipReason("every dataset was loaded before")
        if unfinished(context.instance, SYNC_ALL):
            return dg.SkipReason(f"{SYNC_ALL} is under way")
        hour = datetime.now(UTC).strftime("%Y-%m-%dT%H")
        return dg.RunRequest(run_key=hour, asset_selection=missing)

    return ask


def _schedule(name: str, job: str, cron: str) -> dg.ScheduleDefinition:
    @dg.schedule(name=name, job_name=job, cron_schedule=cron, default_status=dg.DefaultScheduleStatus.RUNNING)
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if unfinished(context.instance, job):
            return dg.SkipReason(f"the previous run of {job} has not ended")
        return dg.RunRequest()

    return tick


def unfinished(instance: dg.DagsterInstance, job: str) -> bool:
    """Whether a run of the job waits or goes on, unless it was left behind."""
    lately = datetime.now(UTC) - LONGEST_WAIT
    wanted = dg.RunsFilter(job_name=job, statuses=UNFINISHED, created_after=lately)
    return bool(instance.get_runs(wanted, limit=1))
