"""Where the vendor claims to deliver: country by service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

from pipelines.report import charts, charts_market
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import NOTHING, join_labels, percent, plural, short_count
from pipelines.report.model import Cell, Chart, Figure, Legend, Section, Table

PHONE_SERVICES = 7
SECTION = Section(
    "heat",
    "Where it delivers",
    "The vendor's claimed success rate: the share of orders that received their message, over all carriers. What you "
    "order yourself comes first, then what is busiest.",
)


def heat_map(facts: ReportData) -> Section:
    """Claimed rate, country by service."""
    rows = facts.rows("heat_map")
    if not any(row["rate"] is not None for row in rows):
        return empty_section(SECTION, facts, "heat_map", "statistics", "The vendor lists no success rate at present.")
    squares = _squares(rows)
    phone = [square for square in squares if square["service_rank"] <= PHONE_SERVICES]
    chart = Chart(
        "heat",
        "Claimed success rate by country and service, in percent",
        _extremes(rows),
        charts_market.heat_map(squares, charts.FULL, angle=0),
        charts_market.heat_map(phone, charts.NARROW, angle=-55),
    )
    figure = Figure([chart], _matrix(squares), legend=_steps(), note=_shown(squares, rows[0]))
    return replace(SECTION, figures=[figure], source=provenance(facts, "statistics"))


def _squares(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The chart's values. Two codes of one name would share a square: their names get the code."""
    names = {kind: _names(rows, kind) for kind in ("country", "service")}
    return [
        {
            "country": names["country"][row["country_code"]],
            "service": names["service"][row["service_code"]],
            "country_rank": row["country_rank"],
            "service_rank": row["service_rank"],
            "rate": row["rate"],
            "attempts": row["attempts"],
            "text": "" if row["rate"] is None else f"{100 * row['rate']:.0f}",
            "fill": f"var(--heat-{charts.heat_step(row['rate'])})",
            "ink": f"var(--heat-ink-{charts.heat_step(row['rate'])})",
        }
        for row in rows
    ]


def _names(rows: Sequence[Row], kind: str) -> dict[str, str]:
    named = {row[f"{kind}_code"]: row[kind] for row in rows}
    taken = list(named.values())
    return {code: f"{name} ({code})" if taken.count(name) > 1 else name for code, name in named.items()}


def _extremes(rows: Sequence[Row]) -> str:
    rated = sorted((row for row in rows if row["rate"] is not None), key=lambda row: row["rate"])
    low, high = rated[0], rated[-1]
    return (
        f"{plural(len(rated), 'rate')}. "
        f"Highest: {join_labels(high['service'], high['country'])} with {percent(high['rate'])}. "
        f"Lowest: {join_labels(low['service'], low['country'])} with {percent(low['rate'])}."
    )


def _steps() -> list[Legend]:
    edges = [f"{edge:.0%}" for edge in charts.HEAT_FROM]
    texts = [f"below {edges[0]}", *(f"{low} to {high}" for low, high in pairwise(edges))]
    texts.append(f"{edges[-1]} and more")
    return [Legend(f"heat-{n}", text) for n, text in enumerate(texts)]


def _matrix(squares: Sequence[dict[str, Any]]) -> Table:
    services = [square["service"] for square in squares if square["country_rank"] == 1]
    rows = [
        [country, *(_rate_cell(square) for square in line)]
        for country, line in groupby(squares, key=lambda square: square["country"])
    ]
    caption = "Claimed success rate, and below it the attempts that the claim rests on"
    return Table(caption, ["Country", *services], rows)


def _rate_cell(square: dict[str, Any]) -> Cell | str:
    return NOTHING if square["rate"] is None else Cell(percent(square["rate"]), short_count(square["attempts"]))


def _shown(squares: Sequence[dict[str, Any]], first: Row) -> str:
    countries, services = (len({square[name] for square in squares}) for name in ("country", "service"))
    return (
        f"Shown: {countries} of {plural(first['countries'], 'country', 'countries')}, {services} of "
        f"{plural(first['services'], 'service')}. Every combination and carrier stands in marts.success_rates."
    )
