"""The vendor's payments, and what its list makes of them: rows vanish, change and speak oddly."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from topups.gateway import VendorPayment
from topups.vendor.statuses import FINAL, PAID, PART_PAID, parse_status

Spellings = tuple[tuple[str, str], ...]
CAPITALS: Spellings = (
    ("check", "Check"),
    ("paid", "PAID"),
    ("cancel", "CANCEL"),
    ("process", "Process"),
    ("fail", "FAIL"),
)
# Spellings that the policy of the world maps, and words that nobody has heard of.
SYNONYMS: Spellings = (("paid", "Completed"), ("cancel", "Canceled"), ("check", "Open"), ("process", "Pending"))
UNKNOWN_WORDS: Spellings = (
    ("process", "kyc review"),
    ("confirm_check", "swept"),
    ("locked", "on_hold"),
    ("paid", "banked"),
)
MEANINGS = {"completed": "paid", "canceled": "cancel", "open": "check", "pending": "process"}


@dataclass
class Row:
    """One payment at the vendor. ``intent`` is the ledger's payment that asked for it; None for a person's."""

    vendor_id: str
    session_id: str
    cents: int
    requested_cents: int
    intent: str | None
    committed_at: datetime
    listed_from: datetime
    ends_at: datetime
    status: str = "check"
    since: datetime | None = None
    paid_at: datetime | None = None
    final_cents: int = 0


@dataclass(frozen=True)
class ListHabits:
    """``drops``: how long final rows stay (None: for ever). ``paid_only``: a row appears once it is paid.

    ``cuts``: no older rows. ``shift``: how far the times of creation and end are off. ``words``: other spellings.
    """

    drops: timedelta | None = None
    paid_only: bool = False
    cuts: timedelta | None = None
    rewrites: bool = False
    shift: timedelta = timedelta()
    spellings: Spellings = ()

    def shows(self, row: Row, now: datetime) -> bool:
        """Whether the list has the row by now."""
        if row.listed_from > now or (self.cuts and row.committed_at < now - self.cuts):
            return False
        if self.paid_only:
            return row.status in PAID
        ended = row.status in FINAL and row.since is not None
        return not (self.drops and ended and row.since and now > row.since + self.drops)

    def listed(self, row: Row, statuses: Mapping[str, str]) -> VendorPayment:
        """The row as the list spells it and the gateway reads it."""
        cents = row.final_cents if self.rewrites and row.status in PAID | PART_PAID else row.cents
        status = parse_status(dict(self.spellings).get(row.status, row.status), statuses)
        created, end = row.committed_at + self.shift, row.ends_at + self.shift
        return VendorPayment(row.vendor_id, row.session_id, "cryptomus", cents, status, created, end)
