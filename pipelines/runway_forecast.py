"""Forecast of one account, from warehouse and ledger. It reads both and writes nothing.

Neither can make it fail: what cannot be read is not known. Imports no pandas and no ledger; the caller passes an open
one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipelines.account_history import AccountHistory, load_account_history
from topups.decision.snapshot import BurnForecast
from topups.forecast.recommendations import Recommendation, recommend
from topups.forecast.runway import Forecast, forecast_runway, lead_time
from topups.payment_states import State
from topups.policy import Policy

if TYPE_CHECKING:
    from topups.ledger import Ledger

Row = TypeVar("Row")
MAX_PAYMENTS = 50
NOT_KNOWN_YET = "the burn rate is not known yet: less than one hour of the last 24 is known"


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
        self.problem = "" if forecast else NOT_KNOWN_YET
        return forecast

    def burn(self, at: datetime) -> BurnForecast | None:
        """The figures that a decision uses, for the ledger's newest balance where the warehouse has an older one."""
        spend = self._history(at).spend
        observed = self._read(lambda ledger: ledger.observations(self._account_id, "balance", limit=1))
        newer = [row.figure for row in observed if spend and spend.as_of < row.at <= at]
        forecast = self.forecast(at, newer[0] if newer else None)
        return forecast.burn if forecast else None

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
