"""The forecast of one account, from warehouse and ledger. It reads both, writes nothing, and a pass never waits for it.

Neither can make it fail: what cannot be read is not known. Imports no pandas and no ledger; who has one open passes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipelines.topup.past import Past, past_of
from topups.advisor import Advice, advise
from topups.forecast.burn import spending
from topups.forecast.facts import History, Sighting, TopUp
from topups.forecast.forecasting import LEAST_HOURS, Forecast, forecast
from topups.forecast.lead import MEMORY, lead_time
from topups.policy import Policy
from topups.snapshot import Burn
from topups.states import State

if TYPE_CHECKING:
    from topups.ledger import Ledger, Payment

Row = TypeVar("Row")
# The ledger's own looks at the balance go on where the warehouse ends: a pass every two minutes, for some hours.
LOOKS = 200
LOOKS_WITHOUT_WAREHOUSE = 2000
PAYMENTS = 50


class Forecaster:
    """The forecasts of one account. Reads the warehouse at the first question and keeps it: make one for each pass."""

    def __init__(self, warehouse: Path, account_id: str, policy: Policy, ledger: Ledger | None = None) -> None:
        self._warehouse, self._account_id, self._policy, self._ledger = warehouse, account_id, policy, ledger
        self._past: tuple[datetime, Past] | None = None
        self.problem = ""

    def forecast(self, at: datetime, balance_cents: int | None = None) -> Forecast | None:
        """The forecast as of ``at``, on the newest balance known by then unless one is given.

        None when it is not possible; ``problem`` then says why, in one line.
        """
        past, paid = self._known(at), self._paid(at)
        looks = [*past.sightings, *self._own_looks(at, past.sightings)]
        if not looks:
            self.problem = past.problem
            return None
        history = History(looks, past.purchases, self._top_ups(past, paid))
        cents = looks[-1].cents if balance_cents is None else balance_cents
        lead = lead_time(paid, self._policy, at)
        found = forecast(spending(history, at.timestamp()), cents, lead, self._account_id)
        self.problem = "" if found else past.problem or f"the spending of fewer than {LEAST_HOURS} hours is known"
        return found

    def burn(self, at: datetime) -> Burn | None:
        """What a decision looks at."""
        found = self.forecast(at)
        return found.burn if found else None

    def advice(
        self, found: Forecast | None, at: datetime, balance_cents: int | None, planned_cents: int | None
    ) -> list[Advice]:
        """Recommendations as of ``at``; empty when nothing is known."""
        standing = self._known(at).standing
        if standing is None:
            return []
        if balance_cents is not None:
            standing = replace(standing, balance_cents=balance_cents)
        a_month, reorder = (found.a_month, found.reorder_cents) if found else (0.0, 0)
        return advise(standing, self._policy, at, a_month, reorder, planned_cents)

    def _known(self, at: datetime) -> Past:
        if self._past is None or at < self._past[0]:
            self._past = at, past_of(self._warehouse, self._account_id, at)
        return self._past[1]

    def _own_looks(self, at: datetime, seen: Sequence[Sighting]) -> list[Sighting]:
        """The looks that the ledger remembers from after the last one of the warehouse."""
        last, limit = (seen[-1].at, LOOKS) if seen else (0.0, LOOKS_WITHOUT_WAREHOUSE)
        found = self._read(lambda ledger: ledger.observations(self._account_id, "balance", limit=limit))
        if len(found) == limit and found[-1].at > at:  # as of long ago
            found = self._read(lambda ledger: ledger.observations(self._account_id, "balance"))
        return [
            Sighting(look.at.timestamp(), look.figure)
            for look in reversed(found)
            if look.figure is not None and last < look.at.timestamp() <= at.timestamp()
        ]

    def _paid(self, at: datetime) -> list[Payment]:
        found = self._read(lambda ledger: ledger.payments(self._account_id, (State.CREDITED,), PAYMENTS))
        return [payment for payment in found if at - MEMORY < payment.state_since <= at]

    def _read(self, ask: Callable[[Ledger], list[Row]]) -> list[Row]:
        if self._ledger is None:
            return []
        from topups.ledger import LedgerUnavailable  # who has a ledger has imported it

        try:
            return ask(self._ledger)
        except LedgerUnavailable:
            return []

    def _top_ups(self, past: Past, paid: Sequence[Payment]) -> list[TopUp]:
        """The vendor's list of payments, and of the ledger's what that lacks."""
        own = [
            TopUp(
                payment.created_at.timestamp(),
                payment.state_since.timestamp(),
                payment.vendor_amount_cents or payment.amount_cents,
            )
            for payment in paid
            if payment.vendor_payment_id not in past.top_ups
        ]
        return sorted([*past.top_ups.values(), *own])
