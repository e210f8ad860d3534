"""The only lock of the top-ups: a database of payments, their events, notices, observations and switches."""

from topups.ledger.engine import NoLedgerYet, open_ledger, read_ledger
from topups.ledger.ledger import Ledger
from topups.ledger.models import Event, Observation, OutboxRow, Payment
from topups.ledger.transactions import LedgerUnavailable

__all__ = [
    "Event",
    "Ledger",
    "LedgerUnavailable",
    "NoLedgerYet",
    "Observation",
    "OutboxRow",
    "Payment",
    "open_ledger",
    "read_ledger",
]
