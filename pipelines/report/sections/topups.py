"""The newest top-ups of each account, requested by the automation or by a user."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import NamedTuple

import altair as alt

from pipelines.report import charts
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import NOT_AVAILABLE, dollars, duration, join_labels, plural, timestamp
from pipelines.report.model import Cell, Chart, Columns, Figure, Legend, ReportTable, Section, Spec, make_table
from pipelines.topups.state import TopUpState
from topups.decision.snapshot import Reason

MAX_CHARTED = 4
SECTION = Section(
    "topups",
    "Top-ups",
    "Whether the next payment is requested by itself, and the newest payments into each account.",
)
LEGEND = (
    Legend("dot good", "credited"),
    Legend("ring accent", "pending"),
    Legend("cross bad", "not paid, or not in full"),
)


class Marker(NamedTuple):
    """How an outcome is drawn: tone of its badge, and colours and shape of its point."""

    tone: str
    stroke: str
    fill: str
    shape: str


CREDITED = Marker("good", charts.GOOD, charts.GOOD, "circle")
PENDING = Marker("plain", charts.ACCENT, charts.CARD, "circle")
FAILED = Marker("bad", charts.BAD, charts.CARD, "cross")
PAID_STATES = {"paid", "paid_over", "credited", "paid_late"}
FAILED_STATES = {
    # Statuses of the vendor, then states of the automation.
    "cancel", "fail", "system_fail", "wrong_amount", "refund_paid", "refund_process", "refund_fail", "locked",
    "skipped", "released", "rejected", "not_sent", "not_created", "expired", "closed", "failed", "refunding",
    "refunded", "underpaid",
}  # fmt: skip


def marker_for(row: Row) -> Marker:
    """Whether the money arrived, may still arrive, or will not."""
    state = str(row["state"] or "").lower()
    if row["credited_at"] is not None or state in PAID_STATES:
        return CREDITED
    return FAILED if state in FAILED_STATES else PENDING


def _state(row: Row) -> Cell:
    """The state as a badge, with the payment exception below unless both are the same."""
    state, exception = ((row[name] or "").lower().replace("_", " ") for name in ("state", "exception"))
    return Cell(state or NOT_AVAILABLE, "" if exception in {"none", state} else exception, tone=marker_for(row).tone)


COLUMNS: Columns = {
    "Requested (UTC)": lambda row: timestamp(row["created_at"]),
    "Amount": lambda row: dollars(row["amount_cents"]),
    "State": _state,
    "Time to credit": lambda row: duration(row["seconds_to_credit"]),
    "Method": lambda row: join_labels(row["rail"], row["currency"], row["network"]) or NOT_AVAILABLE,
    "Requested by": lambda row: "automation" if row["source"] == "automation" else "user",
}


def topups(data: ReportData) -> Section:
    """The newest top-ups, a chart and a table per account."""
    rows, state = data.rows("topups"), [_state_figure(data.topups)] if data.topups else []
    if not rows:
        empty = empty_section(SECTION, data, "topups", "invoices", "No account has been topped up yet.")
        return replace(empty, figures=state)
    accounts = [(name, list(lines)) for name, lines in groupby(rows, key=lambda row: row["account_id"])]
    figures = [_account(name, lines, number) for number, (name, lines) in enumerate(accounts[:MAX_CHARTED], 1)]
    if len(accounts) > MAX_CHARTED:
        note = f"Shown: {MAX_CHARTED} of {plural(len(accounts), 'account')}. All top-ups: marts.topups."
        figures[0] = replace(figures[0], note=note)
    return replace(SECTION, figures=[*state, *figures], source=provenance(data, "invoices"))


def _state_figure(state: TopUpState) -> Figure:
    """Whether the next payment is requested by itself, and otherwise why not, since when, and what helps."""
    tone = "bad" if state.is_blocked or state.reason == Reason.KILL_SWITCH else "plain"
    cells: list[Cell | str] = [
        Cell(state.state, "" if state.state == state.mode else f"mode {state.mode}", tone=tone),
        Cell(str(state.reason or "none"), state.explanation),
        timestamp(state.since) if state.since else NOT_AVAILABLE,
        state.remedy or "nothing to do",
    ]
    columns = ["State", "Reason", "Since (UTC)", "What to do"]
    table = ReportTable("State of the top-ups", columns, [cells], ["State", "Reason", "What to do"])
    return Figure(table=table, note=" ".join(f"Note: {note}." for note in state.notes))


def _account(name: str, rows: Sequence[Row], number: int) -> Figure:
    credited = [row["amount_cents"] or 0 for row in rows if marker_for(row) is CREDITED]
    dated = [row for row in rows if row["created_at"] is not None and row["amount_cents"] is not None]
    title = f"Account {name}: the newest {len(rows)} of {plural(rows[0]['topups'], 'top-up')}"
    caption = f"Newest top-ups of account {name}"
    figure = Figure(table=make_table(caption, COLUMNS, rows, ["State", "Method", "Requested by"]), title=title)
    if not dated:
        return figure
    description = f"{len(credited)} of {plural(len(rows), 'top-up')} credited, {dollars(sum(credited))}."
    chart = Chart(f"topups-{number}", f"Top-ups of account {name}, US dollars", description, _draw(dated))
    return replace(figure, charts=[chart], legend=LEGEND, beside=True)


def _draw(rows: Sequence[Row]) -> Spec:
    """Each top-up as a point on a stem, newest last; ``rows`` come newest first."""
    values = [
        {"at": charts.utc_text(row["created_at"]), "dollars": row["amount_cents"] / 100, **marker_for(row)._asdict()}
        for row in rows
    ]
    length = rows[0]["created_at"] - rows[-1]["created_at"]
    base = alt.Chart().encode(
        x=charts.time_axis(max(1.0, length / timedelta(days=1)), padding=12),
        y=alt.Y("dollars:Q", axis=charts.DOLLAR_AXIS, scale=alt.Scale(zero=True)),
    )
    stem = base.mark_rule(color=charts.GRID, strokeWidth=2).encode(y2=alt.datum(0))
    point = base.mark_point(opacity=1, size=90, strokeWidth=2).encode(
        color=charts.colour("stroke"), fill=charts.colour("fill"), shape=alt.Shape("shape:N", scale=None)
    )
    return charts.to_spec([stem, point], values)
