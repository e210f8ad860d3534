"""``smsonline topup list`` and ``show``; ``approve``, ``reject``, ``close``, ``pause`` and ``resume``."""

import getpass
import sys
from datetime import UTC, datetime
from typing import Literal

from pipelines.bootstrap import configured_policy
from pipelines.cli.console import (
    exit_on_topup_error,
    load_command_settings,
    print_folded,
    print_json,
    print_stderr,
    print_table,
)
from pipelines.topups.presenter import event_json, payment_json, payment_problems
from pipelines.topups.service import TopUpService
from topups.decision.remedies import remedy
from topups.decision.snapshot import Reason
from topups.ledger.payment_ids import shorten_ids
from topups.money import usd

COLUMNS = ("created (UTC)", "payment", "account", "state", "exception", "amount", "rail", "vendor's id")
MAX_NAME_LENGTH = 60
EFFECTS = {
    "approve": "is approved: the next run asks for it",
    "reject": "is rejected: it will not be asked for",
    "close": "is closed ({state}): it blocks no other payment",
}


def run_list(limit: int | None, *, as_json: bool) -> None:
    """Prints the payments of all accounts, newest first; with ``--json`` an array."""
    with exit_on_topup_error(as_json=as_json):
        service = TopUpService(load_command_settings())
        payments = service.payments(limit if as_json else None)
    if as_json:
        print_json([payment_json(payment) for payment in payments])
        return
    # Of all payments, also of those that are not shown: an id is short only where it names one payment.
    short_ids = shorten_ids(id_ for p in payments for id_ in (p.payment_id, p.vendor_payment_id) if id_)
    shown = payments[:limit]
    rows = [
        [
            f"{payment.created_at:%Y-%m-%d %H:%M:%S}",
            short_ids[payment.payment_id],
            payment.account_id,
            payment.state,
            payment.exception,
            usd(payment.amount_cents),
            payment.rail,
            short_ids[payment.vendor_payment_id] if payment.vendor_payment_id else "",
        ]
        for payment in shown
    ]
    print_table("payments", COLUMNS, rows, right=("amount",))
    for payment in shown:
        for problem in payment_problems(payment, datetime.now(UTC)):
            print_folded(f"payment {short_ids[payment.payment_id]}: {problem}")


def run_show(payment_id: str, *, as_json: bool) -> None:
    """Prints one payment and its events; exits 2 for an unknown id."""
    with exit_on_topup_error(as_json=as_json):
        payment, history = TopUpService(load_command_settings()).payment(payment_id)
    shown, events = payment_json(payment), [event_json(event) for event in history]
    if as_json:
        print_json({**shown, "events": events})
        return
    lines = [f"{name}: {value}" for name, value in shown.items() if value not in (None, "")]
    sys.stdout.write("\n".join(lines) + "\n\n")
    print_table("history", ("at", "what", "from", "to"), [list(event.values()) for event in events])


def run_action(action: Literal["approve", "reject", "close"], payment_id: str, by: str, *, as_json: bool) -> None:
    """Applies one action to a payment; exits 2 for an unknown id and 1 when its state does not allow the action."""
    with exit_on_topup_error(as_json=as_json):
        service = TopUpService(load_command_settings())
        apply = {"approve": service.approve, "reject": service.reject, "close": service.close}[action]
        payment = apply(payment_id, operator_name(by))
    if as_json:
        print_json(payment_json(payment))
        return
    effect, mode = EFFECTS[action].format(state=payment.state), configured_policy(service.settings).mode
    if action == "approve" and mode in ("off", "dry_run"):
        effect = f"is approved, but mode {mode} asks for nothing: {remedy(Reason.DRY_RUN_WOULD_CREATE)}"
    sys.stdout.write(f"payment {payment.payment_id} over {usd(payment.amount_cents)} {effect}\n")
    if action == "close":
        sys.stdout.write("".join(f"{line}\n" for line in payment_problems(payment, datetime.now(UTC))))


def run_pause(why: str, by: str, *, as_json: bool) -> None:
    """Pauses all accounts of the ledger."""
    with exit_on_topup_error(as_json=as_json):
        paused = TopUpService(load_command_settings(), warn).pause(why, operator_name(by))
    if as_json:
        print_json({"paused": True, "why": paused})
    else:
        sys.stdout.write(f"{paused}: no payment is created until smsonline topup resume\n")


def run_resume(by: str, *, as_json: bool) -> None:
    """Ends the pause of all accounts; for the configured account also its own pause and its circuit breaker."""
    with exit_on_topup_error(as_json=as_json):
        TopUpService(load_command_settings()).resume(operator_name(by))
    if as_json:
        print_json({"paused": False, "why": ""})
    else:
        sys.stdout.write("resumed: payments are created again where the policy allows it\n")


def warn(line: str) -> None:
    """Prints what does not change the outcome."""
    print_stderr(f"warning: {line}")


def operator_name(name: str) -> str:
    """The given name, or that of the user who runs the command."""
    if name.strip():
        return name.strip()[:MAX_NAME_LENGTH]
    try:
        return getpass.getuser()[:MAX_NAME_LENGTH]
    except (OSError, KeyError):
        return "unknown user"
