"""The sensors of datasets and marts. Those of the top-ups are in ``topup_sensors``."""

from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg

from assets.dagster.dataset_assets import asset_key
from assets.dagster.mart_assets import MIN_INTERVAL_SECONDS, SCHEMA
from assets.datasets import Dataset
from pipelines.bootstrap import configured_datasets
from pipelines.defs.jobs import SYNC_JOB
from pipelines.defs.schedules import cadence_tags, request_sync
from pipelines.settings import load_settings

marts_follow_data = dg.AutomationConditionSensorDefinition(
    "marts_follow_data",
    target=dg.AssetSelection.groups(SCHEMA),
    minimum_interval_seconds=MIN_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Refreshes the marts when the data that they read changed, and the report every six hours.",
)


def initial_load_sensor(datasets: Mapping[str, Dataset]) -> dg.SensorDefinition:
    """Requests datasets that were never loaded, at most once an hour: nobody waits for the first tick."""

    @dg.sensor(
        name="initial_load",
        job_name=SYNC_JOB,
        minimum_interval_seconds=600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Syncs at once what was never loaded.",
    )
    def initial_load(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        instance, now = context.instance, datetime.now(UTC)
        missing = [name for name in datasets if instance.get_latest_materialization_event(asset_key(name)) is None]
        if not missing:
            return dg.SkipReason("every dataset was loaded before")
        return request_sync(instance, missing, cadence_tags(datasets, now), run_key=now.strftime("%Y-%m-%dT%H"))

    return initial_load


@dg.definitions
def dataset_and_mart_sensors() -> dg.Definitions:
    """The sensors of the configured datasets and of the marts."""
    return dg.Definitions(sensors=[initial_load_sensor(configured_datasets(load_settings())), marts_follow_data])
