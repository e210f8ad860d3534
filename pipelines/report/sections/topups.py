"""How each account was topped up, by the automation or by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from itertools import groupby
from typing import NamedTuple

from pipelines.report import charts, charts_account
from pipelines.report.facts import Facts, Row
from pipelines.report.figures import Cell, Chart, Figure, Legend, Section, Table
from pipelines.report.reasons import emptied, source
from pipelines.report.wording import MINUTE, NOTHING, dollars, instant, offer, plural, span

CHARTED = 4
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


class Look(NamedTuple):
    """How an outcome is told, in words, colour and shape."""

    tone: str
    fill: str
    inside: str
    shape: str


CREDITED = Look("good", charts.GOOD, charts.GOOD, "circle")
WAITING = Look("plain", charts.ACCENT, charts.CARD, "circle")
FAILED = Look("bad", charts.BAD, charts.CARD, "cross")
PAID = {"paid", "paid_over", "credited", "paid_late"}
ENDED_UNPAID = {
    # The vendor's words, then the automation's.
    "cancel", "fail", "system_fail", "wrong_amount", "refund_paid", "refund_process", "refund_fail", "locked",
    "skipped", "released", "rejected", "not_sent", "not_created", "expired", "closed", "failed", "refunding",
    "refunded", "underpaid",
}  # fmt: skip


def topups(facts: Facts) -> Section:
    """The newest top-ups, a chart and a table per account."""
    rows = facts.of("topups")
    if not rows:
        return emptied(SECTION, facts, "topups", "invoices", "No account has been topped up yet.")
    accounts = [(name, list(lines)) for name, lines in groupby(rows, key=lambda row: row["account_id"])]
    figures = [_account(name, lines, number) for number, (name, lines) in enumerate(accounts[:CHARTED], 1)]
    if len(accounts) > CHARTED:
        note = f"Shown: {CHARTED} of {plural(len(accounts), 'account')}. All top-ups stand in marts.topups."
        figures[0] = replace(figures[0], note=note)
    return replace(SECTION, figures=figures, source=source(facts, "invoices"))


def look_of(row: Row) -> Look:
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
            "fill": look_of(row).fill,
            "inside": look_of(row).inside,
            "shape": look_of(row).shape,
        }
        for row in dated
    ]
    chart = [_chart(name, rows, values, (dated[0]["created_at"] - dated[-1]["created_at"]), number)] if dated else []
    title = f"Account {name}: the newest {len(rows)} of {plural(rows[0]['topups'], 'top-up')}"
    return Figure(chart, _table(name, rows), title=title, beside=bool(chart))


def _chart(name: str, rows: Sequence[Row], values: charts.Values, length: timedelta, number: int) -> Chart:
    credited = [row for row in rows if look_of(row) is CREDITED]
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
            instant(row["created_at"]),
            dollars(row["amount_cents"]),
            Cell(_words(row["state"]) or NOTHING, _remark(row), tone=look_of(row).tone),
            NOTHING if row["minutes_to_credit"] is None else span(row["minutes_to_credit"] * MINUTE),
            offer(row["rail"], row["currency"], row["network"]) or NOTHING,
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
