"""The vendor's success rates, country by service, as a heat map."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

import altair as alt

from pipelines.report import charts
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import NOT_AVAILABLE, join_labels, percent, plural, short_count
from pipelines.report.model import Cell, Chart, Figure, Legend, ReportTable, Section, Spec

WIDE, NARROW = 1000, 328
NARROW_SERVICES = 7
# Lower ends of the colours heat-1 to heat-6 of the style sheet.
COLOUR_EDGES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SECTION = Section(
    "heat",
    "Success rates",
    "The vendor's success rate: the share of orders that received a message, by country and service, over all "
    "carriers. Those that you order come first, then those with the most attempts.",
)


def heat_map(data: ReportData) -> Section:
    """Vendor rates as a heat map; on a phone with the first services only."""
    rows = data.rows("heat_map")
    if not any(row["rate"] is not None for row in rows):
        return empty_section(SECTION, data, "heat_map", "statistics", "The vendor currently lists no success rate.")
    squares = _squares(rows)
    chart = Chart(
        "heat",
        "Vendor success rate by country and service, in percent",
        _extremes(rows),
        _draw(squares, WIDE, service_angle=0),
        _draw([s for s in squares if s["service_rank"] <= NARROW_SERVICES], NARROW, service_angle=-55),
    )
    figure = Figure([chart], _table(squares), legend=_legend(), note=_shown(squares, rows[0]))
    return replace(SECTION, figures=[figure], source=provenance(data, "statistics"))


def _squares(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The chart's values, one per pair."""
    countries, services = _unique_names(rows, "country"), _unique_names(rows, "service")
    return [
        {
            "country": countries[row["country_code"]],
            "service": services[row["service_code"]],
            "country_rank": row["country_rank"],
            "service_rank": row["service_rank"],
            "rate": row["rate"],
            "attempts": row["attempts"],
            "text": "" if row["rate"] is None else f"{100 * row['rate']:.0f}",
            "fill": f"var(--heat-{_colour(row['rate'])})",
            "ink": f"var(--heat-ink-{_colour(row['rate'])})",
        }
        for row in rows
    ]


def _colour(rate: float | None) -> str:
    return "none" if rate is None else str(bisect_right(COLOUR_EDGES, rate))


def _unique_names(rows: Sequence[Row], kind: str) -> dict[str, str]:
    """Name by code; names that several codes share get the code, as they would share a square."""
    names = {row[f"{kind}_code"]: row[kind] for row in rows}
    counted = list(names.values())
    return {code: f"{name} ({code})" if counted.count(name) > 1 else name for code, name in names.items()}


def _draw(squares: charts.Values, width: int, *, service_angle: int) -> Spec:
    """A square with its number per country and service; ``service_angle`` turns the services' names, in degrees."""
    scale = alt.Scale(padding=0.08)
    top = alt.Axis(
        orient="top", labelAngle=service_angle, labelColor=charts.INK, labelLimit=90, grid=False, labelOverlap=False
    )
    left = alt.Axis(labelColor=charts.INK, labelLimit=110, grid=False)
    cell = alt.Chart().encode(
        x=alt.X("service:N", sort=alt.SortField("service_rank"), scale=scale, axis=top),
        y=alt.Y("country:N", sort=alt.SortField("country_rank"), scale=scale, axis=left),
    )
    square = cell.mark_rect(cornerRadius=3).encode(color=charts.colour())
    number = cell.mark_text(fontSize=12).encode(text="text:N", color=charts.colour("ink"))
    return charts.to_spec([square, number], squares, height=alt.Step(34), width=width)


def _extremes(rows: Sequence[Row]) -> str:
    rated = sorted((row for row in rows if row["rate"] is not None), key=lambda row: row["rate"])
    names = [f"{join_labels(row['service'], row['country'])} with {percent(row['rate'])}" for row in rated]
    return f"{plural(len(rated), 'rate')}. Highest: {names[-1]}. Lowest: {names[0]}."


def _legend() -> list[Legend]:
    edges = [f"{edge:.0%}" for edge in COLOUR_EDGES]
    ranges = [f"below {edges[0]}", *(f"{low} to {high}" for low, high in pairwise(edges)), f"{edges[-1]} and more"]
    return [Legend(f"heat-{n}", text) for n, text in enumerate(ranges)]


def _table(squares: Sequence[dict[str, Any]]) -> ReportTable:
    services = [square["service"] for square in squares if square["country_rank"] == 1]
    rows = [
        [country, *(_rate_cell(square) for square in line)]
        for country, line in groupby(squares, key=lambda square: square["country"])
    ]
    return ReportTable("Vendor success rate; number of attempts in the second line", ["Country", *services], rows)


def _rate_cell(square: dict[str, Any]) -> Cell | str:
    return NOT_AVAILABLE if square["rate"] is None else Cell(percent(square["rate"]), short_count(square["attempts"]))


def _shown(squares: Sequence[dict[str, Any]], first: Row) -> str:
    countries, services = (len({square[name] for square in squares}) for name in ("country", "service"))
    return (
        f"Shown: {countries} of {plural(first['countries'], 'country', 'countries')}, {services} of "
        f"{plural(first['services'], 'service')}. All combinations and carriers: marts.success_rates."
    )
