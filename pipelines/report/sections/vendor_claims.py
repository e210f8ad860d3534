"""The vendor's success rates compared with the account's own orders."""

from collections.abc import Sequence
from dataclasses import replace

import altair as alt

from pipelines.report import charts
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import (
    combination_label,
    count,
    country_carrier,
    p_value,
    percent,
    percent_range,
    plural,
)
from pipelines.report.model import Cell, Chart, Columns, Figure, Legend, Section, Spec, make_table

# Text, tone and colour of the values of marts.vendor_vs_observed.verdict that have their own; others are shown as is.
COMPARISONS = {
    "claims too much": ("vendor overstates", "bad", charts.BAD),
    "claims too little": ("vendor understates", "good", charts.GOOD),
}
SECTION = Section(
    "claims",
    "Vendor rate vs. your orders",
    "The vendor's success rate and the delivery rate of your finished orders, where you order most.",
)
COLUMNS: Columns = {
    "Combination": lambda row: Cell(row["service"], country_carrier(row["country"], row["carrier"])),
    "Comparison": lambda row: Cell(_comparison(row)[0], p_value(row["p_value"]), tone=_comparison(row)[1]),
    "Vendor rate": lambda row: percent(row["success_rate"]),
    "Your rate": lambda row: Cell(
        percent(row["observed_rate"]), percent_range(row["observed_low"], row["observed_high"], 0)
    ),
    "Orders": lambda row: count(row["observed_orders"]),
}


def vendor_claims(data: ReportData) -> Section:
    """The vendor's rate beside the observed rate with its interval."""
    rows = data.rows("vendor_claims")
    if not rows:
        reason = "None of your orders has finished yet in a combination with a vendor rate."
        return empty_section(SECTION, data, "vendor_claims", "inventory statistics", reason)
    counts = rows[0]
    chart = Chart(
        "claims",
        "Vendor rate and delivery rate of your orders",
        f"The vendor overstates {counts['too_much']} and understates {counts['too_little']} rates; "
        f"{counts['agrees']} agree.",
        _draw(rows),
    )
    legend = [
        Legend("tick ink", "vendor rate"),
        Legend("dot accent", "your orders, with 95 % interval"),
        Legend("dot bad", "vendor overstates"),
        Legend("dot good", "vendor understates"),
    ]
    note = (
        f"Shown: {len(rows)} of {plural(counts['combinations'], 'combination')} with your orders. "
        "All comparisons: marts.vendor_vs_observed."
    )
    caption = "Vendor rate, rate of your finished orders with its 95 % interval, and their number"
    table = make_table(caption, COLUMNS, rows, text_columns=["Comparison"])
    figure = Figure([chart], table, legend=legend, note=note, beside=True)
    return replace(SECTION, figures=[figure], source=provenance(data, "inventory", "statistics"))


def _comparison(row: Row) -> tuple[str, str, str]:
    return COMPARISONS.get(row["verdict"], (row["verdict"], "plain", charts.ACCENT))


def _draw(rows: Sequence[Row]) -> Spec:
    """Per row the observed rate as a dot on its interval, and the vendor's rate as a tick."""
    values = [
        {
            "label": combination_label(row),
            "value": f"{percent(row['observed_rate'], 0)} of {row['observed_orders']:,}",
            "vendor": row["success_rate"],
            "observed": row["observed_rate"],
            "low": row["observed_low"],
            "high": row["observed_high"],
            "fill": _comparison(row)[2],
        }
        for row in rows
    ]
    axis = alt.Axis(format=".0%", values=[0.0, 0.25, 0.5, 0.75, 1.0], labelFlush=True)
    low, vendor, observed = (
        alt.X(f"{column}:Q", axis=axis, scale=alt.Scale(domain=[0, 1], nice=False))
        for column in ("low", "vendor", "observed")
    )
    base = alt.Chart().encode(y=charts.ROW)
    interval = base.mark_bar(cornerRadius=3, opacity=0.35, size=8, yOffset=charts.MARK_OFFSET)
    tick = base.mark_tick(color=charts.INK, opacity=1, size=18, thickness=3, yOffset=charts.MARK_OFFSET)
    dot = base.mark_point(filled=True, opacity=1, size=80, yOffset=charts.MARK_OFFSET)
    layers = [
        interval.encode(x=low, x2="high:Q", color=charts.colour()),
        tick.encode(x=vendor),
        dot.encode(x=observed, color=charts.colour()),
    ]
    return charts.row_spec(layers, values)
