"""``smsonline topup adopt``: accepts the ledger as complete, and payments that it could not attribute as others'."""

import sys

from pipelines.cli.console import exit_on_topup_error, load_command_settings, print_json, print_table
from pipelines.cli.topup.payments import operator_name, warn
from pipelines.topups.presenter import payment_json
from pipelines.topups.service import TopUpService
from topups.money import usd

COLUMNS = ("counts since (UTC)", "payment", "amount", "vendor's id", "vendor's status")


def run_adopt(by: str, *, as_json: bool) -> None:
    """Prints the payments that count as others' from now on; exits 1 when the vendor's list cannot be read."""
    with exit_on_topup_error(as_json=as_json):
        accepted = TopUpService(load_command_settings(), warn).adopt(operator_name(by))
    if as_json:
        print_json({"adopted": [payment_json(payment) for payment in accepted]})
        return
    if accepted:
        rows = [
            [
                f"{payment.counted_at:%Y-%m-%d %H:%M:%S}",
                payment.payment_id,
                usd(payment.amount_cents),
                payment.vendor_payment_id,
                payment.vendor_status,
            ]
            for payment in accepted
        ]
        print_table("payments made by others", COLUMNS, rows, right=("amount",))
    sys.stdout.write("this ledger is accepted as complete: what it could not attribute counts towards no limit\n")
