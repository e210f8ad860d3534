"""The real code with one of its safeguards taken out. A simulation that does not notice is worth nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from topups.decision import replay, rules, snapshot
from topups.decision.snapshot import PaymentView
from topups.gateway import Confirm, Outcome, PaymentList, Uncertain
from topups.ledger import queries
from topups.ledger.ledger import UnitOfWork
from topups.ledger.models import Payment
from topups.payment_states import State
from topups.workflow import outcome as outcomes
from topups.workflow import topup_run
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.outcome import record_outcome

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


def nothing(_: pytest.MonkeyPatch) -> None:
    """The mutation is in the policy."""


@dataclass(frozen=True)
class Mutant:
    """``kind`` of world, and how many seeds it may take to notice; ``promises`` are those that may turn out broken."""

    name: str
    apply: Patch
    kind: str
    seeds: int
    promises: str = "127"
    policy: Mapping[str, Any] = field(default_factory=dict)


MUTANTS = (
    Mutant("retry the create on timeout", retry_the_create_on_timeout, "lost answers", 50, "3"),
    Mutant("no write-ahead row", no_write_ahead_row, "everything", 50, "4"),
    Mutant("no slot", no_slot, "crowd", 400),
    Mutant("free the slot on first absence", free_the_slot_on_first_absence, "lost answers", 400),
    Mutant(
        *("short quiescence", nothing, "lost answers", 400),
        policy={"unknown_quiescence": timedelta(minutes=1), "absent_lists": 1},
    ),
    Mutant("a partial list counted as absence", a_partial_list_counts_as_absence, "bad lists", 400),
    Mutant("a row of another amount is never ours", a_row_of_another_amount_is_never_ours, "everything", 400, "7"),
    Mutant("windows end by our clock alone", windows_end_by_our_clock_alone, "days", 300, "5"),
    Mutant("a person's money is not waited for", a_persons_money_is_not_waited_for, "by hand", 200, "2"),
    Mutant("cap counts only paid", a_cap_counts_only_what_was_paid, "unpaid", 100, "5"),
)
