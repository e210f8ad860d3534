"""Everything a decision may look at, frozen: the same snapshot gives the same decision, today or in a replay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from topups.gateway import Balance, PaymentList
from topups.payment_states import COUNTS_AS_ATTEMPT, COUNTS_AS_CREATED, EXPECTED_MONEY, PaymentException, State
from topups.vendor_statuses import PAID, is_payable_or_pending


class PaymentView(NamedTuple):
    """One payment of the ledger, as far as decisions go. Instants in UTC, amounts in US cents.

    ``amount_cents`` is the larger of what was asked for and what the vendor made of it. ``counted_at`` is when it took
    its place in the caps. ``slot_freed_at`` is set once a payment gave its slot back. ``arriving_since`` is when
    somebody else's payment was seen paid, until the balance shows it.
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
    """The latest look at the vendor's list: ``at`` None when it could not be read. ``blocking`` are payment ids."""

    at: datetime | None
    complete: bool
    problem: str = ""
    blocking: tuple[str, ...] = ()


class BurnForecast(NamedTuple):
    """What the forecast knows: US cents per hour net of refunds, and when the balance runs out at that pace.

    ``reorder_cents`` is the balance at which a payment should be asked for so that it arrives in time.
    """

    cents_per_hour: float
    normal_cents_per_hour: float | None = None
    reorder_cents: int = 0
    hours_to_empty: float | None = None
    hours_to_empty_p10: float | None = None


@dataclass(frozen=True)
class AccountSnapshot:
    """What is known of one account.

    ``listing`` is None where nobody looked (sensor, plan): the operation that pays always looks. ``failures`` counts
    failed payments since the last credited one or since a person's reset. ``paused`` and ``killed`` are the ledger's
    and the environment's kill switch. ``ledger_at`` is the latest instant the ledger has written down.
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
        """The payment that waits for a person's word, if any."""
        return next((payment for payment in self.payments if payment.state == State.AWAITING_APPROVAL), None)

    def pending_cents(self) -> int:
        """Money that is on its way: counts as balance when a payment is sized, and as prepaid money."""
        return sum(payment.amount_cents for payment in self.payments if payment.state in EXPECTED_MONEY)

    def created_cents(self, since: datetime) -> int:
        """What this program asked for since then, paid or not."""
        return sum(payment.amount_cents for payment in self.payments if counts_towards_caps(payment, since))

    def attempts(self, since: datetime) -> int:
        """How often it asked since then."""
        return sum(p.counted_at > since and p.state in COUNTS_AS_ATTEMPT for p in self.payments)


def counts_towards_caps(payment: PaymentView, since: datetime) -> bool:
    """Whether a payment fills the caps of a window that began at ``since``.

    An external row counts only when it may be the lost outcome of a request of ours.
    """
    suspected = payment.state == State.EXTERNAL and payment.exception == PaymentException.DUPLICATE_SUSPECTED
    return payment.counted_at > since and (payment.state in COUNTS_AS_CREATED or suspected)


def external_arriving_since(
    state: State, vendor_status: str, baseline: int | None, credit: int | None, since: datetime
) -> datetime | None:
    """``since``, when that is the instant from which a person's money is on the way: paid, followed since before it was
    (``baseline``), and not seen in the balance yet (``credit``)."""
    followed = state == State.EXTERNAL and vendor_status in PAID and baseline is not None
    return since if followed and credit is None else None


def payable_ids(listing: PaymentList, now: datetime) -> tuple[str, ...]:
    """Ids of the vendor's payments that are payable or confirming, whoever made them."""
    return tuple(row.vendor_id for row in listing.rows if is_payable_or_pending(row.status, row.ends_at, now))
