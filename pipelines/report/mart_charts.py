"""The report's chart of a mart as a PNG, for the mart's page in Dagster."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import duckdb

from pipelines.report.data import ReportData, query_report_data
from pipelines.report.model import Section
from pipelines.report.render_chart import render_png
from pipelines.report.sections.balances import balances
from pipelines.report.sections.best_value import best_value
from pipelines.report.sections.daily_rates import daily_rates
from pipelines.report.sections.heat_map import heat_map
from pipelines.report.sections.movers import movers
from pipelines.report.sections.topups import topups
from pipelines.report.sections.vendor_claims import vendor_claims

# Per mart the section that draws it, and how the chart's key begins: of several charts the first is the mart's.
CHARTS: Mapping[str, tuple[Callable[[ReportData], Section], str]] = {
    "success_rates": (heat_map, "heat"),
    "success_rates_daily": (daily_rates, "daily-"),
    "success_rate_movers": (movers, "movers"),
    "best_value": (best_value, "best"),
    "vendor_vs_observed": (vendor_claims, "claims"),
    "spend_daily": (balances, "spend-"),
    "balance_runway": (balances, "balance-"),
    "topups": (topups, "topups-"),
}


def mart_chart(mart: str, connection: duckdb.DuckDBPyConnection) -> bytes | None:
    """PNG of the chart of ``mart``; None when it has none or nothing to show.

    From here on ``connection`` takes the time of the call for the present.
    """
    if mart not in CHARTS:
        return None
    section, prefix = CHARTS[mart]
    figures = section(query_report_data(connection, datetime.now(UTC))).figures
    charts = (chart for figure in figures for chart in figure.charts if chart.key.startswith(prefix))
    chart = next(charts, None)
    return render_png(chart) if chart else None
