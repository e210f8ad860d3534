"""Errors of the top-up commands."""

from contextlib import AbstractContextManager

from pipelines.cli.console import exit_on_error
from topups.ledger import LedgerUnavailable
from topups.operator_actions import ActionNotAllowed


def exit_on_topup_error(*, as_json: bool) -> AbstractContextManager[None]:
    """As for every command; exits 1 too for a ledger that cannot be used or a payment in the wrong state."""
    return exit_on_error(
        as_json=as_json,
        failures=(LedgerUnavailable, ActionNotAllowed),
        interrupted="interrupted; the ledger knows what was sent: run smsonline topup reconcile",
    )
