"""How the claimed rates moved, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from math import ceil, floor
from typing import Any

from pipelines.report import charts_market
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import count, country_carrier, join_labels, percent
from pipelines.report.model import Chart, Figure, Legend, Section, Table

PANEL = 328
SECTION = Section(
    "daily",
    "How it moved",
    "The claimed rate per UTC day, weighted by the time each claim was in force, of the six combinations that you "
    "order most; then of the busiest.",
    layout="panels",
)


def daily_rates(facts: ReportData) -> Section:
    """Claimed rate over time, a small chart per combination, all on the same scale."""
    rows = facts.rows("daily_rates")
    if not rows:
        return empty_section(SECTION, facts, "daily_rates", "statistics", "No day has a rate yet.")
    scale = _scale(rows)
    figures = [_combination(list(days), scale) for _, days in groupby(rows, key=lambda row: row["place"])]
    legend = [
        Legend("line accent", "mean rate of the day"),
        Legend("band accent", "95 % interval from the attempts"),
        Legend("rule muted", "lowest to highest claim of the day"),
    ]
    return replace(SECTION, figures=figures, legend=legend, source=provenance(facts, "statistics"))


def _scale(rows: Sequence[Row]) -> tuple[float, float]:
    """Whole tenths around everything that is drawn."""
    names = ("rate", "low", "high", "lowest_rate", "highest_rate")
    drawn = [row[name] for row in rows for name in names if row[name] is not None]
    return floor(min(drawn) * 10) / 10, ceil(max(drawn) * 10) / 10


def _combination(days: Sequence[Row], scale: tuple[float, float]) -> Figure:
    first, last = days[0], days[-1]
    name = join_labels(first["service"], country_carrier(first["country"], first["carrier"]))
    kept = ("rate", "low", "high", "lowest_rate", "highest_rate")
    values = [{"at": _midnight(d["day"]), "last": d is last, **{k: d[k] for k in kept}} for d in days]
    chart = Chart(
        f"daily-{first['place']}",
        f"{name}: claimed success rate per day",
        f"{percent(first['rate'])} on {first['day']}, {percent(last['rate'])} on {last['day']}.",
        charts_market.daily_rate(values, PANEL, *scale),
    )
    rows = [
        [
            str(d["day"]),
            percent(d["rate"]),
            f"{percent(d['low'])} to {percent(d['high'])}",
            f"{percent(d['lowest_rate'])} to {percent(d['highest_rate'])}",
            count(d["attempts"]),
        ]
        for d in reversed(days)
    ]
    columns = ["Day (UTC)", "Mean", "95 % interval", "Lowest to highest", "Attempts"]
    return Figure([chart], Table(f"{name}, per day", columns, rows), title=name, value=percent(last["rate"]))


def _midnight(day: Any) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()
