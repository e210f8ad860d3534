"""How results of the top-ups are shown: one sentence, payment instructions and JSON, for command line and Dagster.

Links and addresses come from columns that were verified; amounts in JSON are US cents, times ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from topups.decision.evaluate import Evaluation
from topups.decision.remedies import remedy
from topups.decision.snapshot import Reason, Refusal, RuleResult
from topups.evidence.payment_units import unit_warning
from topups.ledger import Event, Payment
from topups.money import usd
from topups.notifications.rules import PAYABLE
from topups.payment_states import State
from topups.vendor.statuses import is_payable_or_pending
from topups.workflow.topup_run import TopUpRunResult

if TYPE_CHECKING:
    from pipelines.topups.outcomes import ReconcileOutcome

# What a rule requires, by the reason that it gives when it is not met.
CHECK_NAMES: Mapping[Reason, str] = {
    Reason.DISABLED: "top-ups enabled",
    Reason.NO_POLICY: "limits set and consistent",
    Reason.KILL_SWITCH: "kill switch off",
    Reason.CLOCK_SUSPECT: "clock in sync",
    Reason.BALANCE_UNREADABLE: "balance readable",
    Reason.BALANCE_STALE: "balance recent",
    Reason.BALANCE_OK: "balance low",
    Reason.UNITS_DISAGREE: "units agree",
    Reason.OUTCOME_UNKNOWN: "outcomes known",
    Reason.PAID_NOT_CREDITED: "paid is credited",
    Reason.VENDOR_LIST_UNAVAILABLE: "vendor list available",
    Reason.VENDOR_LIST_INCOMPLETE: "vendor list complete",
    Reason.PAYMENT_OPEN_AT_VENDOR: "nothing payable at vendor",
    Reason.IN_FLIGHT: "no payment in flight",
    Reason.BREAKER_OPEN: "circuit breaker closed",
    Reason.BACKOFF: "backoff elapsed",
    Reason.COOLDOWN: "cooldown elapsed",
    Reason.COUNT_CAP: "payments of the day within limit",
    Reason.NETWORK_NOT_ALLOWED: "coin and network allowed",
    Reason.AMOUNT_BELOW_MIN: "at least the smallest amount",
    Reason.AMOUNT_ABOVE_MAX: "at most the largest amount",
    Reason.EXPOSURE_CAP: "prepaid money within limit",
    Reason.CAP_DAY: "within day cap",
    Reason.CAP_WEEK: "within week cap",
    Reason.CAP_MONTH: "within month cap",
    Reason.AWAITING_APPROVAL: "approval given",
    Reason.APPROVAL_EXPIRED: "approval recent",
    Reason.OUTSIDE_HOURS: "owner awake",
    Reason.DRY_RUN_WOULD_CREATE: "mode sends payments",
    Reason.ANOMALOUS_BURN: "spending as usual",
    Reason.LEDGER_UNAVAILABLE: "ledger available",
    Reason.LEDGER_UNPROVEN: "ledger proven",
    Reason.LOST_RACE: "no other run is faster",
    Reason.NOT_SENT_STALE: "list recent when sending",
    Reason.NOT_EXECUTED: "a run requests what is due",
}
SHORT = 60  # characters
# An allow-list: the create response is unverified, and the ledger's counters are internal.
PAYMENT_COLUMNS = (
    *("payment_id", "account_id", "decision_id", "state", "exception", "rail", "amount_cents", "currency", "network"),
    *("why", "hours_to_empty", "vendor_payment_id", "session_id", "vendor_status", "vendor_amount_cents"),
    *("final_cents", "url", "address", "amount_in_crypto", "instructions_problem", "unit_proof"),
    *("ends_at", "created_at", "counted_at", "state_since", "sending_at"),
    *("deadline_at", "slot_freed_at", "approved_at", "approved_by", "detail"),
)


def outcome_line(result: TopUpRunResult) -> str:
    """What a run did, in one sentence."""
    if result.refusal is not None:
        return f"no payment is asked for: {result.refusal}"
    payment = result.payment
    if payment is None:
        return "a payment was asked for, but another program has taken it over: see smsonline topup list"
    return f"asked for {usd(payment.amount_cents)} by {payment.rail}: {payment.state}, payment {payment.payment_id}"


def preview_line(evaluation: Evaluation) -> str:
    """What a run would do, in one sentence."""
    decision = evaluation.decision
    if isinstance(decision, Refusal):
        return f"no payment would be asked for: {decision}"
    amount = usd(decision.amount_cents)
    if decision.approval:
        return f"approval of {amount} would be requested ({decision.approval}): {decision.explanation}"
    return f"{amount} would be asked for by {decision.rail}: {decision.explanation}"


def payment_instructions(payment: Payment) -> dict[str, str]:
    """How to pay now: ``link``, or ``address`` and ``send`` (what to send). Empty for a payment that is not payable."""
    if payment.state not in PAYABLE:
        return {}
    instructions = {"link": payment.url} if payment.url else {}
    if payment.address:
        coins = payment.amount_in_crypto or "the amount shown by the vendor"
        instructions["address"] = payment.address
        instructions["send"] = f"{coins} {payment.currency} on {payment.network}"
    return instructions


def run_lines(result: TopUpRunResult) -> list[str]:
    """A run for the terminal: outcome, explanation, how to pay and the vendor's last message."""
    lines, payment, refusal = [outcome_line(result)], result.payment, result.refusal
    if refusal and refusal.reason != Reason.BALANCE_OK:
        blocking = payment.payment_id if payment and payment.slot is None else ""
        lines.append(f"what to do: {remedy(refusal.reason, refusal.payment_id or blocking)}")
    if result.refusal is None and payment is not None:
        how = payment_instructions(payment)
        lines += [payment.why, f"send {how['send']} to {how['address']}" if "address" in how else ""]
        lines += [f"pay at {how['link']}" if "link" in how and "address" not in how else "", payment.detail]
        lines += [payment.instructions_problem, unit_warning(payment)]
    lines += [result.report.contradiction] if result.report else []
    return [line for line in lines if line]


def reconcile_lines(outcome: ReconcileOutcome) -> list[str]:
    """A run that requests nothing, for the terminal: balance and state changes."""
    report = outcome.report
    balance = usd(report.balance.cents) if report.balance else "unknown"
    changes = [f"payment {payment_id}: {before} -> {after}" for payment_id, before, after in report.moved]
    return [f"balance {balance}, {len(report.adopted)} payments of others new", *changes]


def rule_row(rule: RuleResult) -> list[str]:
    """One rule as a row: check, result, value, limit; a rule that blocks names its reason.

    Of wrong limits only the first is named: the line below the table and the JSON name all.
    """
    result = "pass" if rule.passed else f"blocks ({rule.reason})"
    figure = shorten(rule.figure, SHORT, placeholder=" ...") if rule.reason == Reason.NO_POLICY else rule.figure
    return [CHECK_NAMES[rule.reason], result, figure, rule.limit]


def rule_json(rule: RuleResult) -> dict[str, Any]:
    """One rule with the same words as in the table."""
    return {"check": CHECK_NAMES[rule.reason], "result": "pass" if rule.passed else "blocks", **rule.as_json()}


def payment_json(payment: Payment) -> dict[str, Any]:
    """The columns of a payment that a user may see."""
    values = {name: getattr(payment, name) for name in PAYMENT_COLUMNS}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def payment_problems(payment: Payment, now: datetime) -> list[str]:
    """What a person should know of a payment beside its state: why it is not shown, what confirms its amount, what was
    really paid, and that a closed one can still be paid.
    """
    problems = []
    if payment.state == State.CLOSED and is_payable_or_pending(payment.vendor_status, payment.ends_at, now):
        problems.append("the vendor still lists it as payable; if somebody pays it, two payments arrive")
    if payment.state in PAYABLE:
        problems += [payment.instructions_problem, unit_warning(payment)]
    if payment.final_cents is not None and payment.final_cents != payment.amount_cents:
        problems.append(f"{usd(payment.final_cents)} were paid instead of {usd(payment.amount_cents)}")
    return [problem for problem in problems if problem]


def event_json(event: Event) -> dict[str, Any]:
    """One change of a payment."""
    return {"at": event.at.isoformat(), "kind": event.kind, "from": event.from_state, "to": event.to_state}
