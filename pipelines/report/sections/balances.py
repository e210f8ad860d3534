"""Each account's balance, how long it lasts, and what was spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.report import charts, charts_account
from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section, provenance
from pipelines.report.formatting import HOUR, count, dollars, duration, plural, timestamp
from pipelines.report.model import Chart, Figure, Legend, Section, Table

MAX_CHARTED = 4
# How far the dashed line looks ahead, as a share of what is known.
AHEAD = 0.35
SECTION = Section(
    "money",
    "Balance and runway",
    "What each account holds, how fast it is spent (mean of the last day), and when it is empty at that pace.",
    layout="pairs",
)


def balances(facts: ReportData) -> Section:
    """A table of all accounts, and charts of those that are empty first."""
    accounts = facts.rows("balance_runway")
    if not accounts:
        return empty_section(SECTION, facts, "balance_runway", "balances", "The vendor tells no balance at present.")
    figures = [Figure(table=_table(accounts), note=_note(accounts))]
    for number, account in enumerate(accounts[:MAX_CHARTED], 1):
        figures += _figures(facts, account, number)
    return replace(SECTION, figures=figures, source=provenance(facts, "balances", "inventory"))


def _table(accounts: Sequence[Row]) -> Table:
    columns = ["Account", "Balance", "Spent per hour", "Empty in", "Unexplained", "As of (UTC)"]
    rows = [
        [
            account["account_id"],
            dollars(account["balance_cents"]),
            dollars(account["burn_cents_per_hour"]),
            runway(account),
            dollars(account["unexplained_cents"]),
            timestamp(account["as_of"]),
        ]
        for account in accounts
    ]
    return Table("Balance of each account", columns, rows)


def runway(account: Row) -> str:
    """How long the balance lasts, in words."""
    hours = account["hours_to_empty"]
    return "no spending seen" if hours is None else duration(hours * HOUR)


def _note(accounts: Sequence[Row]) -> str:
    total = accounts[0]["accounts"]
    shown = (
        f"Charts: the {MAX_CHARTED} of {plural(total, 'account')} that are empty first. " if total > MAX_CHARTED else ""
    )
    return f"{shown}Unexplained is what balance, orders and top-ups do not account for together."


def _figures(facts: ReportData, account: Row, number: int) -> list[Figure]:
    name = account["account_id"]
    steps = [row for row in facts.rows("balance_steps") if row["account_id"] == name]
    days = [row for row in facts.rows("spend_daily") if row["account_id"] == name]
    found = [_balance(facts, account, steps, number)] if steps else []
    return [*found, _spending(name, days, number)] if days else found


def _balance(facts: ReportData, account: Row, steps: Sequence[Row], number: int) -> Figure:
    name, held = account["account_id"], account["balance_cents"]
    past = [_point(row["since"], row["balance_cents"]) for row in steps] + [_point(facts.now, held)]
    known = facts.now - steps[0]["since"]
    ahead = [{**_point(facts.now, held), "now": True}, *_projection(facts.now, account, known)]
    days = known / timedelta(days=1)
    chart = Chart(
        f"balance-{number}",
        f"Balance of account {name}, US dollars",
        f"{dollars(held)} now, {dollars(steps[0]['balance_cents'])} {duration(known.total_seconds())} ago. "
        f"Empty in: {runway(account)}.",
        charts_account.balance(past, ahead, days, charts.HALF),
        charts_account.balance(past, ahead, days, charts.NARROW),
    )
    rows = [[timestamp(row["since"]), dollars(row["balance_cents"])] for row in reversed(steps)]
    table = Table(f"Balance of account {name}, at most one line per three hours", ["From (UTC)", "Balance"], rows)
    legend = [Legend("line accent", "balance"), Legend("dash bad", f"at the present pace; empty in {runway(account)}")]
    return Figure([chart], table, title=f"Account {name}: balance", legend=legend)


def _point(at: datetime, cents: float) -> dict[str, Any]:
    return {"at": at.astimezone(UTC).isoformat(), "dollars": cents / 100, "now": False}


def _projection(now: datetime, account: Row, known: timedelta) -> list[dict[str, Any]]:
    """Where the dashed line ends: at zero, or where the chart does."""
    hours, held = account["hours_to_empty"], account["balance_cents"]
    if hours is None or hours <= 0:
        return []
    seen = min(hours, max(AHEAD * known.total_seconds() / HOUR, 1))
    return [_point(now + timedelta(hours=seen), held * (1 - seen / hours))]


def _spending(name: str, days: Sequence[Row], number: int) -> Figure:
    kinds = (("spend_cents", charts.ACCENT, 0), ("refunded_cents", charts.SOFT, 1))
    values = [
        {"at": day["day"].isoformat(), "dollars": (day[kind] or 0) / 100, "fill": fill, "order": order}
        for day in days
        for kind, fill, order in kinds
    ]
    spent, refunded, orders = (sum(day[k] or 0 for day in days) for k in ("spend_cents", "refunded_cents", "orders"))
    chart = Chart(
        f"spend-{number}",
        f"Spending of account {name} per UTC day, US dollars",
        f"{dollars(spent)} for {plural(orders, 'order')} since {days[0]['day']}; {dollars(refunded)} refunded.",
        charts_account.spending(values, charts.HALF),
        charts_account.spending(values, charts.NARROW),
    )
    rows = [
        [str(day["day"]), count(day["orders"]), dollars(day["spend_cents"]), dollars(day["refunded_cents"])]
        for day in reversed(days)
    ]
    table = Table(f"Spending of account {name} per day", ["Day (UTC)", "Orders", "Spent", "Refunded"], rows)
    legend = [Legend("bar accent", "spent for good"), Legend("bar soft", "refunded")]
    return Figure([chart], table, title=f"Account {name}: spending per day", legend=legend)
