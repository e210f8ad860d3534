"""One run that may request one payment. Sensor, command line, schedule and a re-executed run all call it.

The ledger is the lock. A request is committed before it is sent and is sent once. An uncertain outcome is UNKNOWN,
which is data and not a failure. At each checkpoint another program may come in between or this one may die; between the
last check and the request there is none.
"""

import dataclasses
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from topups.decision.rules import preflight_rules
from topups.decision.snapshot import (
    AccountSnapshot,
    PaymentPlan,
    Reason,
    Refusal,
    decision_json,
    refusal_from,
)
from topups.gateway import Confirm, Outcome, PaymentList, Uncertain, Unsent
from topups.ledger.models import Payment
from topups.ledger.queries import LedgerUnavailable
from topups.money import usd
from topups.notifications import rules
from topups.payment_states import COUNTS_AS_CREATED, State
from topups.policy import kill_switch_on
from topups.workflow.blocked_topups import update_blocked
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext, with_trusted_time
from topups.workflow.outcome import record_outcome
from topups.workflow.reconcile import (
    evaluate_account,
    follow_payments,
    record_decision,
    record_preflight_refusal,
    update_from_vendor,
)
from topups.workflow.reservation import record_dry_run, request_approval, reserve_payment
from topups.workflow.tracking.external_payments import adopt_external_payments
from topups.workflow.vendor_snapshots import blocking_ids, fetch_balance, fetch_payment_list
from topups.workflow.watermarks import announce_request, pause_reason, record_end, require_writable


@dataclass(frozen=True)
class TopUpRunResult:
    """The result of one run: a refusal, or a payment that was requested (``refusal`` is None).

    A refusal may come with a payment too: one that waits for approval, was released, or was not sent.
    """

    account_id: str
    refusal: Refusal | None = None
    plan: PaymentPlan | None = None
    payment: Payment | None = None
    report: ReconcileReport | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json`` and run metadata."""
        payment = self.payment
        return {
            "account_id": self.account_id,
            **decision_json(self.refusal, self.plan),
            "payment_id": payment.payment_id if payment else None,
            "state": str(payment.state) if payment else None,
            "reconciled": self.report.as_json() if self.report else None,
        }


def run_topup(context: TopUpContext, idempotency_key: str = "") -> TopUpRunResult:
    """One run for one account. Raises nothing that the ledger or the vendor can cause.

    ``idempotency_key`` names the decision that started this run: it leads to one payment at most, however often the run
    is executed. Without a key every run is a decision of its own.
    """
    try:
        result = _run(context, idempotency_key or context.ids.new(context.clock.now()))
    except LedgerUnavailable as error:
        return TopUpRunResult(context.account_id, Refusal(Reason.LEDGER_UNAVAILABLE, str(error)))
    record_end(context)
    return result


def _run(context: TopUpContext, idempotency_key: str) -> TopUpRunResult:
    refusal = _preflight_refusal(context)
    report = ReconcileReport()
    if refusal:
        follow_payments(context, report)
        record_preflight_refusal(with_trusted_time(context, report), idempotency_key, refusal)
        context.checkpoint(Checkpoint.DECIDED)
        return TopUpRunResult(context.account_id, refusal, report=report)
    update_from_vendor(context, report)
    require_writable(context)
    if report.balance is None or context.clock.now() - report.balance.at > context.policy.list_max_age:
        report.balance, report.balance_problem = fetch_balance(context)
    snapshot = evaluate_account(context, report, idempotency_key)
    assert report.evaluation
    decision = report.evaluation.decision
    context.checkpoint(Checkpoint.DECIDED)
    if isinstance(decision, Refusal):
        payment = record_dry_run(context, decision, idempotency_key)
        return TopUpRunResult(context.account_id, decision, decision.plan, payment, report)
    result = _execute(context, snapshot, decision, idempotency_key, report)
    if result.refusal:
        requested = [result.payment] if result.payment else []
        # Where a request was sent, what is known of it is said, whether or not the ledger can be written.
        with suppress(LedgerUnavailable) if result.refusal.reason == Reason.LEDGER_UNAVAILABLE else nullcontext():
            record_decision(context, idempotency_key, result.refusal)
            update_blocked(context, snapshot, snapshot.balance, result.refusal, requested)
    return dataclasses.replace(result, plan=decision, report=report)


def _preflight_refusal(context: TopUpContext) -> Refusal | None:
    """The refusal of a rule that needs no vendor call: switched off, without limits, or stopped."""
    stopped = AccountSnapshot(
        context.account_id,
        paused=pause_reason(context),
        killed=kill_switch_on(context.environment),
    )
    results = preflight_rules(stopped, context.policy)
    return next((refusal_from(result) for result in results if not result.passed), None)


def _execute(
    context: TopUpContext, snapshot: AccountSnapshot, plan: PaymentPlan, idempotency_key: str, report: ReconcileReport
) -> TopUpRunResult:
    if plan.approval:
        waiting = request_approval(context, snapshot, plan, idempotency_key)
        context.checkpoint(Checkpoint.RESERVED)
        if isinstance(waiting, Refusal):
            return TopUpRunResult(context.account_id, waiting)
        refusal = Refusal(plan.approval, f"{waiting.payment_id} waits for a person: {plan.explanation}", "", plan)
        return TopUpRunResult(context.account_id, refusal, payment=waiting)
    reserved = reserve_payment(context, snapshot, plan, idempotency_key)
    context.checkpoint(Checkpoint.RESERVED)
    if isinstance(reserved, Refusal):
        return TopUpRunResult(context.account_id, reserved)
    # The vendor's list a second time, inside the slot: a payment may have appeared since the decision.
    listing, problem, payments = fetch_payment_list(context)
    if listing:
        adopt_external_payments(context, listing, payments, report)
    blocked = _list_refusal(context, listing, problem)
    if blocked or listing is None:
        released = context.ledger.transition(reserved, State.RELEASED, context.clock.now(), {"detail": str(blocked)})
        return TopUpRunResult(context.account_id, blocked, payment=released or reserved)
    context.checkpoint(Checkpoint.LISTED_IN_SLOT)
    return _send_reserved(context, reserved, listing, snapshot)


def _send_reserved(
    context: TopUpContext, payment: Payment, listing: PaymentList, before: AccountSnapshot
) -> TopUpRunResult:
    now = context.clock.now()
    sending = context.ledger.transition(
        payment,
        State.SENDING,
        now,
        {"sending_at": now, "deadline_at": now + context.policy.send_deadline},
        unless_paused=True,
    )
    context.checkpoint(Checkpoint.SENDING)
    if sending is None:
        return _release_unsent(context, payment)
    refusal = announce_request(context, sending)
    if refusal:
        recorded = record_outcome(context, sending, Unsent(str(refusal)))
        return TopUpRunResult(context.account_id, refusal, payment=recorded)
    final_check = FinalCheck(context, sending, listing)
    outcome = send_create_request(context, sending, final_check)
    context.checkpoint(Checkpoint.REQUESTED)
    if isinstance(outcome, Unsent):
        refusal = final_check.refusal or Refusal(Reason.NOT_SENT_STALE, outcome.detail)
        recorded = record_outcome(context, sending, Unsent(str(refusal)))
        return TopUpRunResult(context.account_id, refusal, payment=recorded)
    try:
        recorded = _record_sent(context, sending, outcome, before)
    except LedgerUnavailable as error:
        return TopUpRunResult(context.account_id, _outcome_not_recorded(sending, error), payment=sending)
    return TopUpRunResult(context.account_id, payment=recorded)


def _record_sent(context: TopUpContext, sending: Payment, outcome: Outcome, before: AccountSnapshot) -> Payment:
    recorded = record_outcome(context, sending, outcome)
    if recorded.state in COUNTS_AS_CREATED:
        now = context.clock.now()
        context.ledger.enqueue_notices(
            context.account_id, rules.cap_notices(recorded, before, context.policy, now), now
        )
    return recorded


def _outcome_not_recorded(sending: Payment, error: LedgerUnavailable) -> Refusal:
    """What is known once the request was sent: a payment may exist, and the ledger has SENDING."""
    cause = str(error).replace("nothing is paid; ", "")
    sent = f"a request over {usd(sending.amount_cents)} was sent, its outcome could not be written down"
    return Refusal(Reason.LEDGER_UNAVAILABLE, f"{sent}: it is searched for with the next run; {cause}")


class FinalCheck:
    """Checks once more when the request could leave at once. ``refusal`` is the result, None if it may leave."""

    def __init__(self, context: TopUpContext, sending: Payment, listing: PaymentList) -> None:
        self._context, self._sending, self._listing = context, sending, listing
        self.refusal: Refusal | None = None

    def __call__(self) -> str:
        """Why the request must not be sent, or nothing. A ledger that cannot be read forbids it too."""
        try:
            self.refusal = check_before_send(self._context, self._sending, self._listing)
        except LedgerUnavailable as error:
            self.refusal = Refusal(Reason.LEDGER_UNAVAILABLE, str(error))
        return str(self.refusal or "")


def check_before_send(context: TopUpContext, sending: Payment, listing: PaymentList) -> Refusal | None:
    """The last check before the request: the payment is still ours, not stopped, in time, on a fresh list."""
    current = context.ledger.payment(sending.payment_id)
    if current is None or current.version != sending.version:
        return Refusal(Reason.LOST_RACE, "another program moved the payment")
    paused = pause_reason(context)
    if paused or kill_switch_on(context.environment):
        return Refusal(Reason.KILL_SWITCH, paused or "the environment's kill switch is on")
    now, policy = context.clock.now(), context.policy
    deadline = sending.deadline_at or now
    age = listing.age(now)
    if now > deadline or age > policy.list_max_age or now < sending.state_since - policy.clock_skew:
        return Refusal(Reason.NOT_SENT_STALE, f"the vendor's list is {age.total_seconds():.0f} s old, {now:%H:%M:%S}")
    return None


def send_create_request(context: TopUpContext, payment: Payment, confirm: Confirm) -> Outcome:
    """The only create request of this payment. Whatever fails, it may have been sent."""
    try:
        return context.gateway.create(payment.request, confirm)
    except Exception as error:
        return Uncertain(f"{type(error).__name__} while asking for the payment")


def _release_unsent(context: TopUpContext, payment: Payment) -> TopUpRunResult:
    """The result when SENDING was not entered: the kill switch is on, or the compare-and-swap was lost."""
    paused = pause_reason(context)
    if not paused:
        return TopUpRunResult(context.account_id, Refusal(Reason.LOST_RACE, "another program moved the payment"))
    refusal = Refusal(Reason.KILL_SWITCH, paused)
    released = context.ledger.transition(payment, State.RELEASED, context.clock.now(), {"detail": str(refusal)})
    return TopUpRunResult(context.account_id, refusal, payment=released)


def _list_refusal(context: TopUpContext, listing: PaymentList | None, problem: str) -> Refusal | None:
    """Why the list that was read inside the slot forbids sending, or None."""
    if listing is None:
        return Refusal(Reason.VENDOR_LIST_UNAVAILABLE, problem)
    if not listing.complete:
        return Refusal(Reason.VENDOR_LIST_INCOMPLETE, listing.problem)
    blocking = blocking_ids(context, listing)
    if blocking:
        return Refusal(Reason.PAYMENT_OPEN_AT_VENDOR, f"payable or confirming: {', '.join(blocking[:3])}", "none")
    if kill_switch_on(context.environment):
        return Refusal(Reason.KILL_SWITCH, "the environment's kill switch is on")
    return None
