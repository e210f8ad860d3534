"""The rows of the ledger as frozen dataclasses, and how a new payment begins."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from topups.gateway import CreateResponse, PaymentRequest, VendorPayment
from topups.payment_states import COUNTS_LIKE_OURS, PaymentException, State

# The zones of the world are up to 14 h from UTC.
ZONE_DOUBT = timedelta(hours=14)


@dataclass(frozen=True)
class Payment:
    """One intent of ours, or a payment that someone else made (``EXTERNAL``). The columns of ``payments``.

    Amounts in US cents, timestamps in UTC. ``url``, ``address`` and ``amount_in_crypto`` are verified; ``claim``, the
    create response, is not.
    """

    payment_id: str
    account_id: str
    decision_id: str
    state: State
    exception: PaymentException
    slot: str | None
    rail: str
    amount_cents: int
    currency: str
    network: str
    why: str
    hours_to_empty: str | None
    claim: dict[str, Any] | None
    vendor_payment_id: str | None
    session_id: str | None
    vendor_status: str
    vendor_amount_cents: int | None
    url: str | None
    address: str | None
    amount_in_crypto: str | None
    ends_at: datetime | None
    created_at: datetime
    counted_at: datetime
    state_since: datetime
    sending_at: datetime | None
    deadline_at: datetime | None
    slot_freed_at: datetime | None
    approved_at: datetime | None
    approved_by: str | None
    listed_at: datetime | None
    absences: int
    absent_at: datetime | None
    baseline: int | None
    credit: int | None
    detail: str
    version: int
    final_cents: int | None = None
    instructions_problem: str = ""
    unit_proof: str = ""

    @property
    def request(self) -> PaymentRequest:
        """The parameters of the create call."""
        return PaymentRequest(self.rail, self.amount_cents, self.currency, self.network)

    @property
    def create_response(self) -> CreateResponse:
        """The unverified create response; empty if there was no usable one."""
        return CreateResponse(**(self.claim or {}))


def latest_amount_cents(payment: Payment) -> int:
    """The amount that the vendor listed last; before that, the amount that was requested."""
    return payment.final_cents or payment.vendor_amount_cents or payment.amount_cents


@dataclass(frozen=True)
class NewPayment:
    """A payment before it is inserted. ``payment_id`` is generated before anything else."""

    payment_id: str
    account_id: str
    decision_id: str
    rail: str
    amount_cents: int
    currency: str = ""
    network: str = ""
    why: str = ""
    hours_to_empty: str | None = None
    baseline: int | None = None


class ExternalPayment(NamedTuple):
    """A payment that someone else made, before it is inserted: the vendor's row, and the latest balance observation."""

    payment_id: str
    row: VendorPayment
    exception: PaymentException
    baseline: int | None


@dataclass(frozen=True)
class Event:
    """One change. ``changes`` are the columns it set, as plain JSON; ``hash`` covers all of it and the hash before."""

    seq: int
    at: datetime
    account_id: str
    payment_id: str | None
    kind: str
    from_state: str | None
    to_state: str | None
    changes: dict[str, Any]
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class Observation:
    """Something that was read or decided: ``kind`` is ``balance`` (figure: US cents), ``payments`` (figure: rows) or
    ``decision``.
    """

    seq: int
    account_id: str
    kind: str
    at: datetime
    complete: bool
    figure: int | None
    payload: dict[str, Any]


@dataclass(frozen=True)
class OutboxMessage:
    """A notice to write with a change. ``key`` identifies it: a notice with a known key is not written again."""

    kind: str
    key: str
    payload: dict[str, Any]
    payment_id: str | None = None


@dataclass(frozen=True)
class OutboxRow:
    """A notice that waits for delivery."""

    key: str
    account_id: str
    payment_id: str | None
    kind: str
    payload: dict[str, Any]
    created_at: datetime
    claimed_until: datetime | None
    attempts: int
    done_at: datetime | None
    outcome: str


@dataclass(frozen=True)
class AccountControls:
    """Kill switch, breaker and reserved money of one account, or of all (``*``)."""

    account_id: str
    paused: str = ""
    failures: int = 0
    last_failure_at: datetime | None = None
    reserved_cents: int = 0
    unproven_until: datetime | None = None
    unproven_reason: str = ""


def new_payment(draft: NewPayment, now: datetime, **columns: Any) -> Payment:
    """A new payment as a row in state PLANNED."""
    empty: dict[str, Any] = dict.fromkeys(Payment.__dataclass_fields__)
    given = dict.fromkeys(("created_at", "counted_at", "state_since"), now)
    start = {"state": State.PLANNED, "exception": PaymentException.NONE, "vendor_status": "", "detail": ""}
    counters = {"absences": 0, "version": 0, "instructions_problem": "", "unit_proof": ""}
    return Payment(**{**empty, **start, **counters, **given, **draft.__dict__, **columns})


def external_payment(account_id: str, external: ExternalPayment, now: datetime) -> Payment:
    """A payment that someone else made at the vendor, as a row."""
    payment_id, row, exception, baseline = external
    draft = NewPayment(payment_id, account_id, f"external:{row.vendor_id}", row.method[:32], row.amount_cents)
    return new_payment(
        draft,
        now,
        state=State.EXTERNAL,
        exception=exception,
        vendor_payment_id=row.vendor_id,
        session_id=row.session_id or None,
        vendor_status=row.status,
        vendor_amount_cents=row.amount_cents,
        ends_at=row.ends_at,
        counted_at=_counted_at(row.created_at, exception, now),
        listed_at=now,
        baseline=baseline,
    )


def _counted_at(created_at: datetime | None, exception: PaymentException, now: datetime) -> datetime:
    """When a row that was seen first at ``now`` began to count, at the latest.

    The vendor's own time has no documented zone: a payment that counts like ours may be so much younger than it says. A
    suspected duplicate counts from now.
    """
    if created_at is None or exception == PaymentException.DUPLICATE_SUSPECTED:
        return now
    doubt = ZONE_DOUBT if exception in COUNTS_LIKE_OURS else timedelta()
    return min(created_at + doubt, now)
