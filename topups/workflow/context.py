"""The dependencies of one run of the top-ups, and the checkpoints between its effects."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from topups.decision.clock_check import ClockCheck, FixedClock
from topups.decision.evaluate import Evaluation
from topups.decision.snapshot import BurnForecast
from topups.gateway import Balance, Clock, Gateway, IdGenerator, PaymentList, SystemClock, Uuid7Generator
from topups.ledger.companion_files import CompanionFiles, LedgerWatermark
from topups.ledger.ledger import Ledger
from topups.ledger.models import OutboxMessage, Payment
from topups.notifications import rules
from topups.payment_states import State
from topups.policy import Policy


class Checkpoint(StrEnum):
    """The effect that has just finished. Between two checkpoints lies one effect: a vendor call or one ledger
    transaction.
    """

    BALANCE_READ = "balance_read"
    BALANCE_RECORDED = "balance_recorded"
    LIST_READ = "list_read"
    LIST_RECORDED = "list_recorded"
    TRANSACTION_READ = "transaction_read"
    MOVED = "moved"
    ADOPTED = "adopted"
    RECONCILED = "reconciled"
    DECIDED = "decided"
    RESERVED = "reserved"
    LISTED_IN_SLOT = "listed_in_slot"
    SENDING = "sending"
    REQUESTED = "requested"
    RESPONSE_RECORDED = "response_recorded"
    VERIFIED = "verified"
    OUTCOME_RECORDED = "outcome_recorded"
    NOTIFIED = "notified"
    NOTICE_RECORDED = "notice_recorded"


@dataclass(frozen=True)
class TopUpContext:
    """The dependencies of the runs of one account.

    ``environment`` is read again at every check of the kill switch. ``burn`` returns the forecast for a decision, None
    where there is none. ``checkpoint`` is called after every effect: tests interleave two runs there, or end one.
    ``companions`` are the files that outlive the ledger; None for a ledger in memory. ``other_watermarks`` returns what
    others know of the ledger, such as the warehouse.
    """

    ledger: Ledger
    gateway: Gateway
    policy: Policy
    clock: Clock = field(default_factory=SystemClock)
    ids: IdGenerator = field(default_factory=Uuid7Generator)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    burn: Callable[[], BurnForecast | None] = lambda: None
    checkpoint: Callable[[Checkpoint], None] = lambda _: None
    companions: CompanionFiles | None = None
    other_watermarks: Callable[[], Sequence[LedgerWatermark]] = tuple

    @cached_property
    def account_id(self) -> str:
        """The vendor account of the gateway."""
        return self.gateway.account_id


@dataclass
class ReconcileReport:
    """What one run read and changed. ``balance`` and ``listing`` are None where the vendor did not respond.

    ``payments`` are the tracked ones at its end. ``evaluation`` is None until the policy was evaluated.
    """

    balance: Balance | None = None
    balance_problem: str = ""
    listing: PaymentList | None = None
    list_problem: str = ""
    moved: list[tuple[str, str, str]] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    ledger_problem: str = ""
    contradiction: str = ""  # why the ledger may lack payments, found by this run
    unproven: str = ""  # why nothing may be created before the ledger is known to be complete
    updated: int = 0  # changes without a transition
    payments: list[Payment] = field(default_factory=list)
    evaluation: Evaluation | None = None
    clock: ClockCheck = field(default_factory=ClockCheck)

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json`` and run metadata."""
        return {
            "balance_cents": self.balance.cents if self.balance else None,
            "problems": [
                *filter(
                    None,
                    (
                        self.clock.problem,
                        self.balance_problem,
                        self.list_problem,
                        self.ledger_problem,
                        self.contradiction,
                    ),
                )
            ],
            "moved": [{"payment_id": id_, "from": before, "to": after} for id_, before, after in self.moved],
            "adopted": self.adopted,
        }


def transition(
    context: TopUpContext,
    payment: Payment,
    state: State,
    report: ReconcileReport,
    detail: str,
    notices: Sequence[OutboxMessage] = (),
    **changes: Any,
) -> Payment | None:
    """One transition of one payment, with its notices: those of the state, and further ones.

    Returns None after a lost compare-and-swap.
    """
    notices = [*rules.notices_for_state(payment.payment_id, state), *notices]
    moved = context.ledger.transition(payment, state, context.clock.now(), {**changes, "detail": detail}, notices)
    context.checkpoint(Checkpoint.MOVED)
    if moved:
        report.moved.append((payment.payment_id, payment.state, state))
    return moved


def with_trusted_time(context: TopUpContext, report: ReconcileReport) -> TopUpContext:
    """The context with the time that counts: not this machine's, if this run does not trust it."""
    return context if report.clock.now is None else dataclasses.replace(context, clock=FixedClock(report.clock.now))
