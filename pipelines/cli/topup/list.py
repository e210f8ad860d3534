"""``smsonline topup list`` and ``topup show``."""

import sys

from pipelines.cli.console import exit_on_topup_error, print_json, print_table
from pipelines.settings import load_settings
from pipelines.topup_presenter import event_json, payment_json
from pipelines.topup_service import TopUpService
from topups.money import usd

COLUMNS = ("created (UTC)", "payment", "account", "state", "exception", "amount", "rail", "vendor's id")


def run_list(limit: int | None, *, as_json: bool) -> None:
    """Prints the payments of all accounts, newest first; with ``--json`` an array."""
    with exit_on_topup_error(as_json=as_json):
        payments = TopUpService(load_settings()).payments(limit)
    if as_json:
        print_json([payment_json(payment) for payment in payments])
        return
    rows = [
        [
            f"{payment.created_at:%Y-%m-%d %H:%M:%S}",
            payment.payment_id,
            payment.account_id,
            payment.state,
            payment.exception,
            usd(payment.amount_cents),
            payment.rail,
            payment.vendor_payment_id,
        ]
        for payment in payments
    ]
    print_table("payments", COLUMNS, rows, right=("amount",))


def run_show(payment_id: str, *, as_json: bool) -> None:
    """Prints one payment and its events; exits 2 for an unknown id."""
    with exit_on_topup_error(as_json=as_json):
        payment, history = TopUpService(load_settings()).payment(payment_id)
    shown, events = payment_json(payment), [event_json(event) for event in history]
    if as_json:
        print_json({**shown, "events": events})
        return
    lines = [f"{name}: {value}" for name, value in shown.items() if value not in (None, "")]
    sys.stdout.write("\n".join(lines) + "\n\n")
    print_table("history", ("at", "what", "from", "to"), [list(event.values()) for event in events])
