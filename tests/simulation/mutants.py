"""The real code with one of its safeguards taken out. A simulation that does not notice is worth nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from topups.decision import replay, rules, sizing, snapshot
from topups.decision.clock_check import ClockCheck
from topups.decision.snapshot import PaymentView
from topups.gateway import Confirm, Outcome, PaymentList, Uncertain, Unsent, VendorPayment
from topups.ledger import continuity, ledger, queries
from topups.ledger.companion_files import CompanionFiles
from topups.ledger.ledger import UnitOfWork
from topups.ledger.models import Payment
from topups.notifications import rules as notice_rules
from topups.payment_states import PaymentException, State
from topups.policy import Policy
from topups.vendor import statuses as vendor_statuses
from topups.workflow import blocked_topups, reconcile, reservation, topup_run, watermarks
from topups.workflow import outcome as outcomes
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext
from topups.workflow.outcome import record_outcome
from topups.workflow.tracking import credit

Patch = Callable[[pytest.MonkeyPatch], None]


def retry_the_create_on_timeout(patch: pytest.MonkeyPatch) -> None:
    real = topup_run.send_create_request

    def twice(context: TopUpContext, payment: Payment, confirm: Confirm) -> Outcome:
        outcome = real(context, payment, confirm)
        return real(context, payment, confirm) if isinstance(outcome, Uncertain) else outcome

    patch.setattr(topup_run, "send_create_request", twice)


def no_write_ahead_row(patch: pytest.MonkeyPatch) -> None:
    def send(context: TopUpContext, payment: Payment, listing: PaymentList, before: Any) -> topup_run.TopUpRunResult:
        outcome = topup_run.send_create_request(context, payment, lambda: "")
        context.checkpoint(Checkpoint.REQUESTED)
        sent = context.ledger.transition(
            payment, State.SENDING, context.clock.now(), {"sending_at": context.clock.now()}
        )
        context.checkpoint(Checkpoint.SENDING)
        written = record_outcome(context, sent or payment, outcome)
        return topup_run.TopUpRunResult(context.account_id, payment=written)

    patch.setattr(topup_run, "_send_reserved", send)


def no_slot(patch: pytest.MonkeyPatch) -> None:
    def none(self: UnitOfWork, payment: Payment, to: State) -> dict[str, Any]:
        return {"counted_at": self.now} if to == State.RESERVED else {}

    patch.setattr(UnitOfWork, "_slot_columns", none)


def free_the_slot_on_first_absence(patch: pytest.MonkeyPatch) -> None:
    def next_state(payment: Payment, listing: PaymentList, alike: int, *_: Any) -> State | None:
        if not listing.complete or payment.claim:
            return None
        return State.OPEN if alike else State.NOT_CREATED

    patch.setattr(outcomes, "resolve_state", next_state)


def a_partial_list_counts_as_absence(patch: pytest.MonkeyPatch) -> None:
    for name in ("count_missing_lists", "resolve_state"):
        real = getattr(outcomes, name)

        def believing(payment: Payment, listing: PaymentList, *rest: Any, real: Any = real) -> Any:
            return real(payment, replace(listing, complete=True), *rest)

        patch.setattr(outcomes, name, believing)


def a_cap_counts_only_what_was_paid(patch: pytest.MonkeyPatch) -> None:
    paid = {State.PAID, State.CREDITED, State.PAID_LATE}

    def counts_towards_caps(payment: PaymentView, since: Any) -> bool:
        return payment.counted_at > since and payment.state in paid

    patch.setattr(snapshot, "counts_towards_caps", counts_towards_caps)


def a_row_of_another_amount_is_never_ours(patch: pytest.MonkeyPatch) -> None:
    real = outcomes.resolve_state

    def next_state(payment: Payment, listing: PaymentList, alike: int, _: int, *rest: Any) -> State | None:
        return real(payment, listing, alike, 0, *rest)

    patch.setattr(outcomes, "resolve_state", next_state)


def windows_end_by_our_clock_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_with_quiescence", lambda window, _: window)


def a_persons_money_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    for module in (queries, replay):
        patch.setattr(module, "external_arriving_since", lambda *_: None)


def the_list_in_the_slot_need_not_be_complete(patch: pytest.MonkeyPatch) -> None:
    real = topup_run._list_refusal

    def refusal(context: TopUpContext, listing: PaymentList | None, problem: str) -> Any:
        return real(context, listing and replace(listing, complete=True), problem)

    patch.setattr(topup_run, "_list_refusal", refusal)


def an_approved_payment_counts_from_its_plan(patch: pytest.MonkeyPatch) -> None:
    real = UnitOfWork._slot_columns

    def columns(self: UnitOfWork, payment: Payment, to: State) -> dict[str, Any]:
        changes = real(self, payment, to)
        return changes if payment.state == State.PLANNED else {k: v for k, v in changes.items() if k != "counted_at"}

    patch.setattr(UnitOfWork, "_slot_columns", columns)


def no_second_decision(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reservation, "_revalidate", lambda *_: None)


def a_foreign_row_in_progress_stops_blocking_at_its_end(patch: pytest.MonkeyPatch) -> None:
    real = vendor_statuses.is_payable_or_pending

    def is_blocking(status: str, ends_at: datetime | None, now: datetime, *rest: Any) -> bool:
        ended = status in vendor_statuses.IN_PROGRESS and ends_at is not None and now >= ends_at
        return not ended and real(status, ends_at, now, *rest)

    for module in (snapshot, rules):
        patch.setattr(module, "is_payable_or_pending", is_blocking)


def the_memory_ends_before_the_month(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(queries, "MEMORY", timedelta(days=30))


def the_age_of_the_list_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaymentList, "age", lambda *_: timedelta())


def a_rise_before_the_payment_proves_its_credit(patch: pytest.MonkeyPatch) -> None:
    real = reconcile.credit_paid_payments

    def credit(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
        real(context, [p if p.baseline is None else replace(p, baseline=0) for p in payments], report)

    patch.setattr(reconcile, "credit_paid_payments", credit)


def an_approval_is_not_bound_to_its_amount(patch: pytest.MonkeyPatch) -> None:
    real = sizing.size_payment

    def size(seen: snapshot.AccountSnapshot, policy: Policy, now: datetime) -> sizing.PaymentSize:
        payments = tuple(payment._replace(approved_at=None) for payment in seen.payments)
        return real(replace(seen, payments=payments), policy, now)

    patch.setattr(sizing, "size_payment", size)


def a_match_needs_the_amount_alone(patch: pytest.MonkeyPatch) -> None:
    real = outcomes.exact_match

    def match(payment: Payment, rows: list[VendorPayment], policy: Policy) -> VendorPayment | None:
        same_amount = outcomes.same_amount_rows(payment, rows)
        return same_amount[0] if same_amount else real(payment, rows, policy)

    patch.setattr(outcomes, "exact_match", match)


def a_failed_balance_read_falls_back(patch: pytest.MonkeyPatch) -> None:
    real = reconcile.merge_observations

    def merge(context: TopUpContext, recorded: snapshot.AccountSnapshot, report: ReconcileReport) -> Any:
        return real(context, recorded, replace(report, balance_problem=""))

    patch.setattr(reconcile, "merge_observations", merge)


def the_final_check_is_not_made(patch: pytest.MonkeyPatch) -> None:
    def send(context: TopUpContext, payment: Payment, confirm: Confirm) -> Outcome:
        refusal = confirm()  # when the request is handed over, and not when it leaves
        return Unsent(refusal) if refusal else context.gateway.create(payment.request, lambda: "")

    patch.setattr(topup_run, "send_create_request", send)


def watermarks_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(continuity, "_contradiction", lambda *_: "")
    patch.setattr(watermarks, "missing_request", lambda *_: "")


def the_pause_beside_the_ledger_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CompanionFiles, "pause_reason", lambda _: "")


def unproven_rows_do_not_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(snapshot, "COUNTS_LIKE_OURS", frozenset({PaymentException.DUPLICATE_SUSPECTED}))


def a_gap_in_the_watch_raises_no_doubt(patch: pytest.MonkeyPatch) -> None:
    real = continuity.read_watch
    patch.setattr(continuity, "read_watch", lambda *seen, **given: real(*seen, **given)._replace(steady=True))


def nobody_is_notified_of_what_stops(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(blocked_topups, "queue_blocked_notice", lambda *_: None)


def what_stops_is_not_recorded(patch: pytest.MonkeyPatch) -> None:
    for module in (reconcile, topup_run):
        patch.setattr(module, "update_blocked", lambda *_: None)


def requests_to_pay_are_never_forbidden(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(notice_rules, "is_needed", lambda *_: True)


def time_alone_moves_while_clocks_disagree(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reconcile, "check_clock", lambda *_: ClockCheck())


def a_refund_proves_a_credit(patch: pytest.MonkeyPatch) -> None:
    real = credit.arrivals

    def increases(*seen: Any) -> Any:
        return [increase._replace(charged_cents=None) for increase in real(*seen)]

    patch.setattr(credit, "arrivals", increases)


def paid_frees_the_slot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ledger, "SLOT_HOLDING", ledger.SLOT_HOLDING - {State.PAID})


def nothing(_: pytest.MonkeyPatch) -> None:
    """The mutation is in the policy."""


@dataclass(frozen=True)
class Mutant:
    """``kind`` of world, and how many seeds it may take to notice; ``promises`` are those that may turn out broken.

    ``first``: where the search begins, which saves time as long as that seed notices.
    """

    name: str
    apply: Patch
    kind: str
    seeds: int
    promises: str = "1 2 7"
    first: int = 0
    policy: Mapping[str, Any] = field(default_factory=dict)


MUTANTS = (
    Mutant("retry the create on timeout", retry_the_create_on_timeout, "lost answers", 50, "3"),
    Mutant("no write-ahead row", no_write_ahead_row, "everything", 50, "4"),
    Mutant("no slot", no_slot, "crowd", 400, first=55),
    Mutant("free the slot on first absence", free_the_slot_on_first_absence, "lost answers", 400),
    Mutant(
        *("short quiescence", nothing, "lost answers", 400),
        policy={"unknown_quiescence": timedelta(minutes=1), "absent_lists": 1},
    ),
    Mutant("a partial list counted as absence", a_partial_list_counts_as_absence, "bad lists", 400),
    Mutant("a row of another amount is never ours", a_row_of_another_amount_is_never_ours, "changed amounts", 400, "7"),
    Mutant("windows end by our clock alone", windows_end_by_our_clock_alone, "days", 300, "5", 67),
    Mutant("a person's money is not waited for", a_persons_money_is_not_waited_for, "by hand", 200, "2"),
    Mutant("cap counts only paid", a_cap_counts_only_what_was_paid, "unpaid", 100, "5"),
    Mutant(
        *("in-slot list need not be complete", the_list_in_the_slot_need_not_be_complete, "appearing", 400),
        promises="2 11",
    ),
    Mutant("approval counts from its plan", an_approved_payment_counts_from_its_plan, "approved", 400, "5"),
    Mutant("no second decision in the reservation", no_second_decision, "asleep", 400, "5"),
    Mutant(
        *(
            "a foreign row in progress ends",
            a_foreign_row_in_progress_stops_blocking_at_its_end,
            "slow chain",
            400,
            "2",
        ),
    ),
    Mutant("memory of 30 days", the_memory_ends_before_the_month, "months", 400, "5"),
    Mutant("age of the list before sending", the_age_of_the_list_is_not_checked, "appearing", 400, "2 11"),
    Mutant("no check when the request leaves", the_final_check_is_not_made, "busy wire", 400, "9"),
    Mutant("earlier rise proves a credit", a_rise_before_the_payment_proves_its_credit, "early refunds", 400, "7", 88),
    Mutant("approval without its amount", an_approval_is_not_bound_to_its_amount, "approved", 400, "19"),
    Mutant("match by amount alone", a_match_needs_the_amount_alone, "everything", 400, "13"),
    Mutant("failed balance read falls back", a_failed_balance_read_falls_back, "everything", 400, "11"),
    Mutant(
        *("watermarks are not compared", watermarks_are_not_compared, "restored", 400, "2 5 16", 32),
        policy={"watch_gap": timedelta(days=40)},
    ),
    Mutant("pause beside the ledger ignored", the_pause_beside_the_ledger_is_ignored, "lost", 400, "9"),
    Mutant("unproven rows do not count", unproven_rows_do_not_count, "lost alone", 400, "16"),
    Mutant("a gap raises no doubt", a_gap_in_the_watch_raises_no_doubt, "two ledgers", 200, "16"),
    Mutant("nobody is notified of what stops", nobody_is_notified_of_what_stops, "owner", 200, "24"),
    Mutant("what stops is not recorded", what_stops_is_not_recorded, "owner", 200, "25"),
    Mutant("needless payments are asked for", requests_to_pay_are_never_forbidden, "owner", 200, "22"),
    Mutant("time alone moves", time_alone_moves_while_clocks_disagree, "clock jumps", 400, "20"),
    Mutant("a refund proves a credit", a_refund_proves_a_credit, "refunds", 400, "7"),
    Mutant("paid frees the slot", paid_frees_the_slot, "crowd", 100, "18"),
)
