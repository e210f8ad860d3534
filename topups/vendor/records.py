"""The vendor's JSON records as the top-ups use them: rows of the list of payments, transactions, create responses.

What a decision rests on (id, amount, status, owner) has to be readable; anything else that is not is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from smsonline.values.amounts import parse_whole_cents, quote
from smsonline.values.instants import is_without_zone, usable_timestamp
from topups.gateway import Accepted, CreateResponse, Outcome, Transaction, Uncertain, VendorPayment
from topups.money import MAX_PLAUSIBLE_CENTS
from topups.payment_methods import PaymentMethod
from topups.payment_verification import last_path_segment
from topups.vendor.statuses import parse_status

MAX_ID_LENGTH = 128
MAX_TEXT_LENGTH = 4 * MAX_ID_LENGTH
MAX_URL_LENGTH = 10 * MAX_ID_LENGTH


@dataclass(frozen=True)
class Units:
    """What the documentation leaves open, as settings: each amount is ``cents`` or ``dollars``, ``zone`` an IANA name.

    Assumed: all in cents and UTC. Documented: the V2 amount in cents; the wallet's decimal amount in dollars (by its
    example). ``create`` is the unit of the V3 invoice's path.
    """

    balance: str = "cents"
    listed: str = "cents"
    create: str = "cents"
    zone: str = "UTC"


@dataclass(frozen=True)
class RecordReader:
    """Reads the records of one account. ``statuses`` maps further words of the vendor to documented statuses."""

    account_id: str
    units: Units = field(default_factory=Units)
    statuses: Mapping[str, str] = field(default_factory=dict)

    def row(self, record: Any) -> VendorPayment:
        """One row of the list of payments. Raises ``ValueError`` for one that no decision can rest on."""
        if not isinstance(record, dict):
            raise ValueError(f"{quote(record)} is no object")
        vendor_id, session = (_optional_text(record.get(name), MAX_ID_LENGTH) for name in ("payId", "sesid"))
        if not (vendor_id or session):
            raise ValueError("it has no usable id")
        owner = text_of(record.get("userId"))
        if owner and owner != self.account_id:
            raise ValueError("it belongs to another customer")
        given = {"created_at": record.get("created"), "ends_at": record.get("expires_at")}
        times = {name: usable_timestamp(value, self.units.zone) for name, value in given.items()}
        return VendorPayment(
            vendor_id=vendor_id or session,
            session_id=session,
            method=_optional_text(record.get("method")),
            amount_cents=parse_cents(record.get("amount"), self.units.listed),
            status=parse_status(text_of(record.get("status")), self.statuses),
            **times,
            local_times=frozenset(name for name, value in given.items() if times[name] and is_without_zone(value)),
        )

    def transaction(self, record: Mapping[str, Any]) -> Transaction:
        """The vendor's data on one payment; what cannot be read is empty or None."""
        texts = {name: _optional_text(record.get(name)) for name in ("order_id", "currency", "network")}
        return Transaction(
            **texts,
            status=parse_status(_optional_text(record.get("status")), self.statuses),
            amount_cents=cents_or_none(record.get("amountInUSD"), "dollars"),
            address=_optional_text(record.get("to_address")),
            amount_in_crypto=_optional_text(record.get("amountInCrypto")),
            url=_optional_text(record.get("url")),
            ends_at=usable_timestamp(record.get("expire_at"), self.units.zone),
        )


def parse_create_response(rail: PaymentMethod, body: Any) -> Outcome:
    """``Accepted`` with what the response names, still unverified, or ``Uncertain`` if it cannot be read."""
    if not rail.wallet:
        url = _optional_text(body, MAX_URL_LENGTH) if isinstance(body, str) else ""
        if not url:
            return Uncertain("the response has no link")
        return Accepted(CreateResponse(url=url, session_id=_session_id(url)))
    if not isinstance(body, Mapping):
        return Uncertain("the response is no object")
    names = {"order_id": "order_id", "address": "to_address", "currency": "currency", "network": "network"}
    texts = {name: _optional_text(body.get(field)) for name, field in names.items()}
    if missing := [names[name] for name, text in texts.items() if not text]:
        return Uncertain(f"the response cannot be read: {', '.join(missing)} is missing")
    url = _optional_text(body.get("url"))
    amount_cents = cents_or_none(body.get("amountInUSD"), "dollars")
    return Accepted(CreateResponse(url=url, session_id=_session_id(url), amount_cents=amount_cents, **texts))


def parse_cents(value: Any, unit: str) -> int:
    """US cents of a vendor's number or text, whose ``unit`` is ``cents`` or ``dollars``.

    Raises ``ValueError`` for anything that is not a whole, plausible number of cents.
    """
    try:
        cents = parse_whole_cents(value, dollars=unit == "dollars")
    except ValueError:
        raise ValueError(f"{quote(value)} is no amount in {unit}") from None
    if abs(cents) > MAX_PLAUSIBLE_CENTS:
        raise ValueError(f"{quote(value)} is no sensible amount in {unit}")
    return cents


def cents_or_none(value: Any, unit: str) -> int | None:
    """US cents of an amount in ``unit``; None if it cannot be read."""
    try:
        return parse_cents(value, unit)
    except ValueError:
        return None


def text_of(value: Any, max_length: int = MAX_TEXT_LENGTH) -> str:
    """A short text, number or flag as text; empty for null. Raises ``ValueError`` for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str | int | Decimal):
        raise ValueError(f"{quote(value)} is no text")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if len(text) > max_length or not text.isprintable():
        raise ValueError("a text is too long or has characters that cannot be printed")
    return text


def _optional_text(value: Any, max_length: int = MAX_TEXT_LENGTH) -> str:
    """As ``text_of``, but empty for a flag and for what is no text."""
    try:
        return "" if isinstance(value, bool) else text_of(value, max_length)
    except ValueError:
        return ""


def _session_id(url: str) -> str:
    try:
        return last_path_segment(url)[:MAX_ID_LENGTH]
    except ValueError:
        return ""
