"""How each account was topped up, by the automation or by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from itertools import groupby
from typing import NamedTuple

from pipelines.report import charts, charts_account
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import MINUTE, NOTHING, dollars, duration, join_labels, plural, timestamp
from pipelines.report.model import Cell, Chart, Figure, Legend, Section, Table

MAX_CHARTED = 4
SECTION = Section(
    "topups",
    "Top-ups",
    "The newest payments into each account, whether the automation asked for them or a person did.",
    legend=[
        Legend("dot good", "credited"),
        Legend("ring accent", "waiting"),
        Legend("cross bad", "not paid, or not in full"),
    ],
)


class Marker(NamedTuple):
    """How an outcome is told, in words, colour and shape."""

    tone: str
    fill: str
    inside: str
    shape: str


CREDITED = Marker("good", charts.GOOD, charts.GOOD, "circle")
WAITING = Marker("plain", charts.ACCENT, charts.CARD, "circle")
FAILED = Marker("bad", charts.BAD, charts.CARD, "cross")
PAID = {"paid", "paid_over", "credited", "paid_late"}
ENDED_UNPAID = {
    # The vendor's words, then the automation's.
    "cancel", "fail", "system_fail", "wrong_amount", "refund_paid", "refund_process", "refund_fail", "locked",
    "skipped", "released", "rejected", "not_sent", "not_created", "expired", "closed", "failed", "refunding",
    "refunded", "underpaid",
}  # fmt: skip


def topups(facts: ReportData) -> Section:
    """The newest top-ups, a chart and a table per account."""
    rows = facts.rows("topups")
    if not rows:
        return empty_section(SECTION, facts, "topups", "invoices", "No account has been topped up yet.")
    accounts = [(name, list(lines)) for name, lines in groupby(rows, key=lambda row: row["account_id"])]
    figures = [_account(name, lines, number) for number, (name, lines) in enumerate(accounts[:MAX_CHARTED], 1)]
    if len(accounts) > MAX_CHARTED:
        note = f"Shown: {MAX_CHARTED} of {plural(len(accounts), 'account')}. All top-ups stand in marts.topups."
        figures[0] = replace(figures[0], note=note)
    return replace(SECTION, figures=figures, source=provenance(facts, "invoices"))


def marker_for(row: Row) -> Marker:
    """Whether the money arrived, may still arrive, or will not."""
    state = str(row["state"] or "").lower()
    if row["credited_at"] is not None or state in PAID:
        return CREDITED
    return FAILED if state in ENDED_UNPAID else WAITING


def _account(name: str, rows: Sequence[Row], number: int) -> Figure:
    dated = [row for row in rows if row["created_at"] is not None and row["amount_cents"] is not None]
    values = [
        {
            "at": row["created_at"].astimezone(UTC).isoformat(),
            "dollars": row["amount_cents"] / 100,
            "fill": marker_for(row).fill,
            "inside": marker_for(row).inside,
            "shape": marker_for(row).shape,
        }
        for row in dated
    ]
    chart = [_chart(name, rows, values, (dated[0]["created_at"] - dated[-1]["created_at"]), number)] if dated else []
    title = f"Account {name}: the newest {len(rows)} of {plural(rows[0]['topups'], 'top-up')}"
    return Figure(chart, _table(name, rows), title=title, beside=bool(chart))


def _chart(name: str, rows: Sequence[Row], values: charts.Values, length: timedelta, number: int) -> Chart:
    credited = [row for row in rows if marker_for(row) is CREDITED]
    days = max(1.0, length / timedelta(days=1))
    return Chart(
        f"topups-{number}",
        f"Top-ups of account {name}, US dollars",
        f"{len(credited)} of {plural(len(rows), 'top-up')} credited, "
        f"{dollars(sum(row['amount_cents'] or 0 for row in credited))}.",
        charts_account.payments(values, days, charts.HALF),
        charts_account.payments(values, days, charts.NARROW),
    )


def _table(name: str, rows: Sequence[Row]) -> Table:
    columns = ["Asked for (UTC)", "Amount", "State", "Credited after", "Way", "By"]
    lines = [
        [
            timestamp(row["created_at"]),
            dollars(row["amount_cents"]),
            Cell(_words(row["state"]) or NOTHING, _remark(row), tone=marker_for(row).tone),
            NOTHING if row["minutes_to_credit"] is None else duration(row["minutes_to_credit"] * MINUTE),
            join_labels(row["rail"], row["currency"], row["network"]) or NOTHING,
            "the automation" if row["source"] == "automation" else "a person",
        ]
        for row in rows
    ]
    return Table(f"Newest top-ups of account {name}", columns, lines, words=["State", "Way", "By"])


def _words(code: str | None) -> str:
    return (code or "").lower().replace("_", " ")


def _remark(row: Row) -> str:
    """What is odd about a payment, unless its state says so already."""
    remark = _words(row["exception"])
    return "" if remark in {"none", _words(row["state"])} else remark
