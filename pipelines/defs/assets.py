"""The assets of datasets and marts, made from the settings in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from assets.dagster.dataset_assets import dataset_asset
from assets.dagster.mart_assets import mart_assets
from pipelines.bootstrap import configured_datasets, configured_endpoints
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dg.definitions
def dataset_and_mart_assets() -> dg.Definitions:
    """Raises ``SettingsError`` for an override of a dataset or an endpoint that does not fit."""
    settings = load_settings()
    datasets, endpoints = configured_datasets(settings), configured_endpoints(settings)
    synced = [dataset_asset(dataset, endpoints[dataset.endpoint]) for dataset in datasets.values()]
    return dg.Definitions([*synced, *mart_assets([dataset.table for dataset in datasets.values()], draw_chart)])


def draw_chart(mart: str, connection: DuckDBPyConnection) -> bytes | None:
    """The report's chart of ``mart``. The drawing library takes a second to import: only a run does it."""
    from pipelines.report.mart_charts import mart_chart

    return mart_chart(mart, connection)
