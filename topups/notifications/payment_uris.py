"""What a wallet scans: a payment URI with the amount where the coin has a standard for it, else the bare address.

BIP 21 for Bitcoin and the coins that took it over, EIP-681 for the native coins of Ethereum-like networks. A token
would need its contract's address, which no documented response contains.
"""

from decimal import Decimal, InvalidOperation

from topups.ledger.models import Payment
from topups.payment_states import State

BIP21_SCHEMES = {"BTC": "bitcoin", "LTC": "litecoin", "DOGE": "dogecoin", "BCH": "bitcoincash", "DASH": "dash"}
BIP21_DECIMALS = 8
# Chain ids of EIP-155 by native coin and network.
EVM_CHAINS = {("ETH", "ETH"): 1, ("BNB", "BSC"): 56, ("POL", "POLYGON"): 137, ("AVAX", "AVALANCHE"): 43114}
EVM_DECIMALS = 18


def scan_text(payment: Payment) -> str:
    """The text of the QR code, from verified columns; empty without a link and an address.

    The rest of an underpaid payment is not known: its URI has no amount.
    """
    if not payment.address:
        return payment.url or ""
    amount = None if payment.state == State.UNDERPAID_WAITING else _amount(payment.amount_in_crypto)
    return payment_uri(payment.address, payment.currency, payment.network, amount)


def payment_uri(address: str, currency: str, network: str, amount: Decimal | None) -> str:
    """The payment URI of an address; the bare address without an amount, or where the coin has no such URI."""
    coin, chain = currency.upper(), network.upper()
    if amount is None:
        return address
    if coin == chain and coin in BIP21_SCHEMES:
        scheme = BIP21_SCHEMES[coin]
        bare = address.removeprefix("bitcoincash:")
        if coin == "BCH" and not bare.startswith(("q", "p")):
            return address
        return address if _decimals(amount) > BIP21_DECIMALS else f"{scheme}:{bare}?amount={amount:f}"
    chain_id = EVM_CHAINS.get((coin, chain))
    if chain_id is None or _decimals(amount) > EVM_DECIMALS:
        return address
    return f"ethereum:{address}@{chain_id}?value={int(amount.scaleb(EVM_DECIMALS))}"


def _amount(text: str | None) -> Decimal | None:
    try:
        amount = Decimal(text or "")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount > 0 and -30 < amount.adjusted() < 30 else None


def _decimals(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
