"""The Dagster code location. Loading it needs no account, no network and no warehouse file."""

from __future__ import annotations

import dagster as dg

from assets.dagster_assets import dataset_asset
from assets.dagster_checks import dataset_checks
from assets.dagster_marts import mart_assets, mart_checks, mart_sensor
from pipelines.bootstrap import configured_datasets, configured_endpoints
from pipelines.jobs import all_jobs
from pipelines.report_asset import report
from pipelines.resources import SmsOnline
from pipelines.retention import clean_up
from pipelines.schedules import all_schedules, first_load
from pipelines.settings import Settings, load_settings
from pipelines.topup.assets import ledger_in_sql
from pipelines.topup.checks import check_events, check_payments
from pipelines.topup.jobs import topup_create_job, topup_reconcile_job
from pipelines.topup.resource import TopUps
from pipelines.topup.sensor import low_balance, topup_reconcile


def definitions(settings: Settings) -> dg.Definitions:
    """Everything Dagster knows, with the overrides of ``settings``. Raises ``SettingsError`` for a wrong override."""
    datasets, endpoints = configured_datasets(settings), configured_endpoints(settings)
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
