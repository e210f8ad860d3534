"""The report as a Dagster asset: the page beside the warehouse, and its main charts in the metadata."""

# No postponed annotations here: Dagster reads the parameters' types.

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.dagster.charts import chart_metadata
from assets.dagster.dataset_assets import POOL, WarehouseReader
from assets.dagster.mart_assets import SCHEMA, mart_key
from pipelines.settings import load_settings
from warehouse.schema.mart_views import marts

SHOWN_CHARTS = ("heat", "best", "movers", "claims", "balance-1")
CRON = "40 */6 * * *"
_MARTS_EXIST = ~dg.AutomationCondition.any_deps_missing()
# By the clock: after each change of a mart it would be drawn every few minutes.
_DUE = dg.AutomationCondition.cron_tick_passed(CRON) & _MARTS_EXIST
_FIRST = (dg.AutomationCondition.missing() & _MARTS_EXIST).newly_true()


@dg.asset(
    key="report",
    deps=[mart_key(name) for name in marts()],
    group_name=SCHEMA,
    description="`report.html` beside the warehouse: one page with charts and tables of every mart.",
    kinds={"html", "duckdb"},
    pool=POOL,
    automation_condition=(_DUE | _FIRST) & ~dg.AutomationCondition.in_progress(),
)
def report(
    context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[WarehouseReader]
) -> dg.MaterializeResult[Any]:
    """Reads the marts, closes the file and draws. Raises ``dagster.Failure`` when the page cannot be written."""
    # The drawing libraries cost 200 MB of memory and a second to import: only a run that draws imports them.
    from pipelines.report.build import build_report, report_charts
    from pipelines.report.data import query_report_data
    from pipelines.report.render_chart import render_png
    from pipelines.report.render_html import render_html
    from pipelines.report.write import PageNotWritable, default_page_path, write_page
    from pipelines.topups.state import read_topup_state

    began, settings = time.perf_counter(), load_settings()
    with warehouse.read() as connection:
        data = query_report_data(connection, datetime.now(UTC))
    contents = build_report(replace(data, topups=read_topup_state(settings)))
    page, path = render_html(contents), default_page_path(settings.warehouse)
    try:
        write_page(page, path)
    except PageNotWritable as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    charts = {
        chart.key: chart_metadata(context.instance, context.run.run_id, chart.key, render_png(chart))
        for chart in report_charts(contents)
        if chart.key in SHOWN_CHARTS
    }
    figures = {"bytes": len(page.encode()), "seconds": round(time.perf_counter() - began, 3)}
    return dg.MaterializeResult(metadata={"page": dg.MetadataValue.path(str(path.absolute())), **figures, **charts})
