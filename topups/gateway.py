"""The outside world of a top-up behind small protocols: the only places where tests put something else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class VendorUnavailable(Exception):
    """The vendor gave no usable answer to a read; ``str()`` is one line without secrets."""


@dataclass(frozen=True)
class Balance:
    """US cents at ``at``, our clock when the question was asked; ``vendor_at`` is the vendor's, where it told."""

    cents: int
    at: datetime
    vendor_at: datetime | None = None


@dataclass(frozen=True)
class VendorPayment:
    """One row of the vendor's list. ``vendor_id`` is its ``payId``, ``session_id`` its ``sesid``; instants in UTC."""

    vendor_id: str
    session_id: str
    method: str
    amount_cents: int
    status: str
    created_at: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True)
class PaymentList:
    """The vendor's payments as of ``at``. Only a ``complete`` list says anything about what is not in it."""

    rows: tuple[VendorPayment, ...]
    complete: bool
    at: datetime
    problem: str = ""
    vendor_at: datetime | None = None


@dataclass(frozen=True)
class Transaction:
    """The vendor's word on one crypto payment. Texts as the vendor spells them; the amount in US cents."""

    order_id: str
    status: str
    amount_cents: int | None
    currency: str
    network: str
    address: str
    amount_in_crypto: str
    url: str
    ends_at: datetime | None


@dataclass(frozen=True)
class PaymentRequest:
    """What one create call asks for."""

    rail: str
    amount_cents: int
    currency: str = ""
    network: str = ""


@dataclass(frozen=True)
class CreateResponse:
    """What a create call answered, before anything of it was verified."""

    url: str = ""
    session_id: str = ""
    order_id: str = ""
    address: str = ""
    currency: str = ""
    network: str = ""
    amount_cents: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for the ledger."""
        return {name: value for name, value in self.__dict__.items() if value not in ("", None)}


@dataclass(frozen=True)
class Accepted:
    """The vendor said yes; nobody may act on the claim before it is verified."""

    claim: CreateResponse


@dataclass(frozen=True)
class Rejected:
    """Nothing was created, for certain: a documented no, or the request never left this machine."""

    detail: str


@dataclass(frozen=True)
class Uncertain:
    """A payment may exist."""

    detail: str


Outcome = Accepted | Rejected | Uncertain


class Gateway(Protocol):
    """One account's way to the vendor. The reads raise ``VendorUnavailable``; ``create`` sends one request, once."""

    account_id: str

    def balance(self) -> Balance:
        """The balance now."""

    def payments(self) -> PaymentList:
        """All payments of the account, a person's too."""

    def transaction(self, order_id: str) -> Transaction | None:
        """One payment, or None when the vendor says it has none of that id."""

    def create(self, request: PaymentRequest) -> Outcome:
        """Asks for a payment. What is not certain is ``Unclear``."""
