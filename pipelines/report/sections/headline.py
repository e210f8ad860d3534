"""The figures at the top: money, what it brings, the market, and how old all that is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pipelines.report.data import ReportData
from pipelines.report.formatting import count, country_carrier, dollars, join_labels, percent, plural, unit_price
from pipelines.report.model import Tile
from pipelines.report.sections.balances import runway

SOON_HOURS = 24
# Two even rows where there is room for four.
MOST = 8


def headline_tiles(facts: ReportData) -> list[Tile]:
    """Only those that there are figures for."""
    found = [*_money(facts), *_spending(facts), *_own(facts), *_claims(facts), *_state(facts), *_market(facts)]
    return found[:MOST]


def _money(facts: ReportData) -> Iterator[Tile]:
    accounts = facts.rows("balance_runway")
    if not accounts:
        return
    first, number = accounts[0], accounts[0]["accounts"]
    whose = f"account {first['account_id']}" if number == 1 else plural(number, "account")
    yield Tile("Balance", dollars(first["total_cents"]), whose)
    hours, burn = first["hours_to_empty"], first["burn_cents_per_hour"]
    pace = f"at {dollars(burn)} an hour" if burn else ""
    note = pace if number == 1 else join_labels(f"account {first['account_id']}", pace)
    yield Tile("Runway", runway(first), note, "bad" if hours is not None and hours < SOON_HOURS else "")


def _spending(facts: ReportData) -> Iterator[Tile]:
    if not facts.rows("spend_daily"):
        return
    since = (facts.now - timedelta(days=6)).date()
    days = [row for row in facts.rows("spend_daily") if row["day"] >= since]
    spent, refunded, orders = (sum(day[k] or 0 for day in days) for k in ("spend_cents", "refunded_cents", "orders"))
    yield Tile("Spent in 7 days", dollars(spent), f"{plural(orders, 'order')}, {dollars(refunded)} refunded")


def _own(facts: ReportData) -> Iterator[Tile]:
    market, cheapest = facts.first_row("market_totals"), facts.first_row("cheapest")
    if market and market["own_orders"]:
        rate = percent(market["own_delivered"] / market["own_orders"], 0)
        note = f"{market['own_delivered']:,} of {plural(market['own_orders'], 'order')}"
        yield Tile("Your orders delivered", rate, note)
    if cheapest:
        name = join_labels(cheapest["service"], country_carrier(cheapest["country"], cheapest["carrier"]))
        yield Tile("Cheapest delivered", unit_price(cheapest["expected_cents_per_success"]), name)


def _claims(facts: ReportData) -> Iterator[Tile]:
    moved, claims = facts.first_row("movers"), facts.first_row("vendor_claims")
    if moved:
        note = f"{moved['risen']:,} up, {moved['fallen']:,} down, p\u00a0<\u00a00.05"
        yield Tile("Moved in 24 hours", count(moved["risen"] + moved["fallen"]), note)
    if claims and claims["too_much"] + claims["too_little"] + claims["agrees"]:
        judged = claims["too_much"] + claims["too_little"] + claims["agrees"]
        note = f"of {judged} with enough own orders"
        yield Tile("Claims too high", count(claims["too_much"]), note, "bad" if claims["too_much"] else "")


def _state(facts: ReportData) -> Iterator[Tile]:
    state = facts.first_row("freshness")
    if state:
        fresh, overdue = state["datasets"] - state["overdue"], state["overdue"]
        note = f"{overdue} overdue: run smsonline sync" if overdue else "none overdue"
        yield Tile("Datasets fresh", f"{fresh} of {state['datasets']}", note, "bad" if overdue else "good")


def _market(facts: ReportData) -> Iterator[Tile]:
    market = facts.first_row("market_totals")
    if market:
        note = f"{plural(market['countries'], 'country', 'countries')}, {plural(market['services'], 'service')}"
        yield Tile("Combinations watched", count(market["combinations"]), note)
