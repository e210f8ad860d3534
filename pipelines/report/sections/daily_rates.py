"""The vendor's success rates per day, one small chart per combination."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from itertools import groupby
from math import ceil, floor

import altair as alt

from pipelines.report import charts
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import combination_label, count, percent, percent_range
from pipelines.report.model import Chart, Columns, Figure, Legend, Section, Spec, make_table

DRAWN = ("rate", "low", "high", "lowest_rate", "highest_rate")
SECTION = Section(
    "daily",
    "Rates over time",
    "The vendor's success rate per UTC day, weighted by the time that each value was in force, for the six "
    "combinations that you order most, then those with the most attempts.",
    legend=[
        Legend("line accent", "mean rate of the day"),
        Legend("band accent", "95 % interval from the attempts"),
        Legend("rule muted", "lowest to highest rate of the day"),
    ],
    layout="panels",
)


COLUMNS: Columns = {
    "Day (UTC)": lambda row: str(row["day"]),
    "Mean": lambda row: percent(row["rate"]),
    "95 % interval": lambda row: percent_range(row["low"], row["high"]),
    "Lowest to highest": lambda row: percent_range(row["lowest_rate"], row["highest_rate"]),
    "Attempts": lambda row: count(row["attempts"]),
}


def daily_rates(data: ReportData) -> Section:
    """Vendor rate over time, all combinations on the same scale."""
    rows = data.rows("daily_rates")
    if not rows:
        return replace(empty_section(SECTION, data, "daily_rates", "statistics", "No day has a rate yet."), legend=[])
    drawn = [row[name] for row in rows for name in DRAWN if row[name] is not None]
    scale = alt.Scale(domain=[floor(min(drawn) * 10) / 10, ceil(max(drawn) * 10) / 10], nice=False, zero=False)
    combinations = groupby(rows, key=lambda row: row["combination_rank"])
    figures = [_combination(list(days), scale) for _, days in combinations]
    return replace(SECTION, figures=figures, source=provenance(data, "statistics"))


def _combination(days: Sequence[Row], scale: alt.Scale) -> Figure:
    first, last = days[0], days[-1]
    name = combination_label(first)
    chart = Chart(
        f"daily-{first['combination_rank']}",
        f"{name}: vendor success rate per day",
        f"{percent(first['rate'])} on {first['day']}, {percent(last['rate'])} on {last['day']}.",
        _draw(days, scale),
    )
    table = make_table(f"{name}, per day", COLUMNS, reversed(days))
    return Figure([chart], table, title=name, value=percent(last["rate"]))


def _draw(days: Sequence[Row], scale: alt.Scale) -> Spec:
    """The rate per day as a line, its interval as a band, the range of the day as a rule; a ring on the last day."""
    values = [
        {
            "at": charts.utc_text(datetime.combine(day["day"], time(), UTC)),
            "last": day is days[-1],
            **{name: day[name] for name in DRAWN},
        }
        for day in days
    ]
    axis = alt.Axis(format=".0%", tickCount=4)
    rate = alt.Y("rate:Q", axis=axis, scale=scale)
    base = alt.Chart().encode(x=charts.time_axis(len(days)))
    band = base.mark_area(color=charts.ACCENT, opacity=0.22).encode(y=alt.Y("low:Q", axis=axis), y2="high:Q")
    rule = base.mark_rule(color=charts.MUTED, opacity=0.55, strokeWidth=1)
    line = base.mark_line(color=charts.ACCENT, strokeWidth=2, interpolate="monotone").encode(y=rate)
    ring = base.mark_point(color=charts.ACCENT, fill=charts.CARD, filled=False, opacity=1, size=46, strokeWidth=2)
    layers = [
        band,
        rule.encode(y="lowest_rate:Q", y2="highest_rate:Q"),
        line,
        ring.encode(y=rate).transform_filter("datum.last"),
    ]
    return charts.to_spec(layers, values, height=140)
