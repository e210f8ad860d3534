"""Which rates changed most since yesterday."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipelines.report import charts, charts_market
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import (
    count,
    country_carrier,
    join_labels,
    p_value,
    percent,
    percentage_points,
    plural,
    price,
)
from pipelines.report.model import Cell, Chart, Figure, Legend, Line, Section, Table

SURE, UNSURE = 1.0, 0.4
SECTION = Section(
    "movers",
    "Movers since yesterday",
    "Claimed rates that rose and fell most in the 24 hours before the newest answer. A pale bar may be chance.",
    half=True,
)


def movers(facts: ReportData) -> Section:
    """What rose and fell most within a day."""
    rows = facts.rows("movers")
    if not rows:
        return empty_section(SECTION, facts, "movers", "statistics", "No rate differs from what it was 24 hours ago.")
    values = [
        {
            "row": n,
            "label": join_labels(row["service"], country_carrier(row["country"], row["carrier"])),
            "value": percentage_points(row["change"]),
            "change": row["change"],
            "strength": SURE if row["significant"] else UNSURE,
            "fill": charts.GOOD if row["change"] > 0 else charts.BAD,
        }
        for n, row in enumerate(rows)
    ]
    first = rows[0]
    chart = Chart(
        "movers",
        "Change of the claimed success rate within 24 hours, in percentage points",
        f"{first['risen']} rose and {first['fallen']} fell significantly. Top: {values[0]['label']} "
        f"{values[0]['value']}. Bottom: {values[-1]['label']} {values[-1]['value']}.",
        charts_market.changes(values, charts.HALF),
        charts_market.changes(values, charts.NARROW),
    )
    legend = [Legend("bar good", "rose"), Legend("bar bad", "fell"), Legend("bar faint", "may be chance")]
    note = (
        f"Of {plural(first['moved'], 'combination')} that moved, {first['risen']:,} rose and {first['fallen']:,} fell "
        "with p < 0.05; so does one in twenty that did not really change. All stand in marts.success_rate_movers."
    )
    return replace(
        SECTION,
        figures=[Figure([chart], _changes(rows), legend=legend, note=note)],
        source=provenance(facts, "statistics"),
    )


def _changes(rows: Sequence[Row]) -> Table:
    columns = ["Combination", "Change, p", "Before", "Now, attempts", "Price, before"]
    lines: list[Line] = [
        [
            Cell(row["service"], country_carrier(row["country"], row["carrier"])),
            Cell(percentage_points(row["change"]), f"p {p_value(row['p_value'])}"),
            percent(row["rate_before"]),
            Cell(percent(row["rate_after"]), count(row["attempts_after"])),
            Cell(price(row["price_after_cents"]), price(row["price_before_cents"])),
        ]
        for row in rows
    ]
    return Table("Claimed rate and price, in the newest answer and 24 hours before", columns, lines)
