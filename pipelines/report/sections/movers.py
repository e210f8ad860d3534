"""The vendor's success rates that changed most within 24 hours."""

from dataclasses import replace

import altair as alt

from pipelines.report import charts
from pipelines.report.data import ReportData
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import (
    combination_label,
    count,
    country_carrier,
    p_value,
    percent,
    percentage_points,
    plural,
    unit_price,
)
from pipelines.report.model import Cell, Chart, Columns, Figure, Legend, Section, Spec, make_table

SECTION = Section(
    "movers",
    "Changes in 24 hours",
    "The vendor's success rates that rose and fell most in the 24 hours before the newest statistics. A pale bar may "
    "be chance.",
    half=True,
)
COLUMNS: Columns = {
    "Combination": lambda row: Cell(row["service"], country_carrier(row["country"], row["carrier"])),
    "Change, p": lambda row: Cell(percentage_points(row["change"]), p_value(row["p_value"])),
    "Before": lambda row: percent(row["rate_before"]),
    "Now, attempts": lambda row: Cell(percent(row["rate_after"]), count(row["attempts_after"])),
    "Price, before": lambda row: Cell(
        unit_price(row["price_after_cents"], 0), unit_price(row["price_before_cents"], 0)
    ),
}


def movers(data: ReportData) -> Section:
    """The rates that rose and fell most within a day."""
    rows = data.rows("movers")
    if not rows:
        return empty_section(SECTION, data, "movers", "statistics", "No rate differs from its value 24 hours ago.")
    values = [
        {
            "label": combination_label(row),
            "value": percentage_points(row["change"]),
            "change": row["change"],
            "opacity": 1.0 if row["significant"] else 0.4,
            "fill": charts.GOOD if row["change"] > 0 else charts.BAD,
        }
        for row in rows
    ]
    counts, top, bottom = rows[0], values[0], values[-1]
    chart = Chart(
        "movers",
        "Change of the vendor's success rate within 24 hours, in percentage points",
        f"{counts['risen']} rose and {counts['fallen']} fell significantly. Top: {top['label']} {top['value']}. "
        f"Bottom: {bottom['label']} {bottom['value']}.",
        _draw(values),
    )
    legend = [Legend("bar good", "rose"), Legend("bar bad", "fell"), Legend("bar faint", "may be chance")]
    note = (
        f"{plural(counts['moved'], 'combination')} changed; {counts['risen']:,} rose and {counts['fallen']:,} fell "
        "with p < 0.05. One in twenty unchanged rates reaches that by chance. All changes: marts.success_rate_movers."
    )
    caption = "Vendor rate and price, in the newest statistics and 24 hours before"
    figure = Figure([chart], make_table(caption, COLUMNS, rows), legend=legend, note=note)
    return replace(SECTION, figures=[figure], source=provenance(data, "statistics"))


def _draw(values: charts.Values) -> Spec:
    """Per row a bar from zero to the change, pale where it is not significant."""
    limit = max(abs(value["change"]) for value in values)
    change = alt.X("change:Q", axis=None, scale=alt.Scale(domain=[-limit, limit], nice=False), stack=None)
    bar = alt.Chart().mark_bar(size=10, yOffset=charts.MARK_OFFSET)
    zero = alt.Chart().mark_tick(
        color=charts.MUTED, orient="vertical", size=18, thickness=1, yOffset=charts.MARK_OFFSET
    )
    layers = [
        bar.encode(x=change, y=charts.ROW, color=charts.colour(), opacity=alt.Opacity("opacity:Q", scale=None)),
        zero.encode(x=alt.XDatum(0), y=charts.ROW),
    ]
    return charts.row_spec(layers, values)
