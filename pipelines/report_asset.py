"""The report as a Dagster asset: the page beside the warehouse, and its most telling pictures in the metadata."""

# No postponed annotations here: Dagster reads the parameters' types.

import base64
import time
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.dagster_assets import POOL, Account
from assets.dagster_marts import SCHEMA, mart_key
from pipelines.report.model import Chart
from pipelines.settings import load_settings
from warehouse.mart_views import marts

# What the run's record keeps of each page, so few and small.
PICTURES = ("heat", "best", "movers", "claims", "balance-1")
EVERY = "40 */6 * * *"


@dg.asset(
    key="report",
    deps=[mart_key(name) for name in marts()],
    group_name=SCHEMA,
    description="`report.html` beside the warehouse: one page with charts and tables of every mart.",
    kinds={"html", "duckdb"},
    pool=POOL,
    # By the clock: after each of the marts' own changes it would be drawn every two minutes.
    automation_condition=dg.AutomationCondition.cron_tick_passed(EVERY) & ~dg.AutomationCondition.in_progress(),
)
def report(smsonline: dg.ResourceParam[Account]) -> dg.MaterializeResult[Any]:
    """Reads the marts for about a second, draws after the file is closed again. Raises ``dagster.Failure``."""
    # Drawing costs 200 MB of memory and a second to import: only in the run that draws.
    from pipelines.report.build import build_report, report_charts
    from pipelines.report.data import query_report_data
    from pipelines.report.render_html import render_html
    from pipelines.report.write import PageNotWritable, default_page_path, write_page

    began = time.perf_counter()
    with smsonline.reading() as connection:
        facts = query_report_data(connection, datetime.now(UTC))
    contents = build_report(facts)
    page, path = render_html(contents), default_page_path(load_settings().warehouse)
    try:
        write_page(page, path)
    except PageNotWritable as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    pictures = {chart.key: _picture(chart) for chart in report_charts(contents) if chart.key in PICTURES}
    figures = {"bytes": len(page.encode()), "seconds": round(time.perf_counter() - began, 3)}
    return dg.MaterializeResult(metadata={"page": dg.MetadataValue.path(str(path.absolute())), **figures, **pictures})


def _picture(chart: Chart) -> dg.MetadataValue:
    from pipelines.report.render_chart import render_png

    encoded = base64.b64encode(render_png(chart)).decode()
    # The title is ours; the description holds the vendor's names, which Markdown would take for Markdown.
    return dg.MetadataValue.md(f"![{chart.title}](data:image/png;base64,{encoded})")
