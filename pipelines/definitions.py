"""The Dagster code location. Loading it needs no account, no network and no warehouse file."""

from __future__ import annotations

import dagster as dg

from assets.dagster.dataset_assets import dataset_asset
from assets.dagster.check_results import dataset_checks
from assets.dagster.mart_assets import mart_assets, mart_checks, mart_sensor
from pipelines.calling import catalogue, declared
from pipelines.defs.jobs import all_jobs
from pipelines.defs.report_asset import report
from pipelines.defs.resources import SmsOnline
from pipelines.defs.maintenance import clean_up
from pipelines.defs.schedules import all_schedules, first_load
from pipelines.settings import Settings, load_settings
from pipelines.defs.topup_assets import ledger_in_sql
from pipelines.defs.topup_checks import check_events, check_payments
from pipelines.defs.topup_jobs import topup_create_job, topup_reconcile_job
from pipelines.defs.topup_resource import TopUps
from pipelines.defs.topup_sensors import low_balance, topup_reconcile


def definitions(settings: Settings) -> dg.Definitions:
    """Everything Dagster knows, with the overrides of ``settings``. Raises ``SettingsError`` for a wrong override."""
    datasets, endpoints = declared(settings), catalogue(settings)
    tables = [dataset.table for dataset in datasets.values()]
    pulled = [dataset_asset(dataset, endpoints[dataset.endpoint]) for dataset in datasets.values()]
    return dg.Definitions(
        assets=[*pulled, *mart_assets(tables), ledger_in_sql, report],
        asset_checks=[*map(dataset_checks, datasets.values()), *mart_checks(tables), check_payments, check_events],
        jobs=[*all_jobs(datasets), clean_up, topup_create_job, topup_reconcile_job],
        schedules=[*all_schedules(datasets), topup_reconcile],
        sensors=[first_load(datasets), mart_sensor(), low_balance],
        resources={"smsonline": SmsOnline(), "topups": TopUps()},
        executor=dg.in_process_executor,
    )


defs = definitions(load_settings())
