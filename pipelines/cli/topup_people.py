"""``smsonline topup approve``, ``refuse``, ``finish``, ``pause`` and ``resume``: a person's word."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime

from pipelines.cli.console import print_json
from pipelines.cli.topup_console import clear_topup_errors, payment_json, payment_of
from pipelines.settings import load_settings
from pipelines.topup.wiring import opened_ledger, policy_of
from topups import operator_actions
from topups.ledger import Payment
from topups.ledger.schema import ALL_ACCOUNTS
from topups.money import usd

LONGEST_NAME = 60


def run_approve(payment_id: str, by: str, *, as_json: bool) -> None:
    """Agrees to a waiting payment; exits 2 for an unknown id, 1 when it does not wait."""
    with clear_topup_errors(as_json=as_json):
        settings = load_settings()
        policy = policy_of(settings)
        with opened_ledger(settings) as ledger:
            known = payment_of(ledger, payment_id)
            payment = operator_actions.approve(ledger, known.payment_id, _name(by), _now(), policy)
    _print(payment, "is approved: the next run asks for it", as_json)


def run_refuse(payment_id: str, by: str, *, as_json: bool) -> None:
    """Says no to a waiting payment; exit codes as ``approve``."""
    with clear_topup_errors(as_json=as_json), opened_ledger(load_settings()) as ledger:
        payment = operator_actions.reject(ledger, payment_of(ledger, payment_id).payment_id, _name(by), _now())
    _print(payment, "is refused: it will not be asked for", as_json)


def run_finish(payment_id: str, by: str, *, as_json: bool) -> None:
    """Declares a stuck payment finished; exit codes as ``approve``."""
    with clear_topup_errors(as_json=as_json), opened_ledger(load_settings()) as ledger:
        payment = operator_actions.close(ledger, payment_of(ledger, payment_id).payment_id, _name(by), _now())
    _print(payment, f"is declared finished ({payment.state}): it blocks no other payment", as_json)


def run_pause(why: str, by: str, *, as_json: bool) -> None:
    """The ledger's kill switch, for all its accounts."""
    with clear_topup_errors(as_json=as_json), opened_ledger(load_settings()) as ledger:
        paused = operator_actions.pause(ledger, _name(by), why, _now()).paused
    if as_json:
        print_json({"paused": True, "why": paused})
    else:
        sys.stdout.write(f"{paused}: no payment is created until smsonline topup resume\n")


def run_resume(by: str, *, as_json: bool) -> None:
    """Ends the pause of all accounts; for the account of the settings also its own pause and its breaker."""
    with clear_topup_errors(as_json=as_json):
        settings = load_settings()
        accounts = [ALL_ACCOUNTS, *filter(None, [settings.user_id.strip()])]
        with opened_ledger(settings) as ledger:
            for account in accounts:
                operator_actions.resume(ledger, _name(by), _now(), account)
    if as_json:
        print_json({"paused": False, "why": ""})
    else:
        sys.stdout.write("resumed: payments are created again where the policy allows it\n")


def _print(payment: Payment, what: str, as_json: bool) -> None:
    if as_json:
        print_json(payment_json(payment))
    else:
        sys.stdout.write(f"payment {payment.payment_id} over {usd(payment.amount_cents)} {what}\n")


def _name(given: str) -> str:
    if given.strip():
        return given.strip()[:LONGEST_NAME]
    try:
        return getpass.getuser()[:LONGEST_NAME]
    except (OSError, KeyError):
        return "somebody"


def _now() -> datetime:
    return datetime.now(UTC)
