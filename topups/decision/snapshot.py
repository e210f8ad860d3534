"""The input of a decision, frozen: the same snapshot gives the same decision, now or in a replay."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from topups.gateway import Balance, PaymentList
from topups.payment_states import COUNTS_AS_ATTEMPT, COUNTS_AS_CREATED, EXPECTED_MONEY, PaymentException, State
from topups.vendor_statuses import PAID, is_payable_or_pending


class PaymentView(NamedTuple):
    """The part of a ledger payment that decisions use. Timestamps in UTC, amounts in US cents.

    ``amount_cents`` is the larger of the requested and the vendor's amount. ``counted_at`` is when it began to count
    towards the caps. ``slot_freed_at`` is set once it gave its slot back. ``arriving_since`` is when an external
    payment was first seen paid, until the balance shows it.
    """

    payment_id: str
    state: State
    exception: PaymentException
    amount_cents: int
    counted_at: datetime
    holds_slot: bool
    slot_freed_at: datetime | None = None
    vendor_status: str = ""
    ends_at: datetime | None = None
    approved_at: datetime | None = None
    arriving_since: datetime | None = None


class VendorListView(NamedTuple):
    """The latest read of the vendor's list: ``at`` is None if it could not be read. ``blocking`` are payment ids."""

    at: datetime | None
    complete: bool
    problem: str = ""
    blocking: tuple[str, ...] = ()


class BurnForecast(NamedTuple):
    """The part of a forecast that decisions use: US cents per hour net of refunds, and the hours until the balance is
    empty.

    ``reorder_cents`` is the balance at which a payment has to be requested to arrive in time.
    """

    cents_per_hour: float
    normal_cents_per_hour: float | None = None
    reorder_cents: int = 0
    hours_to_empty: float | None = None
    hours_to_empty_p10: float | None = None


@dataclass(frozen=True)
class AccountSnapshot:
    """What ledger and vendor say about one account.

    ``listing`` is None where the list was not read (sensor, plan); a run always reads it. ``failures`` counts failed
    payments since the last credited one or an operator's reset. ``paused`` and ``killed`` are the kill switches of
    ledger and environment. ``ledger_at`` is the latest timestamp in the ledger.
    """

    account_id: str
    balance: Balance | None = None
    balance_problem: str = ""
    payments: tuple[PaymentView, ...] = ()
    listing: VendorListView | None = None
    failures: int = 0
    last_failure_at: datetime | None = None
    paused: str = ""
    killed: bool = False
    ledger_at: datetime | None = None
    burn: BurnForecast | None = None

    def pending_approval(self) -> PaymentView | None:
        """The payment that waits for approval, if any."""
        return next((payment for payment in self.payments if payment.state == State.AWAITING_APPROVAL), None)

    def pending_cents(self) -> int:
        """Expected money: counts as balance when a payment is sized, and as prepaid money."""
        return sum(payment.amount_cents for payment in self.payments if payment.state in EXPECTED_MONEY)

    def created_cents(self, since: datetime) -> int:
        """What this program requested since then, paid or not."""
        return sum(payment.amount_cents for payment in self.payments if counts_towards_caps(payment, since))

    def attempts(self, since: datetime) -> int:
        """The number of requests since then."""
        return sum(p.counted_at > since and p.state in COUNTS_AS_ATTEMPT for p in self.payments)


def counts_towards_caps(payment: PaymentView, since: datetime) -> bool:
    """Whether a payment counts towards the caps of a window that began at ``since``.

    An external payment counts only if it may be the lost outcome of a request of ours.
    """
    suspected = payment.state == State.EXTERNAL and payment.exception == PaymentException.DUPLICATE_SUSPECTED
    return payment.counted_at > since and (payment.state in COUNTS_AS_CREATED or suspected)


def external_arriving_since(
    state: State, vendor_status: str, baseline: int | None, credit: int | None, since: datetime
) -> datetime | None:
    """``since``, if the payment is external and its money is on the way, else None.

    On the way: paid, tracked since before it was paid (``baseline``), and not in the balance yet (``credit``).
    """
    followed = state == State.EXTERNAL and vendor_status in PAID and baseline is not None
    return since if followed and credit is None else None


def payable_ids(listing: PaymentList, now: datetime) -> tuple[str, ...]:
    """Ids of the vendor's payments that are payable or confirming, ours or external."""
    return tuple(row.vendor_id for row in listing.rows if is_payable_or_pending(row.status, row.ends_at, now))
