"""The Dagster code location. Loading it needs no account, no network and no warehouse file."""

from __future__ import annotations

import dagster as dg

from assets.dagster_assets import dataset_asset
from assets.dagster_checks import dataset_checks
from pipelines.calling import catalogue
from pipelines.jobs import all_jobs
from pipelines.resources import SmsOnline
from pipelines.retention import clean_up
from pipelines.schedules import all_schedules, first_load
from pipelines.settings import Settings, load_settings
from pipelines.wiring import declared


def definitions(settings: Settings) -> dg.Definitions:
    """Everything Dagster knows, with the overrides of ``settings``. Raises ``SettingsError`` for a wrong override."""
    datasets, endpoints = declared(settings), catalogue(settings)
    return dg.Definitions(
        assets=[dataset_asset(dataset, endpoints[dataset.endpoint]) for dataset in datasets.values()],
        asset_checks=[dataset_checks(dataset) for dataset in datasets.values()],
        jobs=[*all_jobs(datasets), clean_up],
        schedules=all_schedules(datasets),
        sensors=[first_load(datasets)],
        resources={"smsonline": SmsOnline()},
        executor=dg.in_process_executor,
    )


defs = definitions(load_settings())
