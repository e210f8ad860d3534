"""The gateway over ``smsonline.client``: turns responses into balances, payment lists and outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from smsonline.client import Client
from smsonline.endpoints import ENDPOINTS, Endpoints
from smsonline.errors import EndpointNotFound, NotSent, RequestRejected, UnknownOutcome, VendorError
from smsonline.response import VendorResponse
from topups.gateway import (
    Accepted,
    Balance,
    Clock,
    Confirm,
    CreateResponse,
    Outcome,
    PaymentList,
    PaymentRequest,
    Rejected,
    SystemClock,
    Transaction,
    Uncertain,
    Unsent,
    VendorPayment,
    VendorUnavailable,
)
from topups.money import MAX_PLAUSIBLE_CENTS
from topups.payment_methods import PAYMENT_METHODS, PaymentMethod
from topups.payment_verification import last_path_segment
from topups.vendor_statuses import parse_status

MAX_ID_LENGTH = 128
VENDOR_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


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


class VendorGateway:
    """One account's top-up calls over a ``Client``, which repeats the reads; ``create`` is sent once."""

    def __init__(
        self,
        client: Client,
        account_id: str,
        units: Units | None = None,
        clock: Clock | None = None,
        catalogue: Endpoints = ENDPOINTS,
        statuses: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self.account_id = account_id
        self._units = units or Units()
        self._clock = clock or SystemClock()
        self._catalogue = catalogue
        self._statuses = statuses or {}

    def balance(self) -> Balance:
        """The balance now. Raises ``VendorUnavailable``."""
        requested_at = self._clock.now()
        response, body = self._read("balance")
        try:
            cents = parse_cents(body.get("balance"), self._units.balance)
        except (AttributeError, ValueError) as error:
            raise VendorUnavailable(f"the balance cannot be read: {error}") from None
        return Balance(cents, requested_at, response.server_date)

    def payments(self) -> PaymentList:
        """All payments of the account. A row that cannot be read makes the list incomplete."""
        requested_at = self._clock.now()
        response, body = self._read("invoices")
        received_at = self._clock.now()
        if not isinstance(body, list):
            raise VendorUnavailable("the list of payments is no list")
        rows: dict[str, VendorPayment] = {}
        problem = ""
        for record in body:
            try:
                row = self._row(record)
            except (TypeError, ValueError, KeyError) as error:
                problem = problem or f"a row of the vendor's list cannot be read: {error}"
                continue
            if rows.setdefault(row.vendor_id, row) != row:
                problem = problem or f"the vendor's list contradicts itself about {row.vendor_id}"
        return PaymentList(tuple(rows.values()), not problem, requested_at, problem, response.server_date, received_at)

    def transaction(self, order_id: str) -> Transaction | None:
        """One payment, or None when the vendor says it has none. Raises ``VendorUnavailable``."""
        try:
            _, body = self._read("transaction", {"order_id": order_id})
        except LookupError:
            return None
        if not isinstance(body, Mapping):
            raise VendorUnavailable("the transaction is no object")
        return Transaction(
            order_id=_text(body.get("order_id")),
            status=parse_status(_text(body.get("status")), self._statuses),
            amount_cents=_dollars(body.get("amountInUSD")),
            currency=_text(body.get("currency")),
            network=_text(body.get("network")),
            address=_text(body.get("to_address")),
            amount_in_crypto=_text(body.get("amountInCrypto")),
            url=_text(body.get("url")),
            ends_at=self._timestamp(body.get("expire_at")),
        )

    def create(self, request: PaymentRequest, confirm: Confirm) -> Outcome:
        """Requests a payment with one request. What is not certain is ``Uncertain``, whatever failed."""
        rail = PAYMENT_METHODS[request.rail]
        try:
            response = self._client.create(rail.endpoint, self._parameters(rail, request), confirm=confirm)
        except NotSent as error:
            return Unsent(str(error))
        except UnknownOutcome as error:
            return Uncertain(str(error))
        except (VendorError, ValueError) as error:
            return Rejected(str(error))
        try:
            return _parse_create_response(rail, self._records(rail.endpoint, response))
        except (TypeError, ValueError, LookupError) as error:
            return Uncertain(f"the response cannot be read: {error}")

    def _parameters(self, rail: PaymentMethod, request: PaymentRequest) -> dict[str, str]:
        unit = self._units.create if rail.name == "v3_invoice" else rail.unit
        amount = format_dollars(request.amount_cents) if unit == "dollars" else str(request.amount_cents)
        coin = {"currency": request.currency, "network": request.network} if rail.wallet else {}
        return {"amount": amount, **coin}

    def _read(self, endpoint: str, params: Mapping[str, str] | None = None) -> tuple[VendorResponse, Any]:
        """A response and its records. Raises ``LookupError`` if the vendor has no such record."""
        try:
            response = self._client.get(endpoint, params or {})
            return response, self._records(endpoint, response)
        except (EndpointNotFound, RequestRejected) as error:
            if params:
                raise LookupError(str(error)) from None
            raise VendorUnavailable(str(error)) from None
        except (VendorError, KeyError, TypeError, ValueError) as error:
            raise VendorUnavailable(f"{endpoint}: {error}" if isinstance(error, KeyError) else str(error)) from None

    def _records(self, endpoint: str, response: VendorResponse) -> Any:
        records = response.payload
        for step in filter(None, self._catalogue[endpoint].records_path.split(".")):
            records = records[step]
        return records

    def _row(self, record: Mapping[str, Any]) -> VendorPayment:
        vendor_id, session = _text(record.get("payId")), _text(record.get("sesid"))
        name = vendor_id or session
        if not 0 < len(name) <= MAX_ID_LENGTH:
            raise ValueError("it has no usable id")
        owner = _text(record.get("userId"))
        if owner and owner != self.account_id:
            raise ValueError("it belongs to another customer")
        return VendorPayment(
            vendor_id=name,
            session_id=session,
            method=_text(record.get("method")),
            amount_cents=parse_cents(record["amount"], self._units.listed),
            status=parse_status(_text(record["status"]), self._statuses),
            created_at=self._timestamp(record.get("created")),
            ends_at=self._timestamp(record.get("expires_at")),
        )

    def _timestamp(self, value: Any) -> datetime | None:
        """A timestamp from the vendor's text or Unix seconds; None if it cannot be read."""
        try:
            if isinstance(value, int) or str(value).isdecimal():
                return datetime.fromtimestamp(int(value), UTC)
            naive = datetime.strptime(str(value), VENDOR_TIME_FORMAT)  # noqa: DTZ007 - the next line gives it its zone
            return naive.replace(tzinfo=ZoneInfo(self._units.zone)).astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            return None


def _parse_create_response(rail: PaymentMethod, body: Any) -> Outcome:
    if not rail.wallet:
        if not isinstance(body, str) or not body or len(body) > 10 * MAX_ID_LENGTH:
            return Uncertain("the response has no link")
        return Accepted(CreateResponse(url=body, session_id=_session_id(body)))
    url = _text(body.get("url"))
    create_response = CreateResponse(
        url=url,
        session_id=_session_id(url),
        order_id=_text(body["order_id"]),
        address=_text(body["to_address"]),
        currency=_text(body["currency"]),
        network=_text(body["network"]),
        amount_cents=_dollars(body.get("amountInUSD")),
    )
    return Accepted(create_response)


def _session_id(url: str) -> str:
    try:
        return last_path_segment(url)[:MAX_ID_LENGTH]
    except ValueError:
        return ""


def _dollars(value: Any) -> int | None:
    try:
        return parse_cents(value, "dollars")
    except ValueError:
        return None


def _text(value: Any) -> str:
    """A short text or number as text; empty for nothing. Raises ``ValueError`` for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"{value!r:.40} is no text")
    text = str(value)
    if len(text) > 4 * MAX_ID_LENGTH or not text.isprintable():
        raise ValueError("a text is too long or has characters that cannot be printed")
    return text


def parse_cents(value: Any, unit: str) -> int:
    """US cents of a vendor's number or text, whose ``unit`` is ``cents`` or ``dollars``.

    Raises ``ValueError`` for anything that is not a whole, plausible number of cents.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError(f"{value!r:.40} is no amount")
    try:
        cents = Decimal(value) * (100 if unit == "dollars" else 1)
        whole = cents.to_integral_value()
    except ArithmeticError:
        raise ValueError(f"{value!r:.40} is no amount") from None
    if not cents.is_finite() or cents != whole or abs(whole) > MAX_PLAUSIBLE_CENTS:
        raise ValueError(f"{value!r:.40} is no sensible amount in {unit}")
    return int(whole)


def format_dollars(cents: int) -> str:
    """Dollars as a decimal path segment, such as ``1234.50``."""
    return f"{cents // 100}.{cents % 100:02d}"
