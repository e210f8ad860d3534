"""Brings the ledger up to date with the vendor. Reads only: it never requests a payment and may run at any time.

Between two effects there is a checkpoint, where another program, or a crash, may come in between. A lost
compare-and-swap means that another program did the same: continue with the next payment.
"""

import dataclasses
from contextlib import suppress

from topups.decision.clock_check import check_clock, with_time_of
from topups.decision.evaluate import evaluate
from topups.decision.records import REPEAT_REFUSAL_AFTER, decision_payload, repeats
from topups.decision.snapshot import AccountSnapshot, BurnForecast, PaymentPlan, Refusal, VendorListView
from topups.gateway import VendorUnavailable
from topups.ledger.database.maintenance import thin_observations
from topups.ledger.future_instants import RecordedInstants, correct_future_instants, read_instants
from topups.ledger.models import Payment
from topups.ledger.queries import UNFINISHED, LedgerUnavailable
from topups.notifications.rules import queue_scheduled_notices
from topups.policy import kill_switch_on
from topups.workflow.blocked_topups import await_run, update_blocked
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext, with_trusted_time
from topups.workflow.outcome import expire_stale_intents, resolve_unknown_outcomes
from topups.workflow.tracking.credit import credit_paid_payments
from topups.workflow.tracking.external_payments import adopt_external_payments, unrecorded_payments
from topups.workflow.tracking.payment_tracking import apply_vendor_statuses
from topups.workflow.tracking.unknown_statuses import report_unknown_statuses, resolve_unknown_statuses
from topups.workflow.vendor_snapshots import (
    assess_completeness,
    blocking_ids,
    fetch_balance,
    fetch_payment_list,
    shrink_window_start,
    tracked_payments,
)
from topups.workflow.vendor_times import with_usable_times
from topups.workflow.watermarks import (
    check_ledger,
    correct_future_requests,
    doubted_until,
    file_pause_reason,
    missing_request,
    record_end,
)


def reconcile_account(context: TopUpContext) -> ReconcileReport:
    """One run for one account that requests nothing; reports the decision that the facts allow.

    A ledger that cannot be used is reported in ``ledger_problem``.
    """
    report = ReconcileReport()
    try:
        update_from_vendor(context, report)
        evaluate_account(context, report)
    except LedgerUnavailable as error:
        report.ledger_problem = str(error)
    record_end(context)
    return report


def update_from_vendor(context: TopUpContext, report: ReconcileReport) -> None:
    """Brings the ledger up to date with the vendor and fills ``report``. Raises ``LedgerUnavailable``."""
    recorded = read_instants(context.ledger, context.account_id, context.clock.now() + context.policy.clock_skew)
    report.balance, report.balance_problem = fetch_balance(context)
    # Before the list is recorded, which may prove what the ledger could not prove; by a clock that is not in doubt.
    doubted = check_clock(context.clock.now(), recorded, report.balance, None, context.policy).problem
    if not doubted:
        check_ledger(context, report)
    report.listing, report.list_problem, payments = fetch_payment_list(context)
    _check_clock(context, recorded, report)
    if not report.clock.problem:
        if doubted:
            check_ledger(context, report)
        thin_observations(context.ledger, context.clock.now())
    context = with_trusted_time(context, report)
    expire_stale_intents(context, payments, report)
    resolve_unknown_outcomes(context, _refreshed(context, payments, report), report)
    apply_vendor_statuses(context, _refreshed(context, payments, report), report)
    resolve_unknown_statuses(context, _refreshed(context, payments, report), report)
    payments = _refreshed(context, payments, report)
    if report.listing and not report.clock.problem:
        adopt_external_payments(context, report.listing, payments, report)
        report_unknown_statuses(context, report.listing, _refreshed(context, payments, report))
    credit_paid_payments(context, payments, report)
    report.payments = _refreshed(context, payments, report)
    context.checkpoint(Checkpoint.RECONCILED)


def follow_payments(context: TopUpContext, report: ReconcileReport) -> None:
    """As ``update_from_vendor`` if a payment is under way: a pause, or the mode ``off``, does not end that.

    A ledger that cannot be used is reported in ``ledger_problem``.
    """
    try:
        if any(payment.slot or payment.state in UNFINISHED for payment in tracked_payments(context)):
            update_from_vendor(context, report)
    except LedgerUnavailable as error:
        report.ledger_problem = str(error)


def _check_clock(context: TopUpContext, recorded: RecordedInstants, report: ReconcileReport) -> None:
    """Compares this machine's clock with the others; once it is right, corrects what it wrote while it was ahead."""
    now, policy = context.clock.now(), context.policy
    report.clock = check_clock(now, recorded, report.balance, report.listing, policy)
    report.listing = with_time_of(report.listing, report.clock)
    if report.clock.problem:
        return
    if recorded.after:
        correct_future_instants(context.ledger, context.account_id, now + policy.clock_skew, now)
    correct_future_requests(context, now + policy.clock_skew, now)


def evaluate_account(context: TopUpContext, report: ReconcileReport, idempotency_key: str = "") -> AccountSnapshot:
    """Evaluates the policy once on ledger and vendor, records the decision, and queues the notices that are due.

    The evaluation is in ``report.evaluation``, recorded under ``idempotency_key`` or else under the fingerprint of its
    inputs: without a key nothing executes a plan. Returns the snapshot that was evaluated.

    Raises ``LedgerUnavailable``.
    """
    context = with_trusted_time(context, report)
    now = context.clock.now()
    recorded = context.ledger.snapshot(context.account_id, now)
    snapshot = merge_observations(context, recorded, report)
    report.evaluation = evaluate(snapshot, context.policy, now)
    decision = report.evaluation.decision
    record_decision(context, idempotency_key or report.evaluation.facts_fingerprint, decision, snapshot.burn)
    queue_scheduled_notices(context.ledger, snapshot, report.payments, context.policy, now)
    stopped = decision if idempotency_key else await_run(decision)
    update_blocked(context, snapshot, recorded.balance, stopped, report.payments)
    return snapshot


def preview_snapshot(context: TopUpContext) -> AccountSnapshot:
    """The snapshot that a run would evaluate: the ledger with the vendor's present responses. Records and changes
    nothing.
    """
    gateway, now = context.gateway, context.clock.now()
    seen = ReconcileReport(unproven=missing_request(context.ledger, context.companions, context.policy, now))
    unrecorded, doubts = [], doubted_until(context)
    recorded = read_instants(context.ledger, context.account_id, now + context.policy.clock_skew)
    try:
        seen.balance = gateway.balance()
    except VendorUnavailable as error:
        seen.balance_problem = str(error)
    try:
        listing = gateway.payments()
        largest = context.ledger.max_list_size(context.account_id, shrink_window_start(context, listing.at))
        payments = tracked_payments(context)
        seen.listing = assess_completeness(listing, payments, largest, context.policy)
        seen.listing = with_usable_times(context, seen.listing, payments)
        unrecorded = unrecorded_payments(context, seen.listing, payments, doubts)
    except VendorUnavailable as error:
        seen.list_problem = str(error)
    seen.clock = check_clock(now, recorded, seen.balance, seen.listing, context.policy)
    snapshot = context.ledger.snapshot(context.account_id, context.clock.now(), unrecorded)
    until = max(filter(None, (snapshot.unproven_until, doubts)), default=None)
    return merge_observations(context, dataclasses.replace(snapshot, unproven_until=until), seen)


def _refreshed(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> list[Payment]:
    """The tracked payments, read again only if this run changed one."""
    return tracked_payments(context) if report.moved or report.updated or report.adopted else payments


def merge_observations(context: TopUpContext, snapshot: AccountSnapshot, report: ReconcileReport) -> AccountSnapshot:
    """The ledger's snapshot with what this run read at the vendor."""
    listing = report.listing
    vendor_list = VendorListView(None, False, report.list_problem)
    if listing:
        vendor_list = VendorListView(listing.at, listing.complete, listing.problem, blocking_ids(context, listing))
    return dataclasses.replace(
        snapshot,
        balance=report.balance or (None if report.balance_problem else snapshot.balance),
        balance_problem=report.balance_problem,
        listing=vendor_list,
        killed=kill_switch_on(context.environment),
        paused=snapshot.paused or file_pause_reason(context),
        unproven=report.unproven,
        burn=context.burn(),
        clock_problem=report.clock.problem,
    )


def record_decision(
    context: TopUpContext, idempotency_key: str, decision: PaymentPlan | Refusal, burn: BurnForecast | None = None
) -> None:
    """Records a decision under its idempotency key, with the forecast behind it, which the sensor reads again.

    Not a refusal that repeats the last record of the last hour.
    """
    payload, now = decision_payload(idempotency_key, decision, burn), context.clock.now()
    recorded = context.ledger.observations(context.account_id, "decision", limit=1)
    if recorded and abs(now - recorded[0].at) < REPEAT_REFUSAL_AFTER and repeats(payload, recorded[0].payload):
        return
    context.ledger.record_decision(context.account_id, payload, now)


def record_preflight_refusal(context: TopUpContext, idempotency_key: str, refusal: Refusal) -> None:
    """Records a refusal that needed no vendor call. A ledger that cannot be written does not change the refusal."""
    with suppress(LedgerUnavailable):
        snapshot = context.ledger.snapshot(context.account_id, context.clock.now())
        update_blocked(context, snapshot, snapshot.balance, refusal)
        record_decision(context, idempotency_key, refusal)
