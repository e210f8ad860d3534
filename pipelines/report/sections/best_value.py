"""What one delivered message costs, where it is cheapest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipelines.report import charts, charts_market
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import count, country_carrier, join_labels, percent, plural, price, unit_price
from pipelines.report.model import Cell, Chart, Figure, Legend, Line, Section, Table

SECTION = Section(
    "best",
    "Best value",
    "What one delivered message costs where it is cheapest: the price divided by the claimed success rate. The "
    "cautious figure divides by the lower end of the claim's 95 % interval: a claim from few attempts counts for less.",
    half=True,
)


def best_value(facts: ReportData) -> Section:
    """The cheapest offer of each service as a chart, the three cheapest as a table."""
    rows = facts.rows("best_value")
    if not rows:
        otherwise = "No combination has a price, stock and a success rate above zero at present."
        return empty_section(SECTION, facts, "best_value", "services statistics", otherwise)
    first = sorted((row for row in rows if row["rank"] == 1), key=lambda row: row["expected_cents_per_success"])
    values = [
        {
            "row": n,
            "label": join_labels(row["service"], country_carrier(row["country"], row["carrier"])),
            "value": unit_price(row["expected_cents_per_success"]),
            "expected": row["expected_cents_per_success"],
            # Without attempts there is no cautious figure.
            "cautious": row["cautious_cents_per_success"] or row["expected_cents_per_success"],
        }
        for n, row in enumerate(first)
    ]
    chart = Chart(
        "best",
        "Cost of one delivered message, the best offer per service",
        f"From {values[0]['value']} ({values[0]['label']}) to {values[-1]['value']} ({values[-1]['label']}).",
        charts_market.costs(values, charts.HALF),
        charts_market.costs(values, charts.NARROW),
    )
    legend = [Legend("bar accent", "expected"), Legend("bar soft", "cautious")]
    note = f"Shown: {len(first)} of {plural(rows[0]['services'], 'service')}. All offers stand in marts.best_value."
    figure = Figure([chart], _offers(rows), legend=legend, note=note)
    return replace(SECTION, figures=[figure], source=provenance(facts, "statistics", "services"))


def _offers(rows: Sequence[Row]) -> Table:
    columns = ["Offer", "Per delivered, cautious", "Price", "Rate, attempts", "Stock"]
    lines: list[Line] = [
        [
            Cell(row["service"], country_carrier(row["country"], row["carrier"])),
            Cell(unit_price(row["expected_cents_per_success"]), unit_price(row["cautious_cents_per_success"])),
            price(row["price_cents"]),
            Cell(percent(row["success_rate"]), count(row["attempts"])),
            count(row["stock"]),
        ]
        for row in rows
    ]
    caption = "The three cheapest offers of each service; cautious cost and attempts in the second line"
    return Table(caption, columns, lines)
