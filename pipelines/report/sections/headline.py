"""The headline figures at the top of the page."""

from collections.abc import Iterator
from datetime import timedelta
from textwrap import shorten

from pipelines.report.data import ReportData
from pipelines.report.formatting import combination_label, count, dollars, join_labels, percent, plural, unit_price
from pipelines.report.model import Tile
from pipelines.report.sections.balances import runway
from pipelines.report.sections.freshness import failure_text

LOW_RUNWAY_HOURS = 24
# Two even rows on a wide screen.
MAX_TILES = 8
MAX_NOTE_LENGTH = 140


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
        notes = [f"{stale} stale: run smsonline sync" if stale else "", _failures(data), _rejects(data)]
        tone = "bad" if stale or state["failed"] else "good"
        yield Tile(
            "Datasets fresh", f"{total - stale} of {total}", "; ".join(filter(None, notes)) or "none stale", tone
        )
    if market := data.first_row("market_totals"):
        note = f"{plural(market['countries'], 'country', 'countries')}, {plural(market['services'], 'service')}"
        yield Tile("Combinations tracked", count(market["combinations"]), note)


def _failures(data: ReportData) -> str:
    """How many newest loads failed, and the first of them with its reason."""
    rows = data.rows("freshness")
    failed = next((row for row in rows if row["last_status"] not in (None, "ok")), None)
    if failed is None:
        return ""
    number = failed["failed"]
    first = "" if number == 1 else f"{number:,} loads failed, the first: "
    text = f"{first}{failed['dataset']} {failed['last_status']} {failure_text(data, failed)}"
    return shorten(text, MAX_NOTE_LENGTH, placeholder=" …")  # the table of datasets has all of it


def _rejects(data: ReportData) -> str:
    """How many records of the current data were rejected, and the first dataset with its reason."""
    rows = [row for row in data.rows("freshness") if row["rejected"]]
    if not rows:
        return ""
    reasons = {row["dataset"]: row["reason"] for row in data.rows("rejects")}
    reason = reasons.get(rows[0]["dataset"])
    first = join_labels(rows[0]["dataset"], reason)
    return f"{plural(sum(row['rejected'] for row in rows), 'record')} rejected ({first})"
