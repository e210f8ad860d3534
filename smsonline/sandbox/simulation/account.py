"""The account's money and orders, as a queue of timed events.

The history starts two weeks before the UTC day on which the sandbox was opened; afterwards come the account's own
purchases, API calls and payments. Events run in order of time whatever the steps of the clock, so two sandboxes opened
on one day agree at every later instant. At each instant: opening + credited - purchased + refunded = balance.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from smsonline.sandbox.simulation.invoices import CONFIRM_SECONDS, Invoice, ReceivedPayment, new_address, new_uuid
from smsonline.sandbox.simulation.market import Market
from smsonline.sandbox.simulation.orders import DAY_SECONDS, SimulatedOrder, scheduled_orders
from smsonline.sandbox.simulation.seeded_random import seeded_rng

HISTORY_DAYS = 14
OPENING_CENTS = 2400
CHARGED_BEFORE_CENTS = 1800
DISCOUNTS = ((8000, 80, "-20%"), (6000, 85, "-15%"), (4000, 90, "-10%"), (2000, 95, "-5%"), (0, 100, "0%"))
# Days before opening, method, invoice amount and amount paid, both in US cents.
PAST_PAYMENTS = (
    (13, "cryptomus", 2000, 2000),
    (11, "cryptomus", 1000, 0),
    (10, "pay4bit", 1000, 1000),
    (6, "cryptomus", 1500, 1523),
    (3, "cryptomus", 1200, 1100),
    (2, "stripe", 500, 0),
)


@dataclass
class SimulatedCoupon:
    """A bonus on one crypto top-up, in percent. Times in Unix seconds."""

    code: str
    issued_at: int
    expires_at: int
    percent: int
    used_at: int | None = None

    def status(self, now: int) -> str:
        """``issued``, ``used`` or ``expired``."""
        if self.used_at is not None:
            return "used"
        return "issued" if now < self.expires_at else "expired"


class SimulatedAccount:
    """One customer. All amounts in US cents."""

    def __init__(self, seed: int, market: Market, opened_at: int) -> None:
        self.seed = seed
        self.market = market
        self.orders: dict[str, SimulatedOrder] = {}
        self.invoices: list[Invoice] = []
        self.purchased_cents = 0
        self.refunded_cents = 0
        self.credited_cents = 0
        self._events: list[tuple[int, int, Callable[[int], None]]] = []
        self._event_count = 0
        today = opened_at // DAY_SECONDS
        self.favourites = [(market.services[n].code, market.countries[n % 3].code) for n in (0, 3, 5)]
        self.coupons = [
            SimulatedCoupon(
                code=f"TOPUP{seeded_rng(seed, 'coupon', number).randrange(10_000, 100_000)}",
                issued_at=(today - days) * DAY_SECONDS + 8250,
                expires_at=(today - days + 30) * DAY_SECONDS + 8250,
                percent=10,
            )
            for number, days in enumerate((5, 20, 45))
        ]
        self.coupons[1].used_at = (today - 15) * DAY_SECONDS
        for days, method, amount, paid in PAST_PAYMENTS:
            hour = seeded_rng(seed, "payday", days).randrange(8, 20)
            invoice = self.create_invoice(method, amount, (today - days) * DAY_SECONDS + hour * 3600)
            if paid:
                self.receive_payment(invoice, paid, invoice.created_at + 420)
        self._schedule((today - HISTORY_DAYS) * DAY_SECONDS, self._schedule_day)
        self.process_due_events(opened_at)

    @property
    def balance_cents(self) -> int:
        """Money the account can spend."""
        return OPENING_CENTS + self.credited_cents - self.purchased_cents + self.refunded_cents

    @property
    def total_charges_cents(self) -> int:
        """Sum of all credits ever; decides the discount."""
        return CHARGED_BEFORE_CENTS + self.credited_cents

    @property
    def discount(self) -> tuple[int, int, str]:
        """The tier in force: threshold in US cents, percent of the list price to pay, label."""
        return next(tier for tier in DISCOUNTS if self.total_charges_cents >= tier[0])

    def process_due_events(self, now: int) -> None:
        """Runs every event that is due by ``now``, in order of time."""
        while self._events and self._events[0][0] <= now:
            at, _, run_event = heapq.heappop(self._events)
            run_event(at)

    def charge(self, list_price_cents: int) -> int:
        """A list price after the discount, at least one cent."""
        return max(1, list_price_cents * self.discount[1] // 100)

    def buy(self, order: SimulatedOrder) -> bool:
        """Charges an order and adds it to the account; ``False`` when the balance is too low."""
        if order.price_cents > self.balance_cents:
            return False
        self.purchased_cents += order.price_cents
        self.orders[order.order_id] = order
        self._schedule(order.expires_at, partial(self._refund_expired, order))
        return True

    def refund(self, order: SimulatedOrder, now: int) -> None:
        """Refunds the whole price of an unused number."""
        order.refunded_at = now
        self.refunded_cents += order.price_cents

    def create_invoice(
        self, method: str, cents: int, at: int, coupon: SimulatedCoupon | None = None, coin: str = "USDT/TRON"
    ) -> Invoice:
        """Creates a payable invoice and uses up the coupon."""
        rng = seeded_rng(self.seed, "invoice", len(self.invoices))
        currency, network = coin.split("/")
        invoice = Invoice(new_uuid(rng), new_uuid(rng), method, cents, at, currency, network)
        invoice.address = new_address(network, rng)
        if coupon:
            coupon.used_at, invoice.bonus_percent = at, coupon.percent
        self.invoices.append(invoice)
        self._schedule(invoice.expires_at, partial(self._credit, invoice))
        return invoice

    def receive_payment(self, invoice: Invoice, cents: int, at: int) -> None:
        """Adds money to an invoice, at ``at`` or later; it is credited once confirmed."""
        invoice.receipts.append(ReceivedPayment(at, cents))
        self._schedule(at + CONFIRM_SECONDS, partial(self._credit, invoice))

    def reserved_stock(self, now: int) -> Counter[int]:
        """Active numbers per offer that API calls bought; the vendor's stock lacks them."""
        return Counter(order.offer for order in self.orders.values() if order.by_call and order.is_active(now))

    def toggle_favourite(self, service: str, country: str) -> bool:
        """Adds or removes a favourite and returns whether it is one afterwards."""
        if (service, country) in self.favourites:
            self.favourites.remove((service, country))
            return False
        self.favourites.append((service, country))
        return True

    def _schedule(self, at: int, run_event: Callable[[int], None]) -> None:
        self._event_count += 1
        heapq.heappush(self._events, (at, self._event_count, run_event))

    def _schedule_day(self, at: int) -> None:
        for order in scheduled_orders(self.seed, self.market, at // DAY_SECONDS):
            self._schedule(order.bought_at, partial(self._buy_scheduled, order))
        self._schedule(at + DAY_SECONDS, self._schedule_day)

    def _buy_scheduled(self, order: SimulatedOrder, _: int) -> None:
        order.price_cents = self.charge(order.price_cents)
        self.buy(order)

    def _refund_expired(self, order: SimulatedOrder, at: int) -> None:
        if order.refunded_at is None and not order.received(at):
            self.refunded_cents += order.price_cents

    def _credit(self, invoice: Invoice, at: int) -> None:
        due = invoice.due_cents(at)
        invoice.credited_cents += due
        self.credited_cents += due
