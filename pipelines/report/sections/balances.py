"""The balance of each account, its runway and its net spend per day."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import altair as alt

from pipelines.report import charts
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import HOUR, count, dollars, duration, plural, timestamp
from pipelines.report.model import Chart, Columns, Figure, Legend, Section, Spec, make_table
from topups.forecast.runway import NOT_KNOWN_YET

MAX_CHARTED = 4
# Length of the projection as a share of the history shown.
PROJECTION_SHARE = 0.35
SECTION = Section(
    "money",
    "Balance and runway",
    "The balance of each account, its burn rate (mean of 24 hours) and the time until it is empty at that rate.",
    layout="pairs",
)


def runway(account: Row) -> str:
    """How long the balance lasts, from a row of ``marts.balance_runway``."""
    if account["burn_cents_per_hour"] is None:
        return NOT_KNOWN_YET
    hours = account["hours_to_empty"]
    return "nothing is being spent" if hours is None else duration(hours * HOUR)


ACCOUNT_COLUMNS: Columns = {
    "Account": lambda row: str(row["account_id"]),
    "Balance": lambda row: dollars(row["balance_cents"]),
    "Burn rate per hour": lambda row: (
        NOT_KNOWN_YET if row["burn_cents_per_hour"] is None else dollars(row["burn_cents_per_hour"])
    ),
    "Runway": runway,
    "Unexplained": lambda row: dollars(row["unexplained_cents"]),
    "As of (UTC)": lambda row: timestamp(row["as_of"]),
}
BALANCE_COLUMNS: Columns = {
    "From (UTC)": lambda row: timestamp(row["since"]),
    "Balance": lambda row: dollars(row["balance_cents"]),
}
SPEND_COLUMNS: Columns = {
    "Day (UTC)": lambda row: str(row["day"]),
    "Orders": lambda row: count(row["orders"]),
    "Net spend": lambda row: dollars(row["spend_cents"]),
    "Refunded": lambda row: dollars(row["refunded_cents"]),
}


def balances(data: ReportData) -> Section:
    """All accounts as a table, and charts of those that are empty first."""
    accounts = data.rows("balance_runway")
    if not accounts:
        return empty_section(SECTION, data, "balance_runway", "balances", "The vendor currently reports no balance.")
    figures = [_overview(accounts)]
    for number, account in enumerate(accounts[:MAX_CHARTED], 1):
        name = account["account_id"]
        if steps := [row for row in data.rows("balance_steps") if row["account_id"] == name]:
            figures.append(_balance(data.now, account, steps, number))
        if days := [row for row in data.rows("spend_daily") if row["account_id"] == name]:
            figures.append(_spend(name, days, number))
    return replace(SECTION, figures=figures, source=provenance(data, "balances", "inventory"))


def _overview(accounts: Sequence[Row]) -> Figure:
    total = accounts[0]["accounts"]
    note = "Unexplained: the change of the balance in 24 hours that neither orders nor top-ups explain."
    if total > MAX_CHARTED:
        note = f"Charts: the {MAX_CHARTED} of {plural(total, 'account')} that are empty first. {note}"
    return Figure(table=make_table("Balance of each account", ACCOUNT_COLUMNS, accounts), note=note)


def _balance(now: datetime, account: Row, steps: Sequence[Row], number: int) -> Figure:
    name, cents, length = account["account_id"], account["balance_cents"], now - steps[0]["since"]
    chart = Chart(
        f"balance-{number}",
        f"Balance of account {name}, US dollars",
        f"{dollars(cents)} now, {dollars(steps[0]['balance_cents'])} {duration(length.total_seconds())} ago. "
        f"Runway: {runway(account)}.",
        _draw_balance(now, account, steps),
    )
    caption = f"Balance of account {name}, at most one line per three hours"
    table = make_table(caption, BALANCE_COLUMNS, reversed(steps))
    legend = [Legend("line accent", "balance")]
    if account["hours_to_empty"] is not None:
        legend.append(Legend("dash bad", f"at the current burn rate; empty in {runway(account)}"))
    return Figure([chart], table, title=f"Account {name}: balance", legend=legend)


def _draw_balance(now: datetime, account: Row, steps: Sequence[Row]) -> Spec:
    """The balance as a step line up to a ring at ``now``, and its projection as a dashed line."""
    present, length = _point(now, account["balance_cents"]), now - steps[0]["since"]
    history = [*(_point(row["since"], row["balance_cents"]) for row in steps), present]
    at = charts.time_axis(length / timedelta(days=1))
    amount = alt.Y("dollars:Q", axis=charts.DOLLAR_AXIS, scale=alt.Scale(zero=True))
    base = alt.Chart().encode(x=at, y=amount)
    area = base.mark_area(color=charts.ACCENT, interpolate="step-after", opacity=0.14)
    line = base.mark_line(color=charts.ACCENT, interpolate="step-after", strokeWidth=2)
    projected = alt.Chart(alt.InlineData(values=[present, *_projection(now, account, length)])).encode(x=at, y=amount)
    dashed = projected.mark_line(color=charts.BAD, strokeDash=[5, 4], strokeWidth=2)
    newest = alt.Chart(alt.InlineData(values=[present])).encode(x=at, y=amount)
    ring = newest.mark_point(color=charts.ACCENT, fill=charts.CARD, opacity=1, size=46, strokeWidth=2)
    return charts.to_spec([area, line, dashed, ring], history)


def _point(at: datetime, cents: float) -> dict[str, Any]:
    return {"at": charts.utc_text(at), "dollars": cents / 100}


def _projection(now: datetime, account: Row, length: timedelta) -> list[dict[str, Any]]:
    """The end of the projection: at zero, or at the right edge of the chart."""
    hours, cents = account["hours_to_empty"], account["balance_cents"]
    if hours is None or hours <= 0:
        return []
    shown = min(hours, max(PROJECTION_SHARE * length.total_seconds() / HOUR, 1))
    return [_point(now + timedelta(hours=shown), cents * (1 - shown / hours))]


def _spend(name: str, days: Sequence[Row], number: int) -> Figure:
    spend, refunded, orders = (sum(day[k] or 0 for day in days) for k in ("spend_cents", "refunded_cents", "orders"))
    chart = Chart(
        f"spend-{number}",
        f"Net spend of account {name} per UTC day, US dollars",
        f"{dollars(spend)} for {plural(orders, 'order')} since {days[0]['day']}; {dollars(refunded)} refunded.",
        _draw_spend(days),
    )
    table = make_table(f"Net spend of account {name} per day", SPEND_COLUMNS, reversed(days))
    legend = [Legend("bar accent", "net spend"), Legend("bar soft", "refunded")]
    return Figure([chart], table, title=f"Account {name}: net spend per day", legend=legend)


def _draw_spend(days: Sequence[Row]) -> Spec:
    """Per day a stack of net spend and refunds."""
    kinds = (("spend_cents", charts.ACCENT, 0), ("refunded_cents", charts.SOFT, 1))
    values = [
        {"at": day["day"].isoformat(), "dollars": (day[kind] or 0) / 100, "fill": fill, "order": order}
        for day in days
        for kind, fill, order in kinds
    ]
    size = (charts.WIDTH - 60) // 34
    stack = (
        alt.Chart()
        .mark_bar(size=size)
        .encode(
            x=charts.time_axis(30, padding=size),
            y=alt.Y("dollars:Q", axis=charts.DOLLAR_AXIS, stack="zero"),
            color=charts.colour(),
            order=alt.Order("order:Q"),
        )
    )
    return charts.to_spec([stack], values)
