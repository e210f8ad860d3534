"""The state of the simulated vendor: its market, one customer account, and the clock that moves both."""

from collections.abc import Callable
from datetime import datetime

from smsonline.sandbox.simulation.account import SimulatedAccount
from smsonline.sandbox.simulation.clock import SimulatedClock
from smsonline.sandbox.simulation.invoices import Invoice
from smsonline.sandbox.simulation.market import TICK_SECONDS, Market
from smsonline.sandbox.simulation.reference_data import Scale
from smsonline.sandbox.simulation.seeded_random import Ints


class SandboxState:
    """All data behind the sandbox's responses; determined by the seed, the opening day, the time and the calls."""

    def __init__(self, seed: int, scale: Scale, user_id: str, now: Callable[[], datetime] | None) -> None:
        self.seed = seed
        self.user_id = user_id
        self.clock = SimulatedClock(now)
        self.market = Market(seed, scale)
        self.account = SimulatedAccount(seed, self.market, self.clock.instant())
        self._cached_bodies: dict[str, tuple[int, bytes]] = {}

    def process_due_events(self) -> int:
        """Runs every event that is due and returns the current time in Unix seconds."""
        now = self.clock.instant()
        self.account.process_due_events(now)
        return now

    def available_stock(self, offers: Ints, now: int) -> list[int]:
        """Numbers left per offer: the market's stock without the active numbers that API calls bought."""
        reserved = self.account.reserved_stock(now)
        stock = self.market.stock(offers, now // TICK_SECONDS).tolist()
        return [max(0, count - reserved[offer]) for offer, count in zip(offers.tolist(), stock, strict=True)]

    def invoice(self, reference: str) -> Invoice | None:
        """The invoice with this order id, uuid or payment page, if there is one."""
        uuid = reference.rsplit("/", 1)[-1]
        return next((i for i in self.account.invoices if reference == i.order_id or uuid == i.uuid), None)

    def cached_body(self, name: str, now: int, encode: Callable[[int], bytes]) -> bytes:
        """A large response body that changes with the market only; encoded once per tick."""
        tick = now // TICK_SECONDS
        cached = self._cached_bodies.get(name)
        if cached is None or cached[0] != tick:
            cached = self._cached_bodies[name] = (tick, encode(tick))
        return cached[1]
