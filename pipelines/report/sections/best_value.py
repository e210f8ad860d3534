"""The expected cost of one delivered message, where it is lowest."""

from dataclasses import replace

import altair as alt

from pipelines.report import charts
from pipelines.report.data import ReportData
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import combination_label, count, country_carrier, percent, plural, unit_price
from pipelines.report.model import Cell, Chart, Columns, Figure, Legend, Section, Spec, make_table

SECTION = Section(
    "best",
    "Best value",
    "The expected cost of one delivered message: the price divided by the vendor's success rate. The conservative cost "
    "divides by the lower bound of the rate's 95 % interval, so a rate from few attempts counts for less.",
    half=True,
)
COLUMNS: Columns = {
    "Offer": lambda row: Cell(row["service"], country_carrier(row["country"], row["carrier"])),
    "Per message, conservative": lambda row: Cell(
        unit_price(row["expected_cents_per_success"]), unit_price(row["cautious_cents_per_success"])
    ),
    "Price": lambda row: unit_price(row["price_cents"], 0),
    "Rate, attempts": lambda row: Cell(percent(row["success_rate"]), count(row["attempts"])),
    "Stock": lambda row: count(row["stock"]),
}


def best_value(data: ReportData) -> Section:
    """The best offer of each service as a chart, the best three as a table."""
    rows = data.rows("best_value")
    if not rows:
        reason = "No combination currently has a price, stock and a success rate above zero."
        return empty_section(SECTION, data, "best_value", "services statistics", reason)
    best = sorted((row for row in rows if row["rank"] == 1), key=lambda row: row["expected_cents_per_success"])
    values = [
        {
            "label": combination_label(row),
            "value": unit_price(row["expected_cents_per_success"]),
            "expected": row["expected_cents_per_success"],
            # Without attempts there is no conservative cost.
            "conservative": row["cautious_cents_per_success"] or row["expected_cents_per_success"],
        }
        for row in best
    ]
    first, last = values[0], values[-1]
    chart = Chart(
        "best",
        "Cost of one delivered message, the best offer per service",
        f"From {first['value']} ({first['label']}) to {last['value']} ({last['label']}).",
        _draw(values),
    )
    legend = [Legend("bar accent", "expected"), Legend("bar soft", "conservative")]
    note = f"Shown: {len(best)} of {plural(rows[0]['services'], 'service')}. All offers: marts.best_value."
    caption = "The three best offers of each service; conservative cost and attempts in the second line"
    figure = Figure([chart], make_table(caption, COLUMNS, rows), legend=legend, note=note)
    return replace(SECTION, figures=[figure], source=provenance(data, "statistics", "services"))


def _draw(values: charts.Values) -> Spec:
    """Per row the expected cents as a bar, continued to the conservative cents by a lighter one."""
    scale = alt.Scale(domain=[0, max(value["conservative"] for value in values)], nice=False)
    layers = [
        alt.Chart()
        .mark_bar(color=color, size=10, yOffset=charts.MARK_OFFSET)
        .encode(y=charts.ROW, x=alt.X(f"{column}:Q", axis=None, scale=scale, stack=None))
        for column, color in (("conservative", charts.SOFT), ("expected", charts.ACCENT))
    ]
    return charts.row_spec(layers, values)
