"""Payments whose status at the vendor has no documented meaning. Such a status is never taken for paid or for unpaid:
the payment's transaction decides, then the balance, and in the end the time.
"""

from topups.evidence.arrivals import arrivals, spending_per_hour
from topups.gateway import PaymentList
from topups.ledger import outbox
from topups.ledger.models import OutboxMessage, Payment
from topups.payment_states import PaymentException, State, awaits_credit, expires_at
from topups.vendor.statuses import is_unknown
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext
from topups.workflow.tracking.credit import find_matching_increase, matched_amounts
from topups.workflow.tracking.payment_tracking import follow_status
from topups.workflow.vendor_snapshots import fetch_transaction

KIND = "unknown_status"
# Their next state depends on the vendor's status.
UNDECIDED = frozenset(
    {State.OPEN, State.CONFIRMING, State.UNDERPAID_WAITING, State.UNDERPAID, State.LOCKED, State.LATE_CONFIRMING}
)


def resolve_unknown_statuses(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
    """Moves each undecided payment with an unknown status by its transaction, the balance or the late watch."""
    for payment in payments:
        if not is_unknown(payment.vendor_status) or payment.state not in UNDECIDED | {State.EXPIRED}:
            continue
        transaction = fetch_transaction(context, payment.vendor_payment_id or "")
        if transaction and transaction.status and not is_unknown(transaction.status):
            follow_status(context, payment, transaction.status, report)
        elif _arrived(context, payment, payments):
            follow_status(context, payment, "paid", report)
        elif payment.state in UNDECIDED and _late_watch_is_over(context, payment):
            _close(context, payment, report)


def report_unknown_statuses(context: TopUpContext, listing: PaymentList, payments: list[Payment]) -> None:
    """Queues one notice per unknown status of a tracked payment: one per payment of ours, one for all others."""
    tracked = {payment.vendor_payment_id: payment for payment in payments}
    notices: dict[str, OutboxMessage] = {}
    for row in listing.rows:
        payment = tracked.get(row.vendor_id)
        if payment and is_unknown(row.status):
            ours = payment.payment_id if payment.state != State.EXTERNAL else None
            key = f"{ours or context.account_id}:{KIND}:{row.status}"[:160]
            notices.setdefault(key, OutboxMessage(KIND, key, {"status": row.status}, ours))
    new = [notices[key] for key in notices.keys() - outbox.existing_keys(context.ledger, notices.keys())]
    if new:
        context.ledger.enqueue_notices(context.account_id, sorted(new, key=lambda n: n.key), context.clock.now())


def _arrived(context: TopUpContext, payment: Payment, payments: list[Payment]) -> bool:
    """Whether the balance shows the payment's money. Payments that are paid for certain are matched first."""
    if payment.baseline is None or any(awaits_credit(known_paid) for known_paid in payments):
        return False
    balances = context.ledger.observations(context.account_id, "balance", payment.baseline)[::-1]
    increases, matched = arrivals(balances, context.policy.credit_wait), matched_amounts(payments)
    return find_matching_increase(payment, increases, matched, spending_per_hour(balances)) is not None


def _close(context: TopUpContext, payment: Payment, report: ReconcileReport) -> None:
    now = context.clock.now()
    detail = f"the vendor's status {payment.vendor_status!r} is not known, and nothing shows that it was paid"
    changes = {"exception": PaymentException.UNKNOWN_STATUS, "detail": detail}
    key = f"{payment.payment_id}:{KIND}:closed"
    notice = OutboxMessage(KIND, key, {"status": payment.vendor_status}, payment.payment_id)
    if context.ledger.transition(payment, State.CLOSED, now, changes, [notice]):
        report.moved.append((payment.payment_id, payment.state, State.CLOSED))
    context.checkpoint(Checkpoint.MOVED)


def _late_watch_is_over(context: TopUpContext, payment: Payment) -> bool:
    return context.clock.now() >= expires_at(payment, context.policy) + context.policy.late_watch
