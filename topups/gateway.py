"""The vendor as the top-ups see it: one protocol and its values. Tests put a fake vendor behind it."""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol


class VendorUnavailable(Exception):
    """The vendor gave no usable response to a read; ``str()`` is one line without secrets."""


@dataclass(frozen=True)
class Balance:
    """US cents at ``at``, our clock when the request was sent; ``vendor_at`` is the vendor's clock, if it sent one.

    ``charges_cents`` is what was topped up ever, if the vendor says so.
    """

    cents: int
    at: datetime
    vendor_at: datetime | None = None
    charges_cents: int | None = None


@dataclass(frozen=True)
class VendorPayment:
    """One row of the vendor's list. ``vendor_id`` is its ``payId``, ``session_id`` its ``sesid``; timestamps in UTC.

    ``local_times`` names the timestamps that came without a zone, so that the configured one was assumed.
    """

    vendor_id: str
    session_id: str
    method: str
    amount_cents: int
    status: str
    created_at: datetime | None
    ends_at: datetime | None
    local_times: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PaymentList:
    """The vendor's payments as of ``at``. Only a ``complete`` list proves that a payment is missing.

    ``at`` is our clock when the request was sent, ``received_at`` when the response that counted came. ``zone`` is the
    one that was assumed for local times.
    """

    rows: tuple[VendorPayment, ...]
    complete: bool
    at: datetime
    problem: str = ""
    vendor_at: datetime | None = None
    received_at: datetime | None = None
    zone: str = "UTC"

    def age(self, now: datetime) -> timedelta:
        """The time since the response came."""
        return now - (self.received_at or self.at)


@dataclass(frozen=True)
class Transaction:
    """The vendor's data on one crypto payment. Texts as the vendor spells them; the amount in US cents."""

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
    """The parameters of one create call."""

    rail: str
    amount_cents: int
    currency: str = ""
    network: str = ""


@dataclass(frozen=True)
class CreateResponse:
    """The response to a create call, before anything of it was verified."""

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
    """The vendor accepted the request; the response must be verified before anyone acts on it."""

    response: CreateResponse


@dataclass(frozen=True)
class Rejected:
    """Nothing was created, for certain: a documented rejection."""

    detail: str


@dataclass(frozen=True)
class Unsent:
    """The request never left this machine: no connection, no free request budget, or the last check forbade it."""

    detail: str


@dataclass(frozen=True)
class Uncertain:
    """A payment may exist."""

    detail: str


Outcome = Accepted | Rejected | Unsent | Uncertain
# The last check before the request; a text says why it must not be sent.
Confirm = Callable[[], str]


class Gateway(Protocol):
    """The vendor's calls for one account. The reads raise ``VendorUnavailable``; ``create`` sends one request, once."""

    account_id: str

    def balance(self) -> Balance:
        """The balance now."""

    def payments(self) -> PaymentList:
        """All payments of the account, external ones too."""

    def transaction(self, order_id: str) -> Transaction | None:
        """One payment, or None when the vendor says it has none of that id."""

    def create(self, request: PaymentRequest, confirm: Confirm) -> Outcome:
        """Requests a payment. What is not certain is ``Uncertain``.

        ``confirm`` is called immediately before the first byte leaves; if it returns a text, nothing is sent.
        """


class Clock(Protocol):
    """Returns the present time."""

    def now(self) -> datetime:
        """The present time in UTC."""


class IdGenerator(Protocol):
    """Generates identifiers."""

    def new(self, now: datetime) -> str:
        """A new identifier that sorts after all earlier ones."""


class SystemClock:
    """This machine's clock."""

    now = staticmethod(partial(datetime.now, UTC))


class Uuid7Generator:
    """UUIDs of version 7 (RFC 9562): milliseconds, then random bits."""

    def new(self, now: datetime) -> str:
        """A new identifier."""
        return uuid7(now, secrets.randbits(74))


def uuid7(now: datetime, random_bits: int) -> str:
    """The UUID of version 7 for a time and 74 random bits."""
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    high, low = random_bits >> 62 & (1 << 12) - 1, random_bits & (1 << 62) - 1
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))
