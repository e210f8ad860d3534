"""What a wallet scans: the amount where the coin has a standard, else the bare address."""

from decimal import Decimal

import pytest

from topups.notifications.payment_uris import payment_uri

EVM = "0x" + "a" * 40


@pytest.mark.parametrize(
    ("coin", "network", "address", "amount", "uri"),
    [
        ("BTC", "BTC", "bc1qx", "0.00123000", "bitcoin:bc1qx?amount=0.00123000"),
        ("BTC", "BTC", "bc1qx", "1E-3", "bitcoin:bc1qx?amount=0.001"),
        ("LTC", "LTC", "ltc1qx", "0.5", "litecoin:ltc1qx?amount=0.5"),
        ("DOGE", "DOGE", "Dx", "100", "dogecoin:Dx?amount=100"),
        ("DASH", "DASH", "Xx", "1.5", "dash:Xx?amount=1.5"),
        ("BCH", "BCH", "bitcoincash:qx", "0.1", "bitcoincash:qx?amount=0.1"),
        ("BCH", "BCH", "1x", "0.1", "1x"),
        ("BTC", "BTC", "bc1qx", "0.123456789", "bc1qx"),
        ("ETH", "ETH", EVM, "0.0125", f"ethereum:{EVM}@1?value=12500000000000000"),
        ("BNB", "BSC", EVM, "0.05", f"ethereum:{EVM}@56?value=50000000000000000"),
        ("USDT", "ETH", EVM, "25", EVM),
        ("POL", "ETH", EVM, "25", EVM),
        ("USDT", "TRON", "Tx", "25", "Tx"),
        ("TRX", "TRON", "Tx", "25", "Tx"),
    ],
)
def test_payment_uri_has_the_amount_where_possible(coin, network, address, amount, uri):
    assert payment_uri(address, coin, network, Decimal(amount)) == uri


def test_unknown_amount_gives_the_bare_address():
    assert payment_uri("bc1qx", "BTC", "BTC", None) == "bc1qx"
