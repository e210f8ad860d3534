"""An account's afternoon: when it was, what was paid in, and payments of the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from smsonline.sandbox import Sandbox
from topups.ledger import open_ledger
from topups.ledger.models import NewPayment
from topups.payment_states import State

# The sandbox's story depends on the day: always the same one.
NOW = datetime(2026, 3, 4, 18, tzinfo=UTC)
STEP, STEPS = timedelta(minutes=40), 7
HALFWAY, MINUTE = NOW - 2 * STEP, timedelta(minutes=1)
TOP_UP = 1500
LEDGER = "sqlite:///data/ledger.db"


class Synced(NamedTuple):
    """A folder with the warehouse of an account, copies of it as it was after each sync, and when that was."""

    end: Path
    copies: dict[datetime, Path]
    vendor: Sandbox


def pay_in(home: Path, account: str, lead: timedelta, payments: int = 5) -> None:
    """A ledger with payments that took so long to arrive."""
    now, drive = datetime.now(UTC), (State.SENDING, State.OPEN, State.PAID, State.CREDITED)
    with open_ledger(LEDGER) as ledger:
        for number in range(payments):
            draft = NewPayment(f"payment-{number}", account, f"decision-{number}", "v3_invoice", 2000)
            # Long ago enough for the caps to have forgotten them.
            asked = now - timedelta(days=60) + number * timedelta(days=3)
            payment = ledger.insert_intent(draft, State.RESERVED, lambda _: None, asked)
            for state in drive:
                payment = ledger.transition(payment, state, asked + lead)
