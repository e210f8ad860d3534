"""The sensors of datasets and marts. Those of the top-ups are in ``topup_sensors``."""

from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg

from assets.dagster.dataset_assets import asset_key
from assets.dagster.mart_assets import MIN_INTERVAL_SECONDS, SCHEMA
from assets.datasets import Dataset
from pipelines.bootstrap import configured_datasets
from pipelines.defs.interrupted_runs import interrupted_syncs
from pipelines.defs.jobs import SYNC_JOB
from pipelines.defs.schedules import complete_cadence_tags, request_sync
from pipelines.settings import SettingsError, load_settings

INITIAL_LOAD_TAG = "smsonline/initial_load"

marts_follow_data = dg.AutomationConditionSensorDefinition(
    "marts_follow_data",
    target=dg.AssetSelection.groups(SCHEMA),
    minimum_interval_seconds=MIN_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Refreshes the marts when the data that they read changed, and the report every six hours.",
)


def initial_load_sensor(datasets: Mapping[str, Dataset]) -> dg.SensorDefinition:
    """Requests datasets that were never loaded, at most once an hour: nobody waits for the first tick.

    What was loaded is read from the published copy of the warehouse. Dagster's own records may be those of another.
    """

    @dg.sensor(
        name="initial_load",
        job_name=SYNC_JOB,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Syncs at once what was never loaded into this warehouse.",
    )
    def initial_load(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from warehouse.errors import WarehouseError
        from warehouse.status import read_loaded_datasets  # imports DuckDB

        instance, now, settings = context.instance, datetime.now(UTC), load_settings()
        try:
            account_id = settings.account.user_id
            warehouse_id, loaded = read_loaded_datasets(settings.warehouse, account_id)
        except (SettingsError, WarehouseError) as error:
            return dg.SkipReason(str(error))
        missing = [name for name in datasets if name not in loaded]
        if not missing:
            return dg.SkipReason("every dataset was loaded before")
        key = f"{warehouse_id}:{account_id}:{now:%Y-%m-%dT%H}"
        if instance.get_runs(dg.RunsFilter(tags={INITIAL_LOAD_TAG: key}), limit=1):
            return dg.SkipReason(f"{', '.join(missing)}: requested in this hour already")
        tags = complete_cadence_tags(datasets, missing, now) | {INITIAL_LOAD_TAG: key}
        return request_sync(instance, missing, tags, run_key=key)

    return initial_load


def interrupted_sync_sensor(datasets: Mapping[str, Dataset]) -> dg.SensorDefinition:
    """Requests the datasets of syncs whose process was killed: the tick that was to load them is past."""

    @dg.sensor(
        name="resume_interrupted_syncs",
        job_name=SYNC_JOB,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Syncs at once what was interrupted because a process or the machine ended.",
    )
    def resume_interrupted_syncs(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        runs = interrupted_syncs(context.instance, context.cursor)
        if not runs:
            return dg.SkipReason("no sync was interrupted")
        is_everything = any(run.asset_selection is None for run in runs)
        keys = {key for run in runs for key in run.asset_selection or ()}
        names = [name for name in datasets if is_everything or asset_key(name) in keys]
        tags = complete_cadence_tags(datasets, names, datetime.now(UTC))
        request = request_sync(context.instance, names, tags, run_key=runs[0].run_id)
        if isinstance(request, dg.RunRequest):
            context.update_cursor(runs[0].run_id)
        return request

    return resume_interrupted_syncs


@dg.definitions
def dataset_and_mart_sensors() -> dg.Definitions:
    """The sensors of the configured datasets and of the marts."""
    datasets = configured_datasets(load_settings())
    return dg.Definitions(sensors=[initial_load_sensor(datasets), interrupted_sync_sensor(datasets), marts_follow_data])
