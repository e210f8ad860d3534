"""One pass that may ask for one payment. Sensor, command line, schedule and a re-executed run all enter here.

The ledger is the lock. What was asked for is committed before it is asked for, it is asked for once, and what is not
certain afterwards is UNKNOWN, which is data and no failure. At each checkpoint another program may come in between or
this one may die; between the last look and the request there is none.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from topups.decision import rules
from topups.decision.reasons import Decision, Reason, Refusal, decision_json, refused
from topups.decision.snapshot import Snapshot, blocking_rows
from topups.gateway import Outcome, PaymentList, Unclear
from topups.ledger.models import Payment
from topups.ledger.transactions import LedgerUnavailable
from topups.notifications import rules as notice_rules
from topups.payment_states import COUNTS_AS_CREATED, State
from topups.workflow.context import Checkpoint, Context
from topups.workflow.decision_log import write_early_no, write_verdict
from topups.workflow.outcome import write_down
from topups.workflow.payment_tracking import adopt
from topups.workflow.reconcile import evaluate_account, reconcile
from topups.workflow.reconcile_report import Reconciled
from topups.workflow.reservation import ask_a_person, leave_a_trace, reserve
from topups.workflow.vendor_snapshots import look_at_balance, look_at_payments


@dataclass(frozen=True)
class Pass:
    """What came of one pass: a refusal, or a payment that was asked for (then ``refusal`` is None).

    ``payment`` may come with a refusal too: one that waits for approval, was released, or was not sent.
    """

    account_id: str
    refusal: Refusal | None = None
    decision: Decision | None = None
    payment: Payment | None = None
    reconciled: Reconciled | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json`` and run metadata."""
        payment = self.payment
        return {
            "account_id": self.account_id,
            **decision_json(self.refusal, self.decision),
            "payment_id": payment.payment_id if payment else None,
            "state": str(payment.state) if payment else None,
            "reconciled": self.reconciled.as_json() if self.reconciled else None,
        }


def run(context: Context, decision_id: str = "") -> Pass:
    """One pass for one account. Raises nothing the ledger or the vendor can cause.

    ``decision_id`` names the decision that asked for this pass: it can lead to one payment only, however often it is
    run. Without one, each pass is a decision of its own.
    """
    try:
        return _run(context, decision_id or context.ids.new(context.now()))
    except LedgerUnavailable as error:
        return Pass(context.account_id, Refusal(Reason.LEDGER_UNAVAILABLE, str(error)))


def _run(context: Context, decision_id: str) -> Pass:
    early = _without_a_look(context)
    if early:
        write_early_no(context, decision_id, early)
        context.checkpoint(Checkpoint.DECIDED)
        return Pass(context.account_id, early)
    done = Reconciled()
    reconcile(context, done)
    if done.balance is None or context.now() - done.balance.at > context.policy.list_max_age:
        done.balance, done.balance_problem = look_at_balance(context)
    snapshot = evaluate_account(context, done, decision_id)
    assert done.evaluation
    verdict = done.evaluation.decision
    context.checkpoint(Checkpoint.DECIDED)
    if isinstance(verdict, Refusal):
        payment = leave_a_trace(context, verdict, decision_id)
        return Pass(context.account_id, verdict, verdict.decision, payment, done)
    result = _carry_out(context, snapshot, verdict, decision_id, done)
    if result.refusal:
        write_verdict(context, decision_id, result.refusal)
    return dataclasses.replace(result, decision=verdict, reconciled=done)


def _without_a_look(context: Context) -> Refusal | None:
    """What needs no vendor to be known: switched off, without limits, or stopped."""
    stopped = Snapshot(context.account_id, paused=context.ledger.paused(context.account_id), killed=context.killed())
    results = rules.preflight(stopped, context.policy)
    return next((refused(result) for result in results if not result.passed), None)


def _carry_out(context: Context, snapshot: Snapshot, decision: Decision, decision_id: str, done: Reconciled) -> Pass:
    if decision.approval:
        waiting = ask_a_person(context, snapshot, decision, decision_id)
        context.checkpoint(Checkpoint.RESERVED)
        if isinstance(waiting, Refusal):
            return Pass(context.account_id, waiting)
        refusal = Refusal(decision.approval, f"{waiting.payment_id} waits for a person: {decision.why}", "", decision)
        return Pass(context.account_id, refusal, payment=waiting)
    reserved = reserve(context, snapshot, decision, decision_id)
    context.checkpoint(Checkpoint.RESERVED)
    if isinstance(reserved, Refusal):
        return Pass(context.account_id, reserved)
    listing, problem, known = look_at_payments(context)
    if listing:
        adopt(context, listing, known, done)
    unclean = _unclean(context, listing, problem)
    if unclean or listing is None:
        released = context.ledger.move(reserved, State.RELEASED, context.now(), {"detail": str(unclean)})
        return Pass(context.account_id, unclean, payment=released or reserved)
    context.checkpoint(Checkpoint.LISTED_IN_SLOT)
    return _send(context, reserved, listing, snapshot)


def _send(context: Context, payment: Payment, listing: PaymentList, before: Snapshot) -> Pass:
    now = context.now()
    sending = context.ledger.move(
        payment,
        State.SENDING,
        now,
        {"sending_at": now, "deadline_at": now + context.policy.send_deadline},
        unless_paused=True,
    )
    context.checkpoint(Checkpoint.SENDING)
    if sending is None:
        return _give_back(context, payment)
    refusal = last_look(context, sending, listing)
    if refusal:
        lost = refusal.reason == Reason.LOST_RACE
        kept = None if lost else context.ledger.move(sending, State.NOT_SENT, context.now(), {"detail": str(refusal)})
        return Pass(context.account_id, refusal, payment=kept or sending)
    outcome = request(context, sending)
    context.checkpoint(Checkpoint.REQUESTED)
    written = write_down(context, sending, outcome)
    if written.state in COUNTS_AS_CREATED:
        now = context.now()
        context.ledger.announce(context.account_id, notice_rules.caps(written, before, context.policy, now), now)
    return Pass(context.account_id, payment=written)


def last_look(context: Context, sending: Payment, listing: PaymentList) -> Refusal | None:
    """Immediately before the request: still ours, not stopped, in time, and on a list that is still fresh."""
    known = context.ledger.payment(sending.payment_id)
    if known is None or known.version != sending.version:
        return Refusal(Reason.LOST_RACE, "another program moved the payment")
    paused = context.ledger.paused(context.account_id)
    if paused or context.killed():
        return Refusal(Reason.KILL_SWITCH, paused or "the environment's kill switch is on")
    now, policy = context.now(), context.policy
    deadline = sending.deadline_at or now
    age = now - listing.at
    if now > deadline or age > policy.list_max_age or now < sending.state_since - policy.clock_skew:
        return Refusal(Reason.NOT_SENT_STALE, f"the vendor's list is {age.total_seconds():.0f} s old, {now:%H:%M:%S}")
    return None


def request(context: Context, payment: Payment) -> Outcome:
    """The only request of this payment. Whatever breaks, it may have been sent."""
    try:
        return context.gateway.create(payment.order)
    except Exception as error:
        return Unclear(f"{type(error).__name__} while asking for the payment")


def _give_back(context: Context, payment: Payment) -> Pass:
    """SENDING was not entered: stopped by the kill switch, or another program was quicker."""
    paused = context.ledger.paused(context.account_id)
    if not paused:
        return Pass(context.account_id, Refusal(Reason.LOST_RACE, "another program moved the payment"))
    refusal = Refusal(Reason.KILL_SWITCH, paused)
    released = context.ledger.move(payment, State.RELEASED, context.now(), {"detail": str(refusal)})
    return Pass(context.account_id, refusal, payment=released)


def _unclean(context: Context, listing: PaymentList | None, problem: str) -> Refusal | None:
    """Why the list inside the slot forbids to send."""
    if listing is None:
        return Refusal(Reason.VENDOR_LIST_UNAVAILABLE, problem)
    if not listing.complete:
        return Refusal(Reason.VENDOR_LIST_INCOMPLETE, listing.problem)
    blocking = blocking_rows(listing, context.now())
    if blocking:
        return Refusal(Reason.PAYMENT_OPEN_AT_VENDOR, f"payable or confirming: {', '.join(blocking[:3])}", "none")
    if context.killed():
        return Refusal(Reason.KILL_SWITCH, "the environment's kill switch is on")
    return None
