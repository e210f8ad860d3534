"""``smsonline topup run`` and ``topup reconcile``."""

from __future__ import annotations

import sys

from pipelines.cli.console import FAILED, log_beside, print_json, say
from pipelines.cli.topup.common import clear_topup_errors
from pipelines.settings import load_settings
from pipelines.topup_presenter import reconcile_json, reconcile_lines, run_json, run_lines
from pipelines.topup_service import TopUpService


def run_topup(*, as_json: bool) -> None:
    """Prints the decision and its reason; exits 1 when the ledger cannot be used."""
    with clear_topup_errors(as_json=as_json):
        settings = load_settings()
        log_beside(settings.warehouse)
        outcome = TopUpService(settings, _warn).request_topup()
    if as_json:
        print_json(run_json(outcome))
    elif not outcome.ledger_problem:
        sys.stdout.write("\n".join(run_lines(outcome.result)) + "\n")
    if outcome.ledger_problem:
        say(f"error: {outcome.ledger_problem}")
        sys.exit(FAILED)


def run_reconcile(*, as_json: bool) -> None:
    """Prints what changed; exits 1 when the vendor or the ledger could not be read."""
    with clear_topup_errors(as_json=as_json):
        settings = load_settings()
        log_beside(settings.warehouse)
        outcome = TopUpService(settings, _warn).reconcile()
    document = reconcile_json(outcome)
    if as_json:
        print_json(document)
    else:
        sys.stdout.write("\n".join(reconcile_lines(outcome)) + "\n")
    for problem in document["problems"]:
        say(f"error: {problem}")
    report = outcome.report
    if outcome.ledger_problem or report.balance is None or report.listing is None:
        sys.exit(FAILED)


def _warn(line: str) -> None:
    say(f"warning: {line}")
