"""The payment methods of the vendor, and which currencies and networks go together."""

from collections.abc import Mapping
from dataclasses import dataclass

# Documented for the direct wallet.
WALLET_NETWORKS: Mapping[str, tuple[str, ...]] = {
    "USDT": ("BSC", "TRON", "ETH", "POLYGON", "ARBITRUM", "AVALANCHE", "SOL", "TON"),
    "BTC": ("BTC",),
    "LTC": ("LTC",),
    "TRX": ("TRON",),
    "ETH": ("ETH",),
    "XMR": ("XMR",),
    "POL": ("POLYGON", "ETH"),
    "BNB": ("BSC",),
    "USDC": ("BSC", "ETH", "POLYGON", "ARBITRUM", "AVALANCHE"),
    "SOL": ("SOL",),
    "DASH": ("DASH",),
    "DOGE": ("DOGE",),
    "TON": ("TON",),
    "BCH": ("BCH",),
    "AVAX": ("AVALANCHE",),
    "DAI": ("BSC", "POLYGON", "ETH"),
}


@dataclass(frozen=True)
class PaymentMethod:
    """One payment method. ``automated=False``: listed for people, never used by this program.

    ``wallet``: the response is an address for one currency and network; otherwise it is a link to a payment page.
    ``endpoint`` is the name of the create call; ``unit`` is that of its amount.
    """

    name: str
    endpoint: str
    wallet: bool = False
    automated: bool = True
    unit: str = "cents"


PAYMENT_METHODS: Mapping[str, PaymentMethod] = {
    rail.name: rail
    for rail in (
        PaymentMethod("v3_invoice", "create_invoice"),
        PaymentMethod("v3_wallet", "create_wallet", wallet=True, unit="dollars"),
        PaymentMethod("v2_invoice", "v2_create_invoice"),
        # A card page: no documented read can verify its response.
        PaymentMethod("pay4bit", "create_card_invoice", automated=False),
    )
}
AUTOMATED = tuple(name for name, rail in PAYMENT_METHODS.items() if rail.automated)


def method_problems(rail: str, currency: str, network: str, prefix: str) -> list[str]:
    """Why a payment method cannot be used, one line each, naming the settings (``prefix`` before their names)."""
    if rail not in AUTOMATED:
        return [f"{prefix}RAIL must be one of {', '.join(AUTOMATED)}, not {rail!r}"]
    if not PAYMENT_METHODS[rail].wallet:
        return []
    if network not in WALLET_NETWORKS.get(currency, ()):
        choices = ", ".join(WALLET_NETWORKS.get(currency, WALLET_NETWORKS))
        return [f"{prefix}CURRENCY {currency!r} and {prefix}NETWORK {network!r} do not go together; choose {choices}"]
    return []
