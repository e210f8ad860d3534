"""The figures at the top: money, what it brings, the market, and how old all that is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pipelines.report.facts import Facts
from pipelines.report.figures import Tile
from pipelines.report.sections.money import runway
from pipelines.report.wording import count, dollars, offer, percent, place, plural, small_money

SOON_HOURS = 24
# Two even rows where there is room for four.
MOST = 8


def tiles(facts: Facts) -> list[Tile]:
    """Only those that there are figures for."""
    found = [*_money(facts), *_spending(facts), *_own(facts), *_claims(facts), *_state(facts), *_market(facts)]
    return found[:MOST]


def _money(facts: Facts) -> Iterator[Tile]:
    accounts = facts.of("accounts")
    if not accounts:
        return
    first, number = accounts[0], accounts[0]["accounts"]
    whose = f"account {first['account_id']}" if number == 1 else plural(number, "account")
    yield Tile("Balance", dollars(first["total_cents"]), whose)
    hours, burn = first["hours_to_empty"], first["burn_cents_per_hour"]
    pace = f"at {dollars(burn)} an hour" if burn else ""
    note = pace if number == 1 else offer(f"account {first['account_id']}", pace)
    yield Tile("Runway", runway(first), note, "bad" if hours is not None and hours < SOON_HOURS else "")


def _spending(facts: Facts) -> Iterator[Tile]:
    if not facts.of("spend"):
        return
    since = (facts.now - timedelta(days=6)).date()
    days = [row for row in facts.of("spend") if row["day"] >= since]
    spent, refunded, orders = (sum(day[k] or 0 for day in days) for k in ("spend_cents", "refunded_cents", "orders"))
    yield Tile("Spent in 7 days", dollars(spent), f"{plural(orders, 'order')}, {dollars(refunded)} refunded")


def _own(facts: Facts) -> Iterator[Tile]:
    market, cheapest = facts.first("market"), facts.first("cheapest")
    if market and market["own_orders"]:
        rate = percent(market["own_delivered"] / market["own_orders"], 0)
        note = f"{market['own_delivered']:,} of {plural(market['own_orders'], 'order')}"
        yield Tile("Your orders delivered", rate, note)
    if cheapest:
        name = offer(cheapest["service"], place(cheapest["country"], cheapest["carrier"]))
        yield Tile("Cheapest delivered", small_money(cheapest["expected_cents_per_success"]), name)


def _claims(facts: Facts) -> Iterator[Tile]:
    moved, claims = facts.first("movers"), facts.first("claims")
    if moved:
        note = f"{moved['risen']:,} up, {moved['fallen']:,} down, p\u00a0<\u00a00.05"
        yield Tile("Moved in 24 hours", count(moved["risen"] + moved["fallen"]), note)
    if claims and claims["too_much"] + claims["too_little"] + claims["agrees"]:
        judged = claims["too_much"] + claims["too_little"] + claims["agrees"]
        note = f"of {judged} with enough own orders"
        yield Tile("Claims too high", count(claims["too_much"]), note, "bad" if claims["too_much"] else "")


def _state(facts: Facts) -> Iterator[Tile]:
    state = facts.first("freshness")
    if state:
        fresh, overdue = state["datasets"] - state["overdue"], state["overdue"]
        note = f"{overdue} overdue: run smsonline sync" if overdue else "none overdue"
        yield Tile("Datasets fresh", f"{fresh} of {state['datasets']}", note, "bad" if overdue else "good")


def _market(facts: Facts) -> Iterator[Tile]:
    market = facts.first("market")
    if market:
        note = f"{plural(market['countries'], 'country', 'countries')}, {plural(market['services'], 'service')}"
        yield Tile("Combinations watched", count(market["combinations"]), note)
