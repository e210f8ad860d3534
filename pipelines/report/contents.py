"""What stands on the page, in its order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.report.facts import Facts
from pipelines.report.figures import Chart, Report, Section
from pipelines.report.reasons import SYNC
from pipelines.report.sections.best import best
from pipelines.report.sections.claims import claims
from pipelines.report.sections.daily import daily
from pipelines.report.sections.freshness import freshness
from pipelines.report.sections.headline import tiles
from pipelines.report.sections.heat import heat
from pipelines.report.sections.money import money
from pipelines.report.sections.movers import movers
from pipelines.report.sections.topups import topups
from pipelines.report.wording import age, instant

SECTIONS: Sequence[Callable[[Facts], Section]] = (heat, daily, best, movers, claims, money, topups, freshness)


def report_of(facts: Facts) -> Report:
    """The whole page; only a hint at what to run first where there is nothing to tell."""
    made_at = f"{instant(facts.now)} UTC"
    if facts.problem:
        return Report(made_at, "no data yet", problem=facts.problem, command=SYNC)
    newest = max(row["last_at"] for row in facts.of("loads"))
    sections = [section(facts) for section in SECTIONS]
    return Report(made_at, f"newest data {age(newest, facts.now)}", tiles(facts), sections)


def charts_of(report: Report) -> list[Chart]:
    """Every chart of the page, in its order."""
    return [chart for section in report.sections for figure in section.figures for chart in figure.charts]
