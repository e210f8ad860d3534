"""The state of the top-ups of the configured account, as status, plan, report and Dagster show it.

Imports neither pandas nor dagster, and SQLAlchemy only where top-ups are on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipelines.bootstrap import configured_policy, topup_notes
from pipelines.settings import Settings, SettingsError
from topups.decision.evaluate import Evaluation
from topups.decision.remedies import remedy
from topups.decision.snapshot import PaymentPlan, Reason, Refusal
from topups.money import usd

if TYPE_CHECKING:
    from topups.ledger import Ledger, Payment
    from topups.ledger.blocked import Blocked
    from topups.policy import Policy

# What a person calls the state in which a run stops for a reason; "blocked" for every other reason.
STATES: Mapping[Reason, str] = {
    Reason.DISABLED: "off",
    Reason.KILL_SWITCH: "paused",
    Reason.BALANCE_OK: "ready",
    Reason.DRY_RUN_WOULD_CREATE: "dry run",
    Reason.AWAITING_APPROVAL: "waiting for approval",
    Reason.ANOMALOUS_BURN: "waiting for approval",
    Reason.PAYMENT_OPEN_AT_VENDOR: "waiting for payment",
    Reason.PAID_NOT_CREDITED: "waiting for credit",
    Reason.IN_FLIGHT: "in progress",
    Reason.OUTSIDE_HOURS: "waiting for the morning",
    Reason.NOT_EXECUTED: "due, but no run requests it",
}
# The top-up proceeds, or none is wanted: for what may go wrong meanwhile there are other checks and notices.
NOT_BLOCKING = frozenset(STATES) - {
    *(Reason.KILL_SWITCH, Reason.AWAITING_APPROVAL, Reason.ANOMALOUS_BURN, Reason.NOT_EXECUTED)
}
# Ended by a command or a setting: whether they are over is known from the ledger, without another run.
ENDED_BY_A_PERSON = frozenset(
    {
        *(Reason.DISABLED, Reason.NO_POLICY, Reason.KILL_SWITCH, Reason.DRY_RUN_WOULD_CREATE),
        *(Reason.LEDGER_UNAVAILABLE, Reason.LEDGER_UNPROVEN, Reason.AWAITING_APPROVAL, Reason.APPROVAL_EXPIRED),
        *(Reason.OUTCOME_UNKNOWN, Reason.BREAKER_OPEN, Reason.BACKOFF),
    }
)


@dataclass(frozen=True)
class TopUpState:
    """Whether a due top-up would be requested, and if not, why, since when (UTC), and what helps.

    ``reason`` is None where the next run requests a payment. ``is_due`` is also true where the balance is not known.
    ``notes`` are further lines that the owner should know of.
    """

    mode: str
    state: str
    reason: Reason | None = None
    since: datetime | None = None
    explanation: str = ""
    remedy: str = ""
    is_due: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_blocked(self) -> bool:
        """Whether a top-up is due that does not proceed."""
        return self.is_due and self.reason is not None and self.reason not in NOT_BLOCKING

    @property
    def waits_for_approval(self) -> bool:
        """Whether a person has to decide, as was agreed."""
        return self.state == STATES[Reason.AWAITING_APPROVAL]

    def lines(self) -> list[str]:
        """The state for a person: what and since when, what helps, and the notes."""
        mode = "" if self.mode == "off" else f" in mode {self.mode}"
        since = f" since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        details = [f"top-ups{mode}", f"{self.state}{since}", self.reason or "", self.explanation]
        lines = [": ".join(filter(None, details))]
        lines += [f"what to do: {self.remedy}"] if self.remedy else []
        return [*lines, *(f"note: {note}" for note in self.notes)]

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {
            "mode": self.mode,
            "state": self.state,
            "reason": self.reason,
            "since": self.since.isoformat() if self.since else None,
            "facts": self.explanation,
            "remedy": self.remedy,
            "due": self.is_due,
            "blocked": self.is_blocked,
            "notes": list(self.notes),
        }


def read_topup_state(settings: Settings) -> TopUpState:
    """The state from settings and ledger, without a call to the vendor. Writes nothing.

    Raises ``SettingsError`` for a wrong setting. A ledger that cannot be read is a state, not an exception.
    """
    policy, now = configured_policy(settings), datetime.now(UTC)
    if policy.mode == "off":
        return describe_decision(Refusal(Reason.DISABLED), policy)
    from pipelines.topups.service import TopUpService

    notes = topup_notes(settings, policy)
    try:
        evaluation = TopUpService(settings).evaluate_now()
    except SettingsError as error:  # the account is not set
        return describe_decision(Refusal(Reason.NO_POLICY, str(error)), policy, is_due=True, notes=notes)
    recorded = _read_recorded(settings, evaluation.account_id, policy, now)
    if recorded is None:
        return describe_decision(evaluation.decision, policy, is_due=True, notes=notes)
    decision = recorded.latest_decision(evaluation.decision, policy, now)
    return describe_decision(decision, policy, recorded, is_due=recorded.is_due, notes=(*notes, *recorded.notes))


def preview_state(settings: Settings, evaluation: Evaluation, policy: Policy) -> TopUpState:
    """The state of a decision on fresh responses of the vendor; since when it lasts comes from the ledger."""
    notes = topup_notes(settings, policy)
    now = datetime.now(UTC)
    recorded = _read_recorded(settings, evaluation.account_id, policy, now)
    low = next((rule.passed for rule in evaluation.results if rule.reason == Reason.BALANCE_OK), True)
    if recorded is None:
        return describe_decision(evaluation.decision, policy, is_due=low, notes=notes)
    decision = recorded.await_run(evaluation.decision, now)
    return describe_decision(decision, policy, recorded, is_due=low, notes=(*notes, *recorded.notes))


def describe_decision(
    decision: PaymentPlan | Refusal,
    policy: Policy,
    recorded: RecordedState | None = None,
    *,
    is_due: bool = False,
    notes: Sequence[str] = (),
) -> TopUpState:
    """The state that a decision leads to; ``recorded`` tells since when."""
    if isinstance(decision, PaymentPlan):
        if decision.approval is None:
            explanation = f"the next run requests {usd(decision.amount_cents)}: {decision.explanation}"
            return TopUpState(policy.mode, "due", explanation=explanation, is_due=True, notes=tuple(notes))
        explanation = f"the next run asks for approval of {usd(decision.amount_cents)}: {decision.explanation}"
        decision = Refusal(decision.approval, explanation)
    return TopUpState(
        policy.mode,
        STATES.get(decision.reason, "blocked"),
        decision.reason,
        recorded.since(decision) if recorded else None,
        decision.explanation,
        "" if decision.reason == Reason.BALANCE_OK else remedy(decision.reason, decision.payment_id),
        is_due and policy.mode != "off",
        tuple(notes),
    )


@dataclass(frozen=True)
class RecordedState:
    """What the ledger holds of one account: the row of ``blocked``, the open payments, and when it was paused (UTC)."""

    blocked: Blocked | None
    payments: Sequence[Payment]
    paused_at: datetime | None
    is_due: bool
    notes: tuple[str, ...]

    def latest_decision(self, decision: PaymentPlan | Refusal, policy: Policy, now: datetime) -> PaymentPlan | Refusal:
        """The refusal of the last run where it knew more than the ledger does, such as a list that cannot be read."""
        from topups.ledger.blocked import REWRITE_AFTER

        blocked = self.blocked
        if blocked is None or now - blocked.seen_at > REWRITE_AFTER + policy.balance_max_age:
            return decision
        stopped = isinstance(decision, Refusal) and decision.reason in ENDED_BY_A_PERSON
        if stopped or blocked.reason in ENDED_BY_A_PERSON:
            return decision
        if blocked.reason == Reason.NOT_EXECUTED:
            return self.await_run(decision, now)
        same = isinstance(decision, Refusal) and decision.reason == blocked.reason
        # Why the balance cannot be read is known to the run alone.
        if same and blocked.reason != Reason.BALANCE_UNREADABLE:
            return decision
        return Refusal(blocked.reason, blocked.explanation)

    def await_run(self, decision: PaymentPlan | Refusal, now: datetime) -> PaymentPlan | Refusal:
        """The decision; a plan that no run has requested for long is a refusal."""
        from topups.notifications.blocked_notices import NORMAL_DURATION

        blocked = self.blocked
        if isinstance(decision, Refusal) or blocked is None or blocked.reason != Reason.NOT_EXECUTED:
            return decision
        if now - blocked.since < NORMAL_DURATION[Reason.NOT_EXECUTED]:
            return decision
        return Refusal(blocked.reason, blocked.explanation)

    def since(self, refusal: Refusal) -> datetime | None:
        """Since when a refusal lasts, None where nothing recorded it."""
        if refusal.reason == Reason.KILL_SWITCH and self.paused_at:
            return self.paused_at
        if self.blocked and self.blocked.reason == refusal.reason:
            return self.blocked.since
        ids = {payment.payment_id: payment for payment in self.payments}
        payment = ids.get(refusal.payment_id)
        return payment.state_since if payment else None


def _read_recorded(settings: Settings, account_id: str, policy: Policy, now: datetime) -> RecordedState | None:
    """What the ledger holds; None where it cannot be read."""
    from topups.ledger import LedgerUnavailable, open_ledger_readonly
    from topups.ledger.blocked import read_blocked, read_paused_at
    from topups.workflow.blocked_topups import is_due

    try:
        with open_ledger_readonly(settings.ledger.get_secret_value(), busy_seconds=1) as ledger:
            snapshot, blocked = ledger.snapshot(account_id, now), read_blocked(ledger, account_id)
            payments = ledger.tracked_payments(account_id, now - policy.late_watch)
            paused_at = read_paused_at(ledger, account_id) if snapshot.paused else None
            notes = _ledger_notes(ledger, account_id, payments, now)
    except LedgerUnavailable:
        return None
    due = blocked is not None or is_due(snapshot, snapshot.balance, policy, now)
    return RecordedState(blocked, payments, paused_at, due, notes)


def _ledger_notes(ledger: Ledger, account_id: str, payments: Sequence[Payment], now: datetime) -> tuple[str, ...]:
    from topups.ledger.schema import ALL_ACCOUNTS

    notes = [f"payment {p.payment_id}: {p.instructions_problem}" for p in payments if p.instructions_problem]
    for controls in map(ledger.controls, (account_id, ALL_ACCOUNTS)):
        if controls.unproven_until and now < controls.unproven_until:
            until = f"until {controls.unproven_until:%Y-%m-%d %H:%M} UTC payments that appear count towards the caps"
            notes.append(f"{controls.unproven_reason}; {until}; {remedy(Reason.LEDGER_UNPROVEN)}")
    return tuple(notes)
