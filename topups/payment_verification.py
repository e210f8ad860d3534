"""Verification of links, addresses and amounts: what a response has to pass before it is shown to anyone."""

import re
from collections.abc import Container, Mapping
from urllib.parse import urlsplit

from topups.gateway import CreateResponse, PaymentRequest, Transaction, VendorPayment
from topups.payment_methods import PAYMENT_METHODS

_EVM = r"0x[0-9a-fA-F]{40}"
_BASE58 = r"[1-9A-HJ-NP-Za-km-z]"
# The format only: the paying wallet checks the check digits. Loose where a network has several formats.
ADDRESS_FORMS: Mapping[str, str] = {
    **dict.fromkeys(("BSC", "ETH", "POLYGON", "ARBITRUM", "AVALANCHE"), _EVM),
    "TRON": r"T[0-9A-Za-z]{33}",
    "BTC": rf"(bc1[0-9a-z]{{11,71}}|[13]{_BASE58}{{25,34}})",
    "LTC": rf"(ltc1[0-9a-z]{{11,71}}|[LM3]{_BASE58}{{25,34}})",
    "DOGE": r"[DA9][0-9A-Za-z]{24,34}",
    "TON": r"([UEk0]Q?[0-9A-Za-z_-]{30,48}|-?[0-9]:[0-9a-fA-F]{64})",
    "BCH": r"((bitcoincash:)?[qp][0-9a-z]{41}|[13]?[0-9A-Za-z]{25,35})",
    "SOL": r"[0-9A-Za-z]{32,44}",
    "DASH": r"[0-9A-Za-z]{26,35}",
    "XMR": r"[0-9A-Za-z]{34,106}",
}
PATH_SEGMENT = re.compile(r"[0-9A-Za-z_-]{1,128}")


def url_problem(url: str, hosts: Container[str]) -> str:
    """Why a link must not be shown, or an empty text."""
    try:
        url_parts = urlsplit(url)
        host, port = url_parts.hostname or "", url_parts.port
    except ValueError:
        return "the link is malformed"
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "the link has characters that a link cannot have"
    if url_parts.scheme != "https" or url_parts.username is not None or port not in (None, 443):
        return "the link is not plain https"
    if host not in hosts:
        problem = f"the link leads to {host[:60]!r}, which is not among the allowed hosts"
        return f"{problem}; if you trust it, add it to [topup] url_hosts"
    return "" if PATH_SEGMENT.fullmatch(last_path_segment(url)) else "the link names no payment"


def last_path_segment(url: str) -> str:
    """The last segment of a link's path: the payment's id at the payment provider."""
    return urlsplit(url).path.rpartition("/")[2]


def address_problem(address: str, network: str) -> str:
    """Why an address must not be shown, or an empty text. Checks the form only."""
    form = ADDRESS_FORMS.get(network.upper())
    if form is None or not re.fullmatch(form, address):
        return f"the address does not look like one of the network {network[:20]}"
    return ""


def response_problem(response: CreateResponse, request: PaymentRequest, hosts: Container[str]) -> str:
    """What is wrong with a create response by itself; empty if it may be compared with the vendor's list."""
    if PAYMENT_METHODS[request.rail].wallet:
        return (
            coin_problem(response, request)
            or address_problem(response.address, request.network)
            or _amount_problem(response, request)
        )
    return url_problem(response.url, hosts)


def coin_problem(response: CreateResponse | Transaction, request: PaymentRequest) -> str:
    """Whether currency or network differ from the request. Responses spell networks in lower case."""
    if response.currency.upper() != request.currency or response.network.upper() != request.network:
        received = f"{response.currency[:20]} on {response.network[:20]}"
        return f"asked for {request.currency} on {request.network}, the vendor says {received}"
    return ""


def transaction_problem(
    transaction: Transaction, response: CreateResponse, request: PaymentRequest, hosts: Container[str]
) -> str:
    """Whether the vendor's read disagrees with the request or with the create response."""
    if PAYMENT_METHODS[request.rail].wallet:
        differing = response.address and transaction.address != response.address
        wrong = coin_problem(transaction, request) or address_problem(transaction.address, request.network)
        wrong = wrong or ("the address changed between two answers" if differing else "")
    else:
        differing = response.url and transaction.url != response.url
        wrong = "the link changed between two answers" if differing else url_problem(transaction.url, hosts)
    return wrong or _amount_problem(transaction, request)


def row_problem(row: VendorPayment, request: PaymentRequest) -> str:
    """Whether the vendor's list has another amount than was requested."""
    return "" if row.amount_cents == request.amount_cents else _amount_difference(row.amount_cents, request)


def _amount_problem(response: CreateResponse | Transaction, request: PaymentRequest) -> str:
    # A response may lack the amount; the list never does.
    if response.amount_cents in (None, request.amount_cents):
        return ""
    return _amount_difference(response.amount_cents or 0, request)


def _amount_difference(cents: int, request: PaymentRequest) -> str:
    return f"asked for {request.amount_cents} cents, the vendor says {cents}"
