"""What follows from a ledger that may lack payments of this program: nothing is created, or more failures count."""

from collections.abc import Iterable
from datetime import datetime

from topups.decision.snapshot import AccountSnapshot, PaymentView, Reason, RuleResult, may_be_ours
from topups.payment_states import PaymentException, State
from topups.policy import DAY, Policy
from topups.vendor import statuses as vendor_statuses

# Older failures tell nothing about the present.
FAILURES_REMEMBERED = 7 * DAY


def ledger_proven(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> RuleResult:
    """Passes unless a payment may exist, or may be made at the same time, that the vendor's list cannot show."""
    suspect = next((p for p in snapshot.payments if p.exception == PaymentException.OTHER_LEDGER), None)
    until, figure = snapshot.unproven_until, snapshot.unproven
    if not figure and suspect:
        figure = f"payment {suspect.payment_id} looks like one of this program with another ledger"
    if not figure and policy.list_shows_paid_only and until and now < until:
        figure = "this ledger may lack payments, and the vendor lists only paid ones"
    limit = "" if snapshot.unproven else "until smsonline topup adopt"  # nobody ends the wait for a request
    return RuleResult(Reason.LEDGER_UNPROVEN, not figure, figure or "complete", limit if figure else "")


def failures_outside(
    payments: Iterable[PaymentView], since: datetime | None, now: datetime
) -> tuple[int, datetime | None]:
    """The failures in a row among the payments that may be ours and are in no ledger, and when the last one ended.

    Those of a week, after the last payment that was paid, and after ``since``, when a person resumed.
    """
    failed: list[datetime] = []
    paid_at = now - FAILURES_REMEMBERED if since is None else max(since, now - FAILURES_REMEMBERED)
    for payment in payments:
        ended_at = min(now, max(payment.ends_at or payment.counted_at, payment.counted_at))
        if may_be_ours(payment) and payment.vendor_status in vendor_statuses.CANCELLED | vendor_statuses.FAILED:
            failed.append(ended_at)
        elif payment.state == State.CREDITED or (may_be_ours(payment) and _is_paid(payment)):
            paid_at = max(paid_at, payment.counted_at)
    trailing = [at for at in failed if at > paid_at]
    return len(trailing), max(trailing, default=None)


def _is_paid(payment: PaymentView) -> bool:
    return payment.vendor_status in vendor_statuses.PAID
