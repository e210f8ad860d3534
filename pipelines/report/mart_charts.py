"""The report's chart of a mart as a PNG, for the mart's page in Dagster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import duckdb

from pipelines.report.drawing import png_of
from pipelines.report.facts import Facts, facts_from
from pipelines.report.figures import Section
from pipelines.report.sections.best import best
from pipelines.report.sections.claims import claims
from pipelines.report.sections.daily import daily
from pipelines.report.sections.heat import heat
from pipelines.report.sections.money import money
from pipelines.report.sections.movers import movers
from pipelines.report.sections.topups import topups

# Per mart the section that draws it, and how the chart's key begins: of several charts the first is the mart's.
CHARTS: Mapping[str, tuple[Callable[[Facts], Section], str]] = {
    "success_rates": (heat, "heat"),
    "success_rates_daily": (daily, "daily-"),
    "success_rate_movers": (movers, "movers"),
    "best_value": (best, "best"),
    "vendor_vs_observed": (claims, "claims"),
    "spend_daily": (money, "spend-"),
    "balance_runway": (money, "balance-"),
    "topups": (topups, "topups-"),
}


def mart_chart(mart: str, connection: duckdb.DuckDBPyConnection) -> bytes | None:
    """PNG of the chart of ``mart``; None when it has none or nothing to show.

    From here on ``connection`` takes the time of the call for the present.
    """
    if mart not in CHARTS:
        return None
    section, prefix = CHARTS[mart]
    figures = section(facts_from(connection, datetime.now(UTC))).figures
    charts = (chart for figure in figures for chart in figure.charts if chart.key.startswith(prefix))
    chart = next(charts, None)
    return png_of(chart) if chart else None
