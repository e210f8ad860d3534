"""The only lock of the top-ups: a database of payments, their events, notices, observations and switches."""

from topups.ledger.database.connections import LedgerNotFound
from topups.ledger.engine import LedgerOutdated, open_ledger, open_ledger_readonly
from topups.ledger.ledger import Ledger
from topups.ledger.models import Event, Observation, OutboxRow, Payment
from topups.ledger.queries import LedgerUnavailable

__all__ = [
    "Event",
    "Ledger",
    "LedgerNotFound",
    "LedgerOutdated",
    "LedgerUnavailable",
    "Observation",
    "OutboxRow",
    "Payment",
    "open_ledger",
    "open_ledger_readonly",
]
