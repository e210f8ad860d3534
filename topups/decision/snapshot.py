"""The input of a decision, frozen: the same snapshot gives the same decision, now or in a replay."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from topups.gateway import Balance, PaymentList
from topups.payment_states import (
    COUNTS_AS_ATTEMPT,
    COUNTS_AS_CREATED,
    COUNTS_LIKE_OURS,
    EXPECTED_MONEY,
    PaymentException,
    State,
)
from topups.vendor.statuses import PAID, is_payable_or_pending


class Reason(StrEnum):
    """Why no payment is created. Every refusal has one of these."""

    DISABLED = "DISABLED"
    KILL_SWITCH = "KILL_SWITCH"
    DRY_RUN_WOULD_CREATE = "DRY_RUN_WOULD_CREATE"
    NO_POLICY = "NO_POLICY"
    BALANCE_OK = "BALANCE_OK"
    BALANCE_STALE = "BALANCE_STALE"
    BALANCE_UNREADABLE = "BALANCE_UNREADABLE"
    IN_FLIGHT = "IN_FLIGHT"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    PAYMENT_OPEN_AT_VENDOR = "PAYMENT_OPEN_AT_VENDOR"
    PAID_NOT_CREDITED = "PAID_NOT_CREDITED"
    VENDOR_LIST_UNAVAILABLE = "VENDOR_LIST_UNAVAILABLE"
    VENDOR_LIST_INCOMPLETE = "VENDOR_LIST_INCOMPLETE"
    COOLDOWN = "COOLDOWN"
    BACKOFF = "BACKOFF"
    BREAKER_OPEN = "BREAKER_OPEN"
    CAP_DAY = "CAP_DAY"
    CAP_WEEK = "CAP_WEEK"
    CAP_MONTH = "CAP_MONTH"
    COUNT_CAP = "COUNT_CAP"
    EXPOSURE_CAP = "EXPOSURE_CAP"
    AMOUNT_BELOW_MIN = "AMOUNT_BELOW_MIN"
    AMOUNT_ABOVE_MAX = "AMOUNT_ABOVE_MAX"
    NETWORK_NOT_ALLOWED = "NETWORK_NOT_ALLOWED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    APPROVAL_EXPIRED = "APPROVAL_EXPIRED"
    ANOMALOUS_BURN = "ANOMALOUS_BURN"
    CLOCK_SUSPECT = "CLOCK_SUSPECT"
    LEDGER_UNAVAILABLE = "LEDGER_UNAVAILABLE"
    LEDGER_UNPROVEN = "LEDGER_UNPROVEN"
    UNITS_DISAGREE = "UNITS_DISAGREE"
    OUTSIDE_HOURS = "OUTSIDE_HOURS"
    LOST_RACE = "LOST_RACE"
    NOT_SENT_STALE = "NOT_SENT_STALE"
    NOT_EXECUTED = "NOT_EXECUTED"


@dataclass(frozen=True)
class RuleResult:
    """The result of one rule: the measured value, its limit, and whether the rule passes.

    ``reason`` is that of the refusal if it does not. Both texts carry their units. ``payment_id`` is the payment that
    the refusal is about, by our id or the vendor's, if it is about one.
    """

    reason: Reason
    passed: bool
    figure: str
    limit: str
    payment_id: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {"reason": str(self.reason), "passed": self.passed, "figure": self.figure, "limit": self.limit}


@dataclass(frozen=True)
class PaymentPlan:
    """A payment to create. ``amount_cents`` in US cents; ``currency`` and ``network`` are empty for an invoice.

    ``approval`` is why an operator has to approve first (``AWAITING_APPROVAL`` by amount or mode, ``ANOMALOUS_BURN``),
    None if nobody has to. ``approved_payment_id`` is the waiting payment that was approved.
    """

    amount_cents: int
    rail: str
    currency: str = ""
    network: str = ""
    approval: Reason | None = None
    approved_payment_id: str | None = None
    explanation: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json`` and run metadata."""
        return {
            "amount_cents": self.amount_cents,
            "rail": self.rail,
            "currency": self.currency,
            "network": self.network,
            "approval": self.approval,
            "why": self.explanation,
        }


@dataclass(frozen=True)
class Refusal:
    """The refusal of a payment: its reason, the measured value and the limit.

    ``plan`` is the payment that would have been created, where the rules got that far (dry run, waiting for approval).
    ``payment_id`` is the payment that the refusal is about, if it is about one.
    """

    reason: Reason
    figure: str = ""
    limit: str = ""
    plan: PaymentPlan | None = None
    payment_id: str = ""

    @property
    def explanation(self) -> str:
        """Measured value and limit in one line."""
        return f"{self.figure} (limit: {self.limit})" if self.limit else self.figure

    def __str__(self) -> str:
        """The text of a skip reason: ``CODE: explanation``."""
        return f"{self.reason}: {self.explanation}"

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json`` and run metadata."""
        planned = self.plan.as_json() if self.plan else None
        return {"reason": str(self.reason), "figure": self.figure, "limit": self.limit, "decision": planned}


def decision_json(refusal: Refusal | None, plan: PaymentPlan | None) -> dict[str, Any]:
    """The one JSON shape of a decision, of a run and of a preview alike."""
    return {
        "decision": "refuse" if refusal else "create",
        "reason": str(refusal.reason) if refusal else None,
        "facts": refusal.explanation if refusal else plan.explanation if plan else "",
        "planned": plan.as_json() if plan else None,
    }


def refusal_from(finding: RuleResult) -> Refusal:
    """The refusal of a rule that does not pass."""
    return Refusal(finding.reason, finding.figure, finding.limit, payment_id=finding.payment_id)


class PaymentView(NamedTuple):
    """The part of a ledger payment that decisions use. Timestamps in UTC, amounts in US cents.

    ``amount_cents`` is the larger of the requested and the vendor's amount. ``counted_at`` is when it began to count
    towards the caps. ``slot_freed_at`` is set once it gave its slot back. ``arriving_since`` is when an external
    payment was first seen paid, until the balance shows it. ``instructions_problem`` is why nobody
    is told how to pay it.
    """

    payment_id: str
    state: State
    exception: PaymentException
    amount_cents: int
    counted_at: datetime
    holds_slot: bool
    slot_freed_at: datetime | None = None
    vendor_status: str = ""
    ends_at: datetime | None = None
    approved_at: datetime | None = None
    arriving_since: datetime | None = None
    rail: str = ""
    instructions_problem: str = ""
    units_disagree: bool = False


class VendorListView(NamedTuple):
    """The latest read of the vendor's list: ``at`` is None if it could not be read. ``blocking`` are payment ids."""

    at: datetime | None
    complete: bool
    problem: str = ""
    blocking: tuple[str, ...] = ()


class BurnForecast(NamedTuple):
    """The part of a forecast that decisions use: US cents per hour net of refunds, and the hours until the balance is
    empty.

    ``reorder_cents`` is the balance at which a payment has to be requested to arrive in time.
    """

    cents_per_hour: float
    normal_cents_per_hour: float | None = None
    reorder_cents: int = 0
    hours_to_empty: float | None = None
    hours_to_empty_p10: float | None = None


@dataclass(frozen=True)
class AccountSnapshot:
    """What ledger and vendor say about one account.

    ``listing`` is None where the list was not read (sensor, plan); a run always reads it. ``failures`` counts failed
    payments since the last credited one or an operator's reset. ``paused`` and ``killed`` are the kill switches of
    ledger and environment. ``ledger_at`` is the latest timestamp in the ledger. ``clock_problem`` is why a run did not
    trust this machine's clock. ``unproven`` says why nothing may be created before the ledger is known to be complete;
    ``unproven_until`` is when the doubt about it ends.
    """

    account_id: str
    balance: Balance | None = None
    balance_problem: str = ""
    payments: tuple[PaymentView, ...] = ()
    listing: VendorListView | None = None
    failures: int = 0
    last_failure_at: datetime | None = None
    paused: str = ""
    killed: bool = False
    ledger_at: datetime | None = None
    clock_problem: str = ""
    burn: BurnForecast | None = None
    unproven: str = ""
    unproven_until: datetime | None = None

    def pending_approval(self) -> PaymentView | None:
        """The payment that waits for approval, if any."""
        return next((payment for payment in self.payments if payment.state == State.AWAITING_APPROVAL), None)

    def pending_cents(self) -> int:
        """Expected money: counts as balance when a payment is sized, and as prepaid money."""
        return sum(payment.amount_cents for payment in self.payments if payment.state in EXPECTED_MONEY)

    def created_cents(self, since: datetime) -> int:
        """What this program requested since then, paid or not."""
        return sum(payment.amount_cents for payment in self.payments if counts_towards_caps(payment, since))

    def attempts(self, since: datetime) -> int:
        """The number of requests since then."""
        return sum(p.counted_at > since and (is_attempt(p) or may_be_ours(p)) for p in self.payments)


def is_attempt(payment: PaymentView) -> bool:
    """Whether a payment was requested, or tried to be, by this ledger; an external one may be closed."""
    return payment.state in COUNTS_AS_ATTEMPT and payment.exception != PaymentException.EXTERNAL


def counts_towards_caps(payment: PaymentView, since: datetime) -> bool:
    """Whether a payment counts towards the caps of a window that began at ``since``.

    An external payment, closed or not, counts only if it may be the outcome of a request of ours.
    """
    suspected = payment.state == State.EXTERNAL and payment.exception in COUNTS_LIKE_OURS
    ours = payment.state in COUNTS_AS_CREATED and payment.exception != PaymentException.EXTERNAL
    return payment.counted_at > since and (ours or suspected)


def may_be_ours(payment: PaymentView) -> bool:
    """Whether an external payment may be a request of ours that is not in this ledger.

    The request behind a suspected duplicate is in it.
    """
    unknown = (PaymentException.UNPROVEN, PaymentException.OTHER_LEDGER)
    return payment.state == State.EXTERNAL and payment.exception in unknown


def external_arriving_since(
    state: State, vendor_status: str, baseline: int | None, credit: int | None, since: datetime
) -> datetime | None:
    """``since``, if the payment is external and its money is on the way, else None.

    On the way: paid, tracked since before it was paid (``baseline``), and not in the balance yet (``credit``).
    """
    followed = state == State.EXTERNAL and vendor_status in PAID and baseline is not None
    return since if followed and credit is None else None


def payable_ids(listing: PaymentList, now: datetime) -> tuple[str, ...]:
    """Ids of the vendor's payments that are payable or confirming, ours or external."""
    return tuple(
        row.vendor_id for row in listing.rows if is_payable_or_pending(row.status, row.ends_at, now, row.created_at)
    )
