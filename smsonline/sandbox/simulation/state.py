"""The vendor's state: the market, one account, and the clock that moves both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from smsonline.sandbox.simulation.account import Account
from smsonline.sandbox.simulation.clock import Clock
from smsonline.sandbox.simulation.invoices import Invoice
from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.reference_data import Scale


class World:
    """Everything the sandbox answers from. Deterministic from the seed, the opening day, the instant and the calls."""

    def __init__(self, seed: int, scale: Scale, user_id: str, now: Callable[[], datetime] | None) -> None:
        self.seed = seed
        self.user_id = user_id
        self.clock = Clock(now)
        self.market = Market(seed, scale)
        self.account = Account(seed, self.market, self.clock.instant())
        self._encoded: dict[str, tuple[int, bytes]] = {}

    def settle(self) -> int:
        """The present instant in Unix seconds, with everything due by then done."""
        now = self.clock.instant()
        self.account.settle(now)
        return now

    def invoice(self, reference: str) -> Invoice | None:
        """An invoice by its order id, its uuid or its payment page."""
        uuid = reference.rsplit("/", 1)[-1]
        return next((i for i in self.account.invoices if reference == i.order_id or uuid == i.uuid), None)

    def encoded(self, name: str, now: int, encode: Callable[[int], bytes]) -> bytes:
        """A large answer that only moves with the market, encoded once per tick."""
        tick = now // TICK_SECONDS
        known = self._encoded.get(name)
        if known is None or known[0] != tick:
            known = self._encoded[name] = (tick, encode(tick))
        return known[1]
