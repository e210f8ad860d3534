"""``smsonline topup run`` and ``topup reconcile``."""

import sys

from pipelines.bootstrap import configured_policy
from pipelines.cli.console import (
    FAILED,
    configure_log_file,
    exit_on_topup_error,
    load_command_settings,
    print_json,
    print_stderr,
)
from pipelines.topups.presenter import reconcile_lines, run_lines
from pipelines.topups.service import TopUpService


def run_topup(*, as_json: bool) -> None:
    """Prints the outcome and its reason; exits 1 when the ledger cannot be used."""
    with exit_on_topup_error(as_json=as_json):
        settings = load_command_settings()
        configure_log_file(settings.warehouse)
        for line in configured_policy(settings).warnings():
            _warn(line)
        outcome = TopUpService(settings, _warn).request_topup()
    if as_json:
        print_json(outcome.as_json())
    elif not outcome.ledger_problem:
        sys.stdout.write("\n".join(run_lines(outcome.result)) + "\n")
    if outcome.ledger_problem:
        print_stderr(f"error: {outcome.ledger_problem}")
        sys.exit(FAILED)


def run_reconcile(*, as_json: bool) -> None:
    """Prints what changed; exits 1 when the vendor or the ledger could not be read."""
    with exit_on_topup_error(as_json=as_json):
        settings = load_command_settings()
        configure_log_file(settings.warehouse)
        outcome = TopUpService(settings, _warn).reconcile()
    document = outcome.as_json()
    if as_json:
        print_json(document)
    else:
        sys.stdout.write("\n".join(reconcile_lines(outcome)) + "\n")
    for problem in document["problems"]:
        print_stderr(f"error: {problem}")
    report = outcome.report
    if outcome.ledger_problem or report.balance is None or report.listing is None:
        sys.exit(FAILED)


def _warn(line: str) -> None:
    print_stderr(f"warning: {line}")
