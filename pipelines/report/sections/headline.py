"""The headline figures at the top of the page."""

from collections.abc import Iterator
from datetime import timedelta

from pipelines.report.data import ReportData
from pipelines.report.formatting import combination_label, count, dollars, join_labels, percent, plural, unit_price
from pipelines.report.model import Tile
from pipelines.report.sections.balances import runway

LOW_RUNWAY_HOURS = 24
# Two even rows on a wide screen.
MAX_TILES = 8


def headline_tiles(data: ReportData) -> list[Tile]:
    """The headline figures that have data, the most important first."""
    return [*_money(data), *_orders(data), *_rates(data), *_data_state(data)][:MAX_TILES]


def _money(data: ReportData) -> Iterator[Tile]:
    if first := data.first_row("balance_runway"):
        account, total = f"account {first['account_id']}", first["accounts"]
        yield Tile("Balance", dollars(first["total_cents"]), account if total == 1 else plural(total, "account"))
        hours, burn = first["hours_to_empty"], first["burn_cents_per_hour"]
        note = join_labels("" if total == 1 else account, f"at {dollars(burn)} an hour" if burn else "")
        yield Tile("Runway", runway(first), note, "bad" if hours is not None and hours < LOW_RUNWAY_HOURS else "")
    if spend := data.rows("spend_daily"):
        since = (data.now - timedelta(days=6)).date()
        days = [row for row in spend if row["day"] >= since]
        cents, refunded, orders = (
            sum(day[k] or 0 for day in days) for k in ("spend_cents", "refunded_cents", "orders")
        )
        yield Tile("Net spend in 7 days", dollars(cents), f"{plural(orders, 'order')}, {dollars(refunded)} refunded")


def _orders(data: ReportData) -> Iterator[Tile]:
    market, cheapest = data.first_row("market_totals"), data.first_row("cheapest")
    if market and market["own_orders"]:
        rate = percent(market["own_delivered"] / market["own_orders"], 0)
        note = f"{market['own_delivered']:,} of {plural(market['own_orders'], 'order')}"
        yield Tile("Your orders delivered", rate, note)
    if cheapest:
        name = combination_label(cheapest)
        yield Tile("Lowest cost per message", unit_price(cheapest["expected_cents_per_success"]), name)


def _rates(data: ReportData) -> Iterator[Tile]:
    changes, claims = data.first_row("movers"), data.first_row("vendor_claims")
    if changes:
        note = f"{changes['risen']:,} up, {changes['fallen']:,} down, p\u00a0<\u00a00.05"
        yield Tile("Rates changed in 24 hours", count(changes["risen"] + changes["fallen"]), note)
    if claims and (compared := claims["too_much"] + claims["too_little"] + claims["agrees"]):
        note = f"of {compared} with enough of your orders"
        yield Tile("Rates overstated", count(claims["too_much"]), note, "bad" if claims["too_much"] else "")


def _data_state(data: ReportData) -> Iterator[Tile]:
    if state := data.first_row("freshness"):
        total, stale = state["datasets"], state["overdue"]
        note = f"{stale} stale: run smsonline sync" if stale else "none stale"
        yield Tile("Datasets fresh", f"{total - stale} of {total}", note, "bad" if stale else "good")
    if market := data.first_row("market_totals"):
        note = f"{plural(market['countries'], 'country', 'countries')}, {plural(market['services'], 'service')}"
        yield Tile("Combinations tracked", count(market["combinations"]), note)
