"""``smsonline topup list`` and ``topup show``."""

from __future__ import annotations

import sys
from typing import Any

from pipelines.cli.console import print_json, print_table
from pipelines.cli.topup_console import clear_topup_errors, payment_json, payment_of
from pipelines.settings import load_settings
from pipelines.topup.wiring import opened_ledger
from topups.ledger import Event, Payment
from topups.money import usd

COLUMNS = ("created (UTC)", "payment", "account", "state", "exception", "amount", "rail", "vendor's id")


def run_list(limit: int | None, *, as_json: bool) -> None:
    """Prints the payments of all accounts, newest first; with ``--json`` an array."""
    with clear_topup_errors(as_json=as_json), opened_ledger(load_settings()) as ledger:
        payments = ledger.payments(limit=limit)
    if as_json:
        print_json([payment_json(payment) for payment in payments])
    else:
        print_table("payments", COLUMNS, [_row(payment) for payment in payments], right=("amount",))


def run_show(payment_id: str, *, as_json: bool) -> None:
    """Prints one payment and its events; exits 2 when there is none of this id."""
    with clear_topup_errors(as_json=as_json), opened_ledger(load_settings()) as ledger:
        payment = payment_of(ledger, payment_id)
        events = [_event(event) for event in ledger.events(payment.payment_id)]
    if as_json:
        print_json({**payment_json(payment), "events": events})
        return
    lines = [f"{name}: {value}" for name, value in payment_json(payment).items() if value not in (None, "")]
    sys.stdout.write("\n".join(lines) + "\n\n")
    print_table("history", ("at", "what", "from", "to"), [list(event.values()) for event in events])


def _row(payment: Payment) -> list[Any]:
    return [
        f"{payment.created_at:%Y-%m-%d %H:%M:%S}",
        payment.payment_id,
        payment.account_id,
        payment.state,
        payment.exception,
        usd(payment.amount_cents),
        payment.rail,
        payment.vendor_payment_id,
    ]


def _event(event: Event) -> dict[str, Any]:
    return {"at": event.at.isoformat(), "kind": event.kind, "from": event.from_state, "to": event.to_state}
