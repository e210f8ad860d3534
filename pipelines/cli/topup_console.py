"""How the top-up commands speak: the errors of the ledger beside those of every command, and a payment as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pipelines.cli.console import FAILED, clear_errors, stop
from pipelines.settings import SettingsError
from topups.ledger import Ledger, LedgerUnavailable, Payment
from topups.operator_actions import ActionNotAllowed

# What nobody has verified is not shown; the rest of these are the ledger's own counters.
NOT_SHOWN = frozenset({"claim", "slot", "listed_at", "absences", "absent_at", "baseline", "credit", "version"})


@contextmanager
def clear_topup_errors(*, as_json: bool) -> Iterator[None]:
    """One line and exit code 1 for a ledger that cannot be used or a payment in the wrong state."""
    with clear_errors(as_json=as_json):
        try:
            yield
        except (LedgerUnavailable, ActionNotAllowed) as error:
            stop(str(error), FAILED, as_json=as_json)
        except KeyboardInterrupt:
            stop("interrupted; the ledger knows what was sent: run smsonline topup reconcile", 130, as_json=as_json)


def payment_of(ledger: Ledger, payment_id: str) -> Payment:
    """A payment by its id or the vendor's. Raises ``SettingsError`` (exit code 2) when there is none."""
    payment = ledger.payment(payment_id)
    if payment is None:
        raise SettingsError(f"there is no payment {payment_id!r}: smsonline topup list shows their ids")
    return payment


def payment_json(payment: Payment) -> dict[str, Any]:
    """Plain values: cents, ISO 8601 instants in UTC, only verified links and addresses."""
    values = {name: value for name, value in dataclasses.asdict(payment).items() if name not in NOT_SHOWN}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
