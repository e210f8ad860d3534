"""The result of a decision: a plan for a payment, or the reason why none is created."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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
    LOST_RACE = "LOST_RACE"
    NOT_SENT_STALE = "NOT_SENT_STALE"


@dataclass(frozen=True)
class RuleResult:
    """The result of one rule: the measured value, its limit, and whether the rule passes.

    ``reason`` is that of the refusal if it does not. Both texts carry their units.
    """

    reason: Reason
    passed: bool
    figure: str
    limit: str

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
    """

    reason: Reason
    figure: str = ""
    limit: str = ""
    plan: PaymentPlan | None = None

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
    return Refusal(finding.reason, finding.figure, finding.limit)
