"""Top-ups of the account's balance: the life of invoices and direct wallets.

The statuses are those of Cryptomus (`check`, `process`, `confirm_check`, `paid`, `paid_over`, `wrong_amount_waiting`,
`wrong_amount`, `cancel`); that the vendor passes them on, and that it credits what arrived, is assumed.
"""

import random
import uuid
from dataclasses import dataclass, field
from typing import NamedTuple

LIFE_SECONDS = 3600
PROCESS_SECONDS = 60
CONFIRM_SECONDS = 300
FINAL = ("paid", "paid_over", "wrong_amount")
EVM_NETWORKS = ("BSC", "ETH", "POLYGON", "ARBITRUM", "AVALANCHE")
NETWORKS = {
    **{coin: (coin,) for coin in ("BTC", "LTC", "ETH", "XMR", "SOL", "DASH", "DOGE", "TON", "BCH")},
    "USDT": ("BSC", "TRON", "ETH", "POLYGON", "ARBITRUM", "AVALANCHE", "SOL", "TON"),
    "USDC": EVM_NETWORKS,
    "DAI": ("BSC", "POLYGON", "ETH"),
    "POL": ("POLYGON", "ETH"),
    "TRX": ("TRON",),
    "BNB": ("BSC",),
    "AVAX": ("AVALANCHE",),
}
# Invented, steady prices of one coin in US dollars.
DOLLARS = {"BTC": 95_000, "LTC": 95, "TRX": 0.25, "ETH": 3200, "XMR": 220, "POL": 0.4, "BNB": 640, "SOL": 170}
DOLLARS |= {"DASH": 32, "DOGE": 0.2, "TON": 4, "BCH": 480, "AVAX": 28, "USDT": 1.002, "USDC": 1, "DAI": 1}


class ReceivedPayment(NamedTuple):
    """Money that reached an invoice: the time it was first visible (Unix seconds), and US cents."""

    at: int
    cents: int


@dataclass
class Invoice:
    """One top-up. ``uuid`` ends the payment page's URL and is the row's ``sesid``; ``order_id`` is its ``payId``."""

    order_id: str
    uuid: str
    method: str
    amount_cents: int
    created_at: int
    currency: str = "USDT"
    network: str = "TRON"
    address: str = ""
    bonus_percent: int = 0
    receipts: list[ReceivedPayment] = field(default_factory=list)
    credited_cents: int = 0

    @property
    def expires_at(self) -> int:
        """Payable for one hour; later payments are still credited."""
        return self.created_at + LIFE_SECONDS

    @property
    def url(self) -> str:
        """The payment page."""
        return f"https://pay.cryptomus.com/pay/{self.uuid}"

    def received_cents(self, now: int) -> int:
        """US cents that reached the invoice by ``now``."""
        return sum(receipt.cents for receipt in self.receipts if receipt.at <= now)

    def status(self, now: int) -> str:
        """The Cryptomus status at ``now``."""
        arrivals = [receipt.at for receipt in self.receipts if receipt.at <= now]
        if not arrivals:
            return "check" if now < self.expires_at else "cancel"
        if now - max(arrivals) < CONFIRM_SECONDS:
            return "process" if now - max(arrivals) < PROCESS_SECONDS else "confirm_check"
        missing = self.amount_cents - self.received_cents(now)
        if missing > 0:
            return "wrong_amount_waiting" if now < self.expires_at else "wrong_amount"
        return "paid" if missing == 0 else "paid_over"

    def due_cents(self, now: int) -> int:
        """US cents to credit to the balance at ``now``."""
        if self.status(now) not in FINAL:
            return 0
        return self.received_cents(now) * (100 + self.bonus_percent) // 100 - self.credited_cents

    def amount_in_crypto(self) -> str:
        """The amount in coins: two decimals for a dollar coin, eight for others."""
        coins = self.amount_cents / 100 / DOLLARS[self.currency]
        return f"{coins:.2f}" if self.currency in ("USDT", "USDC", "DAI") else f"{coins:.8f}"


def new_uuid(rng: random.Random) -> str:
    """A repeatable UUID."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def new_address(network: str, rng: random.Random) -> str:
    """Text in the format of the network's addresses. Nobody owns it."""
    if network in EVM_NETWORKS:
        return "0x" + "".join(rng.choices("0123456789abcdef", k=40))
    start = {"TRON": "T", "BTC": "bc1q", "LTC": "ltc1q", "TON": "UQ", "DOGE": "D"}.get(network, "")
    return start + "".join(rng.choices("abcdefghjkmnpqrstuvwxyz23456789", k=34 - len(start)))
