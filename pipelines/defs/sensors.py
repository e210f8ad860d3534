"""The sensor that runs the marts and the report when their automation conditions hold."""

from __future__ import annotations

import dagster as dg

from assets.dagster.mart_assets import MIN_INTERVAL_SECONDS, SCHEMA

marts_follow_data = dg.AutomationConditionSensorDefinition(
    "marts_follow_data",
    target=dg.AssetSelection.groups(SCHEMA),
    minimum_interval_seconds=MIN_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Refreshes the marts when the data that they read changed, and the report every six hours.",
)
