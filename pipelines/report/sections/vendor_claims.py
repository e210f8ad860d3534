"""Whether the vendor's claims hold against the account's own orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipelines.report import charts, charts_market
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import count, country_carrier, join_labels, p_value, percent, plural
from pipelines.report.model import Cell, Chart, Figure, Legend, Line, Section, Table

VERDICTS = {"claims too much": ("bad", charts.BAD), "claims too little": ("good", charts.GOOD)}
SECTION = Section(
    "claims",
    "Claim against own orders",
    "What the vendor claims beside what your own finished orders came to, where you order most.",
)


def vendor_claims(facts: ReportData) -> Section:
    """The vendor's claim beside the own observed rate with its interval."""
    rows = facts.rows("vendor_claims")
    if not rows:
        otherwise = "None of your orders has ended yet in a combination that the vendor makes a claim for."
        return empty_section(SECTION, facts, "vendor_claims", "inventory statistics", otherwise)
    values = [
        {
            "row": n,
            "label": join_labels(row["service"], country_carrier(row["country"], row["carrier"])),
            "value": f"{percent(row['observed_rate'], 0)} of {row['observed_orders']:,}",
            "claimed": row["success_rate"],
            "observed": row["observed_rate"],
            "low": row["observed_low"],
            "high": row["observed_high"],
            "fill": VERDICTS.get(row["verdict"], ("", charts.ACCENT))[1],
        }
        for n, row in enumerate(rows)
    ]
    first = rows[0]
    chart = Chart(
        "claims",
        "Claimed rate against the rate of your own orders",
        f"{first['too_much']} claims are too high, {first['too_little']} too low, {first['agrees']} agree.",
        charts_market.claims(values, charts.HALF),
        charts_market.claims(values, charts.NARROW),
    )
    legend = [
        Legend("tick ink", "claimed"),
        Legend("dot accent", "own orders, with 95 % interval"),
        Legend("dot bad", "claims too much"),
        Legend("dot good", "claims too little"),
    ]
    note = f"Shown: {len(rows)} of {plural(first['combinations'], 'combination')} with own orders."
    note += " All stand in marts.vendor_vs_observed."
    figure = Figure([chart], _verdicts(rows), legend=legend, note=note, beside=True)
    return replace(SECTION, figures=[figure], source=provenance(facts, "inventory", "statistics"))


def _verdicts(rows: Sequence[Row]) -> Table:
    columns = ["Combination", "Verdict", "Claimed", "Own", "Orders"]
    lines: list[Line] = [
        [
            Cell(row["service"], country_carrier(row["country"], row["carrier"])),
            Cell(row["verdict"], f"p {p_value(row['p_value'])}", tone=VERDICTS.get(row["verdict"], ("plain", ""))[0]),
            percent(row["success_rate"]),
            Cell(
                percent(row["observed_rate"]),
                f"{percent(row['observed_low'], 0)} to {percent(row['observed_high'], 0)}",
            ),
            count(row["observed_orders"]),
        ]
        for row in rows
    ]
    caption = "Claimed rate, own rate with its 95 % interval, own finished orders"
    return Table(caption, columns, lines, words=["Verdict"])


def _interval(row: Row) -> str:
    return f"{percent(row['observed_low'], 0)} to {percent(row['observed_high'], 0)}"
