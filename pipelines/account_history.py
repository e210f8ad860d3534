"""What the warehouse holds on an account's money, as known at a timestamp: plain SQL, read-only, no wait for a lock.

Reads the analysts' copy while a sync locks the warehouse. The copy may be an hour older, as a sync that changed nothing
does not publish.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from topups.forecast.recommendations import AccountTerms, DiscountCoupon, DiscountTier
from topups.forecast.runway import HISTORY_DAYS, HOURS_PER_DAY, MIN_KNOWN_SHARE, SpendHistory
from warehouse.database.opening import open_warehouse
from warehouse.errors import WarehouseError, WarehouseLocked
from warehouse.publishing.publish import published_path
from warehouse.sql import quote_literal, render

# A forecast is worth no more: the run goes on without one.
WAIT_SECONDS = 0.3

Query = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class AccountHistory:
    """Spend and terms of an account; ``problem`` says in one line why there are none."""

    spend: SpendHistory | None = None
    terms: AccountTerms | None = None
    problem: str = ""


def load_account_history(warehouse: Path, account_id: str, at: datetime) -> AccountHistory:
    """The history of an account as it was known at ``at``. Raises nothing that a warehouse can cause."""
    copy = published_path(warehouse)
    try:
        try:
            return _load_file(warehouse, account_id, at)
        except WarehouseLocked:
            if not copy.exists():
                raise
            return _load_file(copy, account_id, at)
    except WarehouseError as error:
        return AccountHistory(problem=str(error))


def _load_file(source: Path, account_id: str, at: datetime) -> AccountHistory:
    try:
        with open_warehouse(source, read_only=True, wait_seconds=WAIT_SECONDS) as connection:
            return _load(connection, account_id, at)
    except duckdb.CatalogException:
        return AccountHistory(problem=f"{source} holds no balances, orders or payments yet: run smsonline sync")
    except duckdb.Error as error:
        return AccountHistory(problem=f"{source} could not be read: {str(error).splitlines()[0]}")


def _load(connection: duckdb.DuckDBPyConnection, account_id: str, at: datetime) -> AccountHistory:
    # Values are written into the text: to bind a parameter DuckDB imports pandas, which takes half a second.
    values = {
        "account": quote_literal(account_id),
        "known_at": f"to_timestamp({at.timestamp()!r})",
        "hours": str(HISTORY_DAYS * HOURS_PER_DAY),
    }

    def query(name: str) -> list[tuple[Any, ...]]:
        return connection.execute(render(f"account_{name}", **values)).fetchall()

    balances, ((seen_until,),) = query("balance"), query("balance_load")
    if not balances:
        return AccountHistory(problem=f"no balance of account {account_id} is known yet: run smsonline sync")
    values["seen_until"] = "NULL::TIMESTAMPTZ" if seen_until is None else f"to_timestamp({seen_until!r})"
    ((as_of, burn),) = query("burn_rate")
    return AccountHistory(_spend(as_of, burn, query("hourly_spend")), _terms(balances[0], query))


def _spend(as_of: float, burn: float | None, rows: Sequence[tuple[Any, ...]]) -> SpendHistory:
    """Rates of the known hours by their age, and the sums of all of them."""
    rates = {age: cents / share for age, share, cents, *_ in rows if share >= MIN_KNOWN_SHARE}
    sums = [round(sum(row[column] for row in rows)) for column in (3, 4, 5)]
    hours = [rates.get(age) for age in range(max(rates, default=-1) + 1)]
    return SpendHistory(datetime.fromtimestamp(as_of, UTC), burn, hours, *sums)


def _terms(newest: tuple[Any, ...], query: Query) -> AccountTerms:
    tiers = [DiscountTier(*row) for row in query("discount_tiers")]
    coupons = [
        DiscountCoupon(code, status, percent, target, None if end is None else datetime.fromtimestamp(end, UTC))
        for code, status, percent, target, end in query("coupons")
    ]
    cents, charged, label = newest
    return AccountTerms(cents, charged, label, tiers, coupons)
