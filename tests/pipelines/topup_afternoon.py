"""Times and amounts of the synced afternoon, and a ledger with payments of the past."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from smsonline.sandbox import Sandbox
from topups.ledger import open_ledger
from topups.ledger.models import NewPayment
from topups.payment_states import State

# The data of the sandbox depends on the date.
NOW = datetime(2026, 3, 4, 18, tzinfo=UTC)
STEP, STEPS = timedelta(minutes=40), 7
HALFWAY, MINUTE = NOW - 2 * STEP, timedelta(minutes=1)
TOP_UP = 1500
LEDGER = "sqlite:///data/ledger.db"


class Synced(NamedTuple):
    """The folder of a warehouse, copies of the warehouse after each sync by time, and the sandbox."""

    end: Path
    copies: dict[datetime, Path]
    vendor: Sandbox


def record_deposits(home: Path, account: str, lead: timedelta, payments: int = 5) -> None:
    """Writes a ledger with credited payments that took ``lead`` to arrive."""
    now, states = datetime.now(UTC), (State.SENDING, State.OPEN, State.PAID, State.CREDITED)
    with open_ledger(LEDGER) as ledger:
        for number in range(payments):
            draft = NewPayment(f"payment-{number}", account, f"decision-{number}", "v3_invoice", 2000)
            # Older than every cap's window.
            requested_at = now - timedelta(days=60) + number * timedelta(days=3)
            payment = ledger.insert_intent(draft, State.RESERVED, lambda _: None, requested_at)
            for state in states:
                payment = ledger.transition(payment, state, requested_at + lead)
