"""Forecast of one account, from warehouse and ledger. It reads both and writes nothing.

Neither can make it fail: what cannot be read is not known. Imports no pandas and no ledger; the caller passes an open
one. Reads the analysts' copy while a sync locks the warehouse; the copy may be an hour older, as a sync that changed
nothing does not publish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb

from topups.decision.snapshot import BurnForecast
from topups.forecast.recommendations import AccountTerms, DiscountCoupon, DiscountTier, Recommendation, recommend
from topups.forecast.runway import (
    HISTORY_DAYS,
    HOURS_PER_DAY,
    MIN_KNOWN_SHARE,
    Forecast,
    SpendHistory,
    forecast_runway,
    lead_time,
)
from topups.payment_states import State
from topups.policy import Policy
from warehouse.database.reading import open_readable
from warehouse.database.write_ahead_log import has_identity
from warehouse.errors import WarehouseError
from warehouse.ledger_replica import LedgerOffset
from warehouse.sql import quote_literal, render

if TYPE_CHECKING:
    from topups.ledger import Ledger

Row = TypeVar("Row")
MAX_PAYMENTS = 50
# A forecast is worth no more: the run goes on without one.
WAIT_SECONDS = 0.3
NO_COPY = LedgerOffset()
TOO_FEW_HOURS = "the burn rate is not known yet: less than one hour of the last 24 is known"


@dataclass(frozen=True)
class AccountHistory:
    """Spend and terms of an account; ``problem`` says in one line why there are none.

    ``ledger_offset`` is the state of the ledger that the warehouse has copied.
    """

    spend: SpendHistory | None = None
    terms: AccountTerms | None = None
    problem: str = ""
    ledger_offset: LedgerOffset = NO_COPY


def load_account_history(warehouse: Path, account_id: str, at: datetime) -> AccountHistory:
    """The history of an account as it was known at ``at``. Raises nothing that a warehouse can cause."""
    offset = NO_COPY
    try:
        with open_readable(warehouse, wait_seconds=WAIT_SECONDS) as (connection, source, _):
            if source != warehouse and not has_identity(connection):
                return AccountHistory(problem=f"{source} was made by an earlier release: run smsonline sync")
            offset = _copied_ledger(connection)
            return replace(_load(connection, account_id, at), ledger_offset=offset)
    except WarehouseError as error:
        return AccountHistory(problem=str(error), ledger_offset=offset)
    except duckdb.CatalogException:
        problem = f"{warehouse} holds no balances, orders or payments yet: run smsonline sync"
        return AccountHistory(problem=problem, ledger_offset=offset)
    except duckdb.Error as error:
        problem = f"{warehouse} could not be read: {str(error).splitlines()[0]}"
        return AccountHistory(problem=problem, ledger_offset=offset)


def _copied_ledger(connection: duckdb.DuckDBPyConnection) -> LedgerOffset:
    """The state of the ledger that was copied; none in a file of an earlier schema. The analysts' copy has it too."""
    try:
        row = connection.execute("SELECT seq, hash, coalesce(ledger_id, '') FROM ops.ledger_offset").fetchone()
    except duckdb.Error:
        return NO_COPY
    return LedgerOffset(*row) if row else NO_COPY


def _load(connection: duckdb.DuckDBPyConnection, account_id: str, at: datetime) -> AccountHistory:
    # Values are written into the text: to bind a parameter DuckDB imports pandas, which takes half a second.
    account, known_at = quote_literal(account_id), f"to_timestamp({at.timestamp()!r})"
    balances = connection.execute(render("account_balance", account=account, known_at=known_at)).fetchall()
    if not balances:
        return AccountHistory(problem=f"no balance of account {account_id} is known yet: run smsonline sync")
    ((cents, charged, label, seen),) = balances
    seen_until = "NULL::TIMESTAMPTZ" if seen is None else f"to_timestamp({seen!r})"
    hours = str(HISTORY_DAYS * HOURS_PER_DAY)
    history = render("account_history", account=account, known_at=known_at, seen_until=seen_until, hours=hours)
    (((as_of, burn), known_hours, tiers, coupons),) = connection.execute(history).fetchall()
    rows = known_hours or []
    rates = {age: spent / share for age, share, spent, *_ in rows if share >= MIN_KNOWN_SHARE}
    sums = [round(sum(row[column] for row in rows)) for column in (3, 4, 5)]
    by_age = [rates.get(age) for age in range(max(rates, default=-1) + 1)]
    spend = SpendHistory(datetime.fromtimestamp(as_of, UTC), burn, by_age, *sums)
    terms = AccountTerms(
        cents,
        charged,
        label,
        [DiscountTier(*row) for row in tiers or []],
        [
            DiscountCoupon(code, status, percent, target, None if end is None else datetime.fromtimestamp(end, UTC))
            for code, status, percent, target, end in coupons or []
        ],
    )
    return AccountHistory(spend, terms)


class Forecaster:
    """Forecasts of one account. Reads the warehouse at the first call and keeps the result: make one for each run."""

    def __init__(self, warehouse: Path, account_id: str, policy: Policy, ledger: Ledger | None = None) -> None:
        self._warehouse, self._account_id, self._policy, self._ledger = warehouse, account_id, policy, ledger
        self._loaded: tuple[datetime, AccountHistory] | None = None
        self.problem = ""

    def forecast(self, at: datetime, balance_cents: int | None = None) -> Forecast | None:
        """The forecast as of ``at``, for the newest balance in the warehouse unless one is given.

        None when it is not possible; ``problem`` then says why, in one line.
        """
        history = self._history(at)
        self.problem = history.problem
        if history.spend is None or history.terms is None:
            return None
        payments = self._read(lambda ledger: ledger.payments(self._account_id, (State.CREDITED,), MAX_PAYMENTS))
        lead = lead_time(payments, self._policy, at)
        cents = history.terms.balance_cents if balance_cents is None else balance_cents
        forecast = forecast_runway(history.spend, cents, lead, at)
        self.problem = "" if forecast else TOO_FEW_HOURS
        return forecast

    def burn(self, at: datetime) -> BurnForecast | None:
        """The figures that a decision uses, for the ledger's newest balance where the warehouse has an older one."""
        spend = self._history(at).spend
        observed = self._read(lambda ledger: ledger.observations(self._account_id, "balance", limit=1))
        newer = [row.figure for row in observed if spend and spend.as_of < row.at <= at]
        forecast = self.forecast(at, newer[0] if newer else None)
        return forecast.burn if forecast else None

    def ledger_offset(self, at: datetime) -> LedgerOffset:
        """The state of the ledger that the warehouse, or its copy while a sync locks it, has copied."""
        return self._history(at).ledger_offset

    def recommendations(
        self, forecast: Forecast | None, at: datetime, balance_cents: int | None, planned_cents: int | None
    ) -> list[Recommendation]:
        """Recommendations as of ``at``; empty when nothing is known."""
        terms = self._history(at).terms
        if terms is None:
            return []
        if balance_cents is not None:
            terms = replace(terms, balance_cents=balance_cents)
        monthly, reorder = (forecast.monthly_cents, forecast.reorder_cents or 0) if forecast else (0.0, 0)
        return recommend(terms, self._policy, at, monthly, reorder, planned_cents)

    def _history(self, at: datetime) -> AccountHistory:
        if self._loaded is None or at < self._loaded[0]:
            self._loaded = at, load_account_history(self._warehouse, self._account_id, at)
        return self._loaded[1]

    def _read(self, query: Callable[[Ledger], list[Row]]) -> list[Row]:
        """Rows of the ledger; none without one or when it cannot be read."""
        if self._ledger is None:
            return []
        from topups.ledger import LedgerUnavailable  # whoever passes a ledger has imported it

        try:
            return query(self._ledger)
        except LedgerUnavailable:
            return []
