"""The report of a reconcile run, and the one function by which it moves a payment."""

from dataclasses import dataclass, field
from typing import Any

from topups.decision.evaluate import Evaluation
from topups.gateway import Balance, PaymentList
from topups.ledger.models import Payment
from topups.notifications import rules
from topups.payment_states import State
from topups.workflow.context import Checkpoint, TopUpContext


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
    updated: int = 0  # changes without a transition
    payments: list[Payment] = field(default_factory=list)
    evaluation: Evaluation | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json`` and run metadata."""
        return {
            "balance_cents": self.balance.cents if self.balance else None,
            "problems": [p for p in (self.balance_problem, self.list_problem, self.ledger_problem) if p],
            "moved": [{"payment_id": id_, "from": before, "to": after} for id_, before, after in self.moved],
            "adopted": self.adopted,
        }


def transition(
    context: TopUpContext, payment: Payment, state: State, report: ReconcileReport, detail: str, **changes: Any
) -> Payment | None:
    """One transition of one payment, with its notices. Returns None after a lost compare-and-swap."""
    notices = rules.notices_for_state(payment.payment_id, state)
    moved = context.ledger.transition(payment, state, context.clock.now(), {**changes, "detail": detail}, notices)
    context.checkpoint(Checkpoint.MOVED)
    if moved:
        report.moved.append((payment.payment_id, payment.state, state))
    return moved
