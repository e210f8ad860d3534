"""Imports the payments that others made at the vendor as EXTERNAL."""

from datetime import datetime

from topups import vendor_statuses
from topups.gateway import PaymentList, VendorPayment
from topups.ledger.models import ExternalPayment, Payment
from topups.notifications import rules
from topups.payment_states import OUTCOME_PENDING, PaymentException, State
from topups.policy import DAY
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext
from topups.workflow.outcome import find_by_id, unmatched_rows


def adopt_external_payments(
    context: TopUpContext, listing: PaymentList, payments: list[Payment], report: ReconcileReport
) -> None:
    """Imports every row without a ledger payment as EXTERNAL, all of them in one transaction.

    Not while the outcome of a request is open: the row may be its payment. ``payments`` were read after the list, so a
    request that went out in between is among them, at least in SENDING.
    """
    ledger, account = context.ledger, context.account_id
    tracked_ids = {payment.vendor_payment_id for payment in payments}
    if all(row.vendor_id in tracked_ids for row in listing.rows):
        return
    if any(payment.state in OUTCOME_PENDING for payment in payments):
        return
    unmatched = unmatched_rows(context, listing)
    if not unmatched:
        return
    unresolved = ledger.payments(account, (State.NOT_CREATED, State.NEEDS_HUMAN), 20)
    balances = ledger.observations(account, "balance", limit=1)
    baseline = balances[0].seq if balances else None
    now = context.clock.now()
    externals, notices = [], []
    ids = [context.ids.new(now) for _ in unmatched]
    for row, payment_id in zip(unmatched, ids, strict=True):
        suspected = any(_may_be_duplicate(payment, row, now) for payment in unresolved)
        exception = PaymentException.DUPLICATE_SUSPECTED if suspected else PaymentException.EXTERNAL
        final = row.status in vendor_statuses.FINAL
        externals.append(ExternalPayment(payment_id, row, exception, None if final else baseline))
        if suspected or vendor_statuses.is_payable_or_pending(row.status, row.ends_at, now, row.created_at):
            notices.append(rules.payment_notice(payment_id, "duplicate" if suspected else "external"))
    inserted = ledger.insert_external(account, externals, notices, now)
    context.checkpoint(Checkpoint.ADOPTED)
    report.adopted += [payment.payment_id for payment in inserted]


def _may_be_duplicate(unresolved: Payment, row: VendorPayment, now: datetime) -> bool:
    """Whether an unmatched row may be the late payment of a request that was given up.

    Its amount proves nothing: the vendor may have changed it.
    """
    recent = unresolved.sending_at is not None and now - unresolved.sending_at < DAY
    return recent or find_by_id(unresolved.create_response, [row]) is not None
