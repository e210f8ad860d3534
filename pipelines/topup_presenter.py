"""How results of the top-ups are shown: one sentence, payment instructions and JSON, for command line and Dagster.

Links and addresses come from columns that were verified; amounts in JSON are US cents, times ISO 8601 in UTC.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any

from topups.amounts import usd
from topups.ledger import Event, Payment
from topups.plan import Plan
from topups.protocol import Pass
from topups.reasons import Decision, Finding, Reason, Refusal
from topups.telling import PAYABLE

if TYPE_CHECKING:
    from pipelines.topup_service import ReconcileOutcome, TopUpOutcome, TopUpPreview

# What a rule requires, by the reason that it gives when it is not met.
CHECK_NAMES = {
    Reason.DISABLED: "top-ups enabled",
    Reason.NO_POLICY: "all limits set",
    Reason.KILL_SWITCH: "kill switch off",
    Reason.CLOCK_SUSPECT: "clock in sync",
    Reason.BALANCE_UNREADABLE: "balance readable",
    Reason.BALANCE_STALE: "balance recent",
    Reason.BALANCE_OK: "balance low",
    Reason.OUTCOME_UNKNOWN: "outcomes known",
    Reason.PAID_NOT_CREDITED: "paid is credited",
    Reason.VENDOR_LIST_UNAVAILABLE: "vendor list available",
    Reason.VENDOR_LIST_INCOMPLETE: "vendor list complete",
    Reason.PAYMENT_OPEN_AT_VENDOR: "nothing payable at vendor",
    Reason.IN_FLIGHT: "no payment in flight",
    Reason.BREAKER_OPEN: "circuit breaker closed",
    Reason.BACKOFF: "backoff elapsed",
    Reason.COOLDOWN: "cooldown elapsed",
    Reason.COUNT_CAP: "payments per day",
    Reason.NETWORK_NOT_ALLOWED: "coin and network allowed",
    Reason.AMOUNT_BELOW_MIN: "smallest amount",
    Reason.AMOUNT_ABOVE_MAX: "largest amount",
    Reason.EXPOSURE_CAP: "prepaid money",
    Reason.CAP_DAY: "day cap",
    Reason.CAP_WEEK: "week cap",
    Reason.CAP_MONTH: "month cap",
    Reason.AWAITING_APPROVAL: "approval",
    Reason.APPROVAL_EXPIRED: "approval",
    Reason.DRY_RUN_WOULD_CREATE: "mode sends payments",
}
# Not verified (the create response), or the ledger's own counters.
HIDDEN_COLUMNS = frozenset({"claim", "slot", "listed_at", "absences", "absent_at", "baseline", "credit", "version"})


def outcome_line(result: Pass) -> str:
    """What a run did, in one sentence."""
    if result.refusal is not None:
        return f"no payment is asked for: {result.refusal}"
    payment = result.payment
    if payment is None:
        return "a payment was asked for, but another program has taken it over: see smsonline topup list"
    return f"asked for {usd(payment.amount_cents)} by {payment.rail}: {payment.state}, payment {payment.payment_id}"


def preview_line(evaluation: Plan) -> str:
    """What a run would do, in one sentence."""
    verdict = evaluation.verdict
    if isinstance(verdict, Refusal):
        return f"no payment would be asked for: {verdict}"
    amount = usd(verdict.amount_cents)
    if verdict.approval:
        return f"approval of {amount} would be requested ({verdict.approval}): {verdict.why}"
    return f"{amount} would be asked for by {verdict.rail}: {verdict.why}"


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


def run_lines(result: Pass) -> list[str]:
    """A run for the terminal: outcome, explanation, how to pay and the vendor's last message."""
    lines, payment = [outcome_line(result)], result.payment
    if result.refusal is None and payment is not None:
        how = payment_instructions(payment)
        lines += [payment.why, f"send {how['send']} to {how['address']}" if "address" in how else ""]
        lines += [f"pay at {how['link']}" if "link" in how and "address" not in how else "", payment.detail]
    return [line for line in lines if line]


def run_json(outcome: TopUpOutcome) -> dict[str, Any]:
    """A run that may request a payment; ``error`` only for a ledger that cannot be used."""
    document = {**outcome.result.as_json(), "notices_delivered": outcome.notices_delivered}
    return document | {"error": outcome.ledger_problem} if outcome.ledger_problem else document


def reconcile_json(outcome: ReconcileOutcome) -> dict[str, Any]:
    """A run that only reads at the vendor: balance, problems, state changes and adopted payments."""
    report = outcome.report.as_json()
    return {"account_id": outcome.account_id, **report, "notices_delivered": outcome.notices_delivered}


def reconcile_lines(outcome: ReconcileOutcome) -> list[str]:
    """The same for the terminal."""
    report = outcome.report
    balance = usd(report.balance.cents) if report.balance else "unknown"
    changes = [f"payment {payment_id}: {before} -> {after}" for payment_id, before, after in report.moved]
    return [f"balance {balance}, {len(report.adopted)} payments of others new", *changes]


def rule_row(rule: Finding) -> list[str]:
    """One rule as a row: check, result, value, limit; a rule that blocks names its reason."""
    name = CHECK_NAMES.get(rule.reason, str(rule.reason))
    return [name, "pass" if rule.passed else f"blocks ({rule.reason})", rule.figure, rule.limit]


def planned_payment(evaluation: Plan) -> Decision | None:
    """The payment that would be requested, where the rules get that far."""
    verdict = evaluation.verdict
    return verdict.decision if isinstance(verdict, Refusal) else verdict


def preview_json(preview: TopUpPreview) -> dict[str, Any]:
    """A preview under the same names as a run, with every rule."""
    evaluation, planned = preview.evaluation, planned_payment(preview.evaluation)
    refusal = evaluation.verdict if isinstance(evaluation.verdict, Refusal) else None
    return {
        "account_id": evaluation.account_id,
        "at": preview.at.isoformat(),
        "mode": preview.policy.mode,
        "decision": "refuse" if refusal else "create",
        "reason": str(refusal.reason) if refusal else None,
        "facts": refusal.facts if refusal else planned.why if planned else "",
        "planned": planned.as_json() if planned else None,
        "decision_id": evaluation.decision_id,
        "rules": [
            {"reason": str(rule.reason), "passed": rule.passed, "figure": rule.figure, "limit": rule.limit}
            for rule in evaluation.findings
        ],
    }


def payment_json(payment: Payment) -> dict[str, Any]:
    """The columns of a payment that a user may see."""
    values = {name: value for name, value in dataclasses.asdict(payment).items() if name not in HIDDEN_COLUMNS}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def event_json(event: Event) -> dict[str, Any]:
    """One change of a payment."""
    return {"at": event.at.isoformat(), "kind": event.kind, "from": event.from_state, "to": event.to_state}
