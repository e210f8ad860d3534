"""What the warehouse knows of an account's money, for its forecast: plain SQL, read-only, never waited for.

The analysts' copy is read where there is one: no sync ever holds it, and reading it holds up no sync.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from topups.advisor import Coupon, Standing, Tier
from topups.forecast.facts import DAYS, Purchase, Sighting, TopUp
from warehouse.connection import opened
from warehouse.errors import WarehouseError
from warehouse.publish import published_path
from warehouse.sql_files import literal, sql

# A forecast is worth no more: the pass goes on without one.
WAIT_SECONDS = 0.3
# Numbers may live for days: orders from before the first hour that counts can still come back in it.
LONGEST_ORDER = timedelta(days=2)


@dataclass(frozen=True)
class Past:
    """What was known at an instant. ``top_ups`` by payment id; ``problem`` says why nothing is, in one line."""

    sightings: list[Sighting] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    top_ups: dict[str, TopUp] = field(default_factory=dict)
    standing: Standing | None = None
    problem: str = ""


def past_of(warehouse: Path, account_id: str, at: datetime) -> Past:
    """The past of an account as it was known at ``at``. Raises nothing that a warehouse can cause."""
    copy = published_path(warehouse)
    source = copy if copy.exists() else warehouse
    try:
        with opened(source, read_only=True, wait_seconds=WAIT_SECONDS) as connection:
            return _read(connection, account_id, at)
    except WarehouseError as error:
        return Past(problem=str(error))
    except duckdb.CatalogException:
        return Past(problem=f"{source} holds no balances, orders or payments yet: run smsonline sync")
    except duckdb.Error as error:
        return Past(problem=f"{source} could not be read: {str(error).splitlines()[0]}")


def _read(connection: duckdb.DuckDBPyConnection, account_id: str, at: datetime) -> Past:
    since = at - timedelta(days=DAYS)

    def ask(name: str, since: datetime = since) -> list[Any]:
        # Parameters would be neater, but to bind one DuckDB imports pandas, which takes half a second.
        words = {"account": literal(account_id), "as_of": repr(at.timestamp()), "since": repr(since.timestamp())}
        return connection.execute(sql(f"forecast_{name}", **words)).fetchall()

    balances, payments = ask("balances"), ask("payments")
    looks: list[Sighting] = []
    for first, last, cents, total, _ in balances:
        looks += [Sighting(first, cents, total), Sighting(last, cents, total)][: 1 + (last > first)]
    return Past(
        looks,
        [Purchase(*row) for row in ask("orders", since - LONGEST_ORDER)],
        {payment_id: TopUp(unpaid, paid, cents) for payment_id, unpaid, paid, cents in payments},
        _standing(balances[-1], ask("tiers"), ask("coupons")) if balances else None,
        "" if balances else f"no balance of account {account_id} is known yet: run smsonline sync",
    )


def _standing(newest: tuple[float, float, int, int, str], tiers: list[Any], coupons: list[Any]) -> Standing:
    return Standing(
        balance_cents=newest[2],
        charged_cents=newest[3],
        label=newest[4],
        tiers=[Tier(*row) for row in tiers],
        coupons=[
            Coupon(code, status, percent, target, None if end is None else datetime.fromtimestamp(end, UTC))
            for code, status, percent, target, end in coupons
        ],
    )
