"""The gateway over ``smsonline.client``: turns responses into balances, payment lists and outcomes."""

from collections.abc import Mapping, Set
from datetime import datetime
from typing import Any

from smsonline.client import Client
from smsonline.endpoints import ENDPOINTS, Endpoints
from smsonline.errors import EndpointNotFound, NotSent, RequestRejected, UnknownOutcome, VendorError
from smsonline.response import VendorResponse
from smsonline.values.paging import incomplete_member
from smsonline.values.record_list import list_elements, only_record, select_member
from topups.gateway import (
    Balance,
    Clock,
    Confirm,
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
from topups.payment_methods import PAYMENT_METHODS, PaymentMethod
from topups.vendor.records import RecordReader, Units, cents_or_none, parse_cents, parse_create_response

Members = dict[str, Any]

PLAUSIBLE_YEARS = range(2000, 2200)


class VendorGateway:
    """One account's top-up calls over a ``Client``, which repeats the reads; ``create`` is sent once.

    ``statuses`` maps further status words. ``list_members`` are members beside the list of payments that, whatever
    their names, do not speak of further pages.
    """

    def __init__(
        self,
        client: Client,
        account_id: str,
        units: Units | None = None,
        clock: Clock | None = None,
        catalogue: Endpoints = ENDPOINTS,
        statuses: Mapping[str, str] | None = None,
        list_members: Set[str] = frozenset(),
    ) -> None:
        self._client = client
        self.account_id = account_id
        self._units = units or Units()
        self._clock = clock or SystemClock()
        self._catalogue = catalogue
        self._records = RecordReader(account_id, self._units, statuses or {})
        self._list_members = list_members

    def balance(self) -> Balance:
        """The balance now. Raises ``VendorUnavailable``."""
        requested_at = self._clock.now()
        response, body, _ = self._read("balance")
        record = only_record(body)
        if record is None:
            raise VendorUnavailable("the balance cannot be read: the response holds no object")
        try:
            cents = parse_cents(record.get("balance"), self._units.balance)
        except ValueError as error:
            raise VendorUnavailable(f"the balance cannot be read: {error}") from None
        vendor_at = _vendor_time(requested_at, self._clock.now(), response.server_date)
        return Balance(cents, requested_at, vendor_at, cents_or_none(record.get("totalCharges"), self._units.balance))

    def payments(self) -> PaymentList:
        """All payments of the account. A row that cannot be read, or a sign of further pages, makes it incomplete."""
        requested_at = self._clock.now()
        response, body, members = self._read("invoices")
        received_at = self._clock.now()
        vendor_at = _vendor_time(requested_at, received_at, response.server_date)
        elements = list_elements(body)
        if elements is None:
            raise VendorUnavailable("the list of payments is no list")
        records, beside = elements
        rows: dict[str, VendorPayment] = {}
        problem = _pages_problem(members | beside, len(records), self._list_members)
        for record in records:
            try:
                row = self._records.row(record)
            except ValueError as error:
                problem = problem or f"a row of the vendor's list cannot be read: {error}"
                continue
            if rows.setdefault(row.vendor_id, row) != row:
                problem = problem or f"the vendor's list contradicts itself about {row.vendor_id}"
        return PaymentList(
            tuple(rows.values()),
            not problem,
            requested_at,
            problem,
            vendor_at,
            received_at,
            self._units.zone,
        )

    def transaction(self, order_id: str) -> Transaction | None:
        """One payment, or None when the vendor says it has none. Raises ``VendorUnavailable``."""
        try:
            _, body, _ = self._read("transaction", {"order_id": order_id})
        except LookupError:
            return None
        record = only_record(body)
        if record is None:
            raise VendorUnavailable("the transaction is no object")
        return self._records.transaction(record)

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
            body, _ = select_member(response.payload, self._catalogue[rail.endpoint].records_path)
        except (ValueError, LookupError) as error:
            return Uncertain(f"the response cannot be read: {error}")
        return parse_create_response(rail, body)

    def _parameters(self, rail: PaymentMethod, request: PaymentRequest) -> dict[str, str]:
        unit = self._units.create if rail.name == "v3_invoice" else rail.unit
        amount = format_dollars(request.amount_cents) if unit == "dollars" else str(request.amount_cents)
        coin = {"currency": request.currency, "network": request.network} if rail.wallet else {}
        return {"amount": amount, **coin}

    def _read(self, endpoint: str, params: Mapping[str, str] | None = None) -> tuple[VendorResponse, Any, Members]:
        """A response, its records, and the members beside them. Raises ``LookupError`` for a record that is not there.

        Every other failure is ``VendorUnavailable``.
        """
        try:
            response = self._client.get(endpoint, params or {})
        except (EndpointNotFound, RequestRejected) as error:
            if params:
                raise LookupError(str(error)) from None
            raise VendorUnavailable(str(error)) from None
        except (VendorError, ValueError) as error:
            raise VendorUnavailable(str(error)) from None
        try:
            return response, *select_member(response.payload, self._catalogue[endpoint].records_path)
        except (ValueError, LookupError) as error:
            raise VendorUnavailable(f"{endpoint}: {error.args[0] if error.args else error}") from None


def _vendor_time(requested_at: datetime, received_at: datetime, date: datetime | None) -> datetime | None:
    """The vendor's clock when the request was sent; None without a plausible ``Date``.

    It was written at some time until the response came. Of the possible times the one nearest to ours: a slow response
    is no wrong clock.
    """
    if date is None or date.year not in PLAUSIBLE_YEARS:
        return None
    return date if date <= requested_at else max(requested_at, date - (received_at - requested_at))


def _pages_problem(members: Members, count: int, ignored: Set[str]) -> str:
    """Why the list is not all, where a member beside it speaks of more payments; else an empty text."""
    member = incomplete_member(members, {count}, ignored, "payments")
    if member is None:
        return ""
    path, value = member
    return (
        f"{count} payments came, but {path!r} is {value}: further pages are not read; if that is no paging, set"
        f" [datasets.invoices] envelope_members = [{path!r}] in smsonline.toml"
    )


def format_dollars(cents: int) -> str:
    """Dollars as a decimal path segment, such as ``1234.50``."""
    return f"{cents // 100}.{cents % 100:02d}"
