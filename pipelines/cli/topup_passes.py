"""``smsonline topup run`` and ``topup reconcile``."""

from __future__ import annotations

import sys
from typing import Any

from pipelines.cli.console import FAILED, log_beside, print_json, say
from pipelines.cli.topup_console import clear_topup_errors
from pipelines.settings import load_settings
from pipelines.topup.passes import pay, reconcile
from topups.decision.reasons import Reason
from topups.ledger import Payment
from topups.money import usd
from topups.workflow.reconcile_report import ReconcileReport
from topups.workflow.topup_run import TopUpRunResult


def run_topup(*, as_json: bool) -> None:
    """Prints the decision and its reason; exits 1 when the ledger cannot be used."""
    with clear_topup_errors(as_json=as_json):
        settings = load_settings()
        log_beside(settings.warehouse)
        done, delivered = pay(settings, warn=_warn)
    broken = done.refusal is not None and done.refusal.reason == Reason.LEDGER_UNAVAILABLE
    line = done.refusal.explanation if broken and done.refusal else ""
    if as_json:
        error = {"error": line} if broken else {}
        print_json({**done.as_json(), "notices_delivered": delivered, **error})
    elif not broken:
        sys.stdout.write("\n".join(_told(done)) + "\n")
    if broken:
        say(f"error: {line}")
        sys.exit(FAILED)


def run_reconciling(*, as_json: bool) -> None:
    """Prints what moved; exits 1 when the vendor or the ledger could not be read."""
    with clear_topup_errors(as_json=as_json):
        settings = load_settings()
        log_beside(settings.warehouse)
        account_id, done, delivered = reconcile(settings, warn=_warn)
    document = {"account_id": account_id, **done.as_json(), "notices_delivered": delivered}
    if as_json:
        print_json(document)
    else:
        sys.stdout.write(_summary(document) + "\n")
    _end(done)


def _warn(line: str) -> None:
    say(f"warning: {line}")


def _told(done: TopUpRunResult) -> list[str]:
    if done.refusal is not None:
        return [f"no payment is asked for: {done.refusal}"]
    payment = done.payment
    if payment is None:
        return ["a payment was asked for, but another program has taken it over: see smsonline topup list"]
    asked = f"asked for {usd(payment.amount_cents)} by {payment.rail}: {payment.state}, payment {payment.payment_id}"
    return [line for line in (asked, payment.why, *how_to_pay(payment), payment.detail) if line]


def how_to_pay(payment: Payment) -> list[str]:
    """Where the money goes, verified only; empty when there is nothing to pay or nothing verified."""
    if payment.address:
        coins = payment.amount_in_crypto or "the amount shown by the vendor"
        return [f"send {coins} {payment.currency} on {payment.network} to {payment.address}"]
    return [f"pay at {payment.url}"] if payment.url else []


def _summary(document: dict[str, Any]) -> str:
    cents = document["balance_cents"]
    lines = [f"balance {'unknown' if cents is None else usd(cents)}, {len(document['adopted'])} payments of others new"]
    lines += [f"payment {step['payment_id']}: {step['from']} -> {step['to']}" for step in document["moved"]]
    return "\n".join(lines)


def _end(done: ReconcileReport) -> None:
    for problem in done.as_json()["problems"]:
        say(f"error: {problem}")
    if done.ledger_problem or done.balance is None or done.listing is None:
        sys.exit(FAILED)
