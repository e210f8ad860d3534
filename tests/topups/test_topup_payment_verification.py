"""What an answer has to be before any person sees it, rail by rail."""

from dataclasses import replace

import pytest
from topup_fakes import START

from smsonline.sandbox.simulation.invoices import NETWORKS, new_address
from topups import payment_methods, payment_verification
from topups.gateway import CreateResponse, PaymentRequest, Transaction, VendorPayment
from topups.money import usd, with_unique_cents
from topups.policy import kill_switch_on
from topups.vendor.http_gateway import format_dollars
from topups.vendor.records import parse_cents

HOSTS = frozenset({"pay.cryptomus.com"})
GOOD = "https://pay.cryptomus.com/pay/991d9a35-e6db-43b7-8922-0000000000"
INVOICE = PaymentRequest("v3_invoice", 500)
WALLET = PaymentRequest("v3_wallet", 500, "USDT", "BSC")
EVM = "0x66b928a82377d75ced043e95738372e9e9607f1f"
CLAIM = CreateResponse(GOOD, "s", "o", EVM, "USDT", "bsc", 500)
TRANSACTION = Transaction("o", "check", 500, "USDT", "bsc", EVM, "4.99", GOOD, START)

BAD_LINKS = [
    "http://pay.cryptomus.com/pay/x",
    "https://pay.cryptomus.com.evil.example/pay/x",
    "https://evil.example/pay.cryptomus.com/x",
    "https://pay.cryptomus.com@evil.example/pay/x",
    "https://user:word@pay.cryptomus.com/pay/x",
    "https://pay.cryptomus.com:8443/pay/x",
    "https://pay.cryptomus.com/pay/",
    "https://pay.cryptomus.com\\@evil.example/x",
    "https://pay.cryptomus.com/pay/a b",
    "https://p\u0430y.cryptomus.com/pay/x",
    "javascript:alert(1)//pay.cryptomus.com/x",
    "//pay.cryptomus.com/pay/x",
    "https://[::1/pay/x",
    "",
]


def test_the_documented_link_is_fine():
    assert payment_verification.url_problem(GOOD, HOSTS) == ""
    assert payment_verification.last_path_segment(GOOD) == "991d9a35-e6db-43b7-8922-0000000000"


@pytest.mark.parametrize("url", BAD_LINKS)
def test_any_other_link_is_refused(url):
    assert payment_verification.url_problem(url, HOSTS)
    assert payment_verification.response_problem(replace(CLAIM, url=url), INVOICE, HOSTS)


@pytest.mark.parametrize(
    "change",
    [{"network": "tron"}, {"currency": "USDC"}, {"amount_cents": 501}, {"address": "T" + "a" * 33}, {"address": ""}],
)
def test_a_wallet_of_another_coin_network_amount_or_form_is_refused(change):
    assert payment_verification.response_problem(CLAIM, WALLET, HOSTS) == ""
    assert payment_verification.response_problem(replace(CLAIM, **change), WALLET, HOSTS)


@pytest.mark.parametrize("change", [{"address": EVM[:-1] + "0"}, {"network": "eth"}, {"amount_cents": 600}])
def test_read_that_disagrees_with_response_is_rejected(change):
    assert payment_verification.transaction_problem(TRANSACTION, CLAIM, WALLET, HOSTS) == ""
    assert payment_verification.transaction_problem(replace(TRANSACTION, **change), CLAIM, WALLET, HOSTS)


def test_link_that_changed_between_responses_is_rejected():
    assert payment_verification.transaction_problem(replace(TRANSACTION, url=GOOD + "1"), CLAIM, INVOICE, HOSTS)
    row = VendorPayment("o", "s", "cryptomus", 501, "check", START, START)
    assert payment_verification.row_problem(row, INVOICE)


@pytest.mark.parametrize(
    "network", sorted({n for networks in payment_methods.WALLET_NETWORKS.values() for n in networks})
)
def test_every_network_has_a_form_of_address(network):
    import random

    assert payment_verification.address_problem(new_address(network, random.Random(1)), network) == ""
    assert payment_verification.address_problem("", network)
    assert payment_verification.address_problem("https://evil.example/?a=" + "a" * 20, network)


def test_the_pairs_are_the_documented_ones():
    assert dict(payment_methods.WALLET_NETWORKS) == NETWORKS


def test_cards_are_listed_and_never_automated():
    assert "pay4bit" in payment_methods.PAYMENT_METHODS
    assert "pay4bit" not in payment_methods.AUTOMATED
    assert payment_methods.method_problems("pay4bit", "", "", "SMSONLINE_TOPUP_")


@pytest.mark.parametrize(
    ("value", "unit", "cents"),
    [(500, "cents", 500), ("5.15", "dollars", 515), ("500", "cents", 500), (5, "dollars", 500)],
)
def test_amounts_are_whole_cents(value, unit, cents):
    assert parse_cents(value, unit) == cents
    assert format_dollars(cents) == usd(cents).removesuffix(" USD")


@pytest.mark.parametrize("value", [True, None, 1.5, "1.5", "many", "NaN", "Infinity", 10**12, []])
def test_anything_else_is_no_amount(value):
    with pytest.raises(ValueError, match="amount"):
        parse_cents(value, "cents")


def test_fingerprints_differ_and_never_raise_the_amount():
    taken: set[int] = set()
    for _ in range(97):
        cents = with_unique_cents(2500, taken)
        assert 2300 < cents <= 2500
        assert cents not in taken
        taken.add(cents)
    assert with_unique_cents(2500, taken) == 2500, "none is left"


@pytest.mark.parametrize(("value", "on"), [("1", True), ("yes", True), ("anything", True), ("", False), ("off", False)])
def test_the_environments_kill_switch_is_on_for_any_word_but_a_no(value, on):
    assert kill_switch_on({"SMSONLINE_TOPUP_KILL": value}) is on
