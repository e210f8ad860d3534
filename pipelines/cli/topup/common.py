"""Errors of the top-up commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.cli.console import FAILED, clear_errors, stop
from topups.ledger import LedgerUnavailable
from topups.people import NotPossible


@contextmanager
def clear_topup_errors(*, as_json: bool) -> Iterator[None]:
    """As for every command; exit code 1 too for a ledger that cannot be used or a payment in the wrong state."""
    with clear_errors(as_json=as_json):
        try:
            yield
        except (LedgerUnavailable, NotPossible) as error:
            stop(str(error), FAILED, as_json=as_json)
        except KeyboardInterrupt:
            stop("interrupted; the ledger knows what was sent: run smsonline topup reconcile", 130, as_json=as_json)
