"""The page from its data: all sections in their order."""

from collections.abc import Callable, Sequence

from pipelines.report.data import ReportData
from pipelines.report.empty_state import SYNC
from pipelines.report.formatting import age, timestamp
from pipelines.report.model import Chart, Report, Section
from pipelines.report.sections.balances import balances
from pipelines.report.sections.best_value import best_value
from pipelines.report.sections.daily_rates import daily_rates
from pipelines.report.sections.freshness import freshness
from pipelines.report.sections.headline import headline_tiles
from pipelines.report.sections.heat_map import heat_map
from pipelines.report.sections.movers import movers
from pipelines.report.sections.topups import topups
from pipelines.report.sections.vendor_claims import vendor_claims

# fmt: off
SECTIONS: Sequence[Callable[[ReportData], Section]] = (
    heat_map, daily_rates, best_value, movers, vendor_claims, balances, topups, freshness,
)
# fmt: on


def build_report(data: ReportData) -> Report:
    """The whole page, or without any data the reason and the command to run first."""
    made_at = f"{timestamp(data.now)} UTC"
    if data.problem:
        return Report(made_at, "no data yet", problem=data.problem, command=SYNC)
    newest = max(row["last_at"] for row in data.rows("loads"))
    sections = [section(data) for section in SECTIONS]
    return Report(made_at, f"newest data {age(newest, data.now)}", headline_tiles(data), sections)


def report_charts(report: Report) -> list[Chart]:
    """All charts of the page in their order."""
    return [chart for section in report.sections for figure in section.figures for chart in figure.charts]
