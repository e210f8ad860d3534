"""The unit of amounts: what a response names in dollars against what was requested, and which setting is wrong."""

from topups.gateway import PaymentRequest
from topups.ledger.models import Payment
from topups.money import usd
from topups.payment_states import UNITS_DISAGREE

CENTS_PER_DOLLAR = 100


def unit_changed(before_cents: int, after_cents: int) -> bool:
    """Whether two amounts of one payment differ by the factor between dollars and cents."""
    small, large = sorted((before_cents, after_cents))
    return small > 0 and small * CENTS_PER_DOLLAR == large


def created_unit_problem(request: PaymentRequest, named_cents: int) -> str:
    """What contradicts the requested amount if the vendor names ``named_cents``; empty if they agree.

    ``named_cents`` comes from a field that is documented as dollars.
    """
    if named_cents == request.amount_cents:
        return ""
    difference = f"do not pay: {usd(request.amount_cents)} was requested, the vendor asks for {usd(named_cents)}"
    if request.rail != "v3_invoice" or not unit_changed(request.amount_cents, named_cents):
        return f"{difference}; check the settings under [topup_units], or use another SMSONLINE_TOPUP_RAIL"
    unit = "dollars" if named_cents > request.amount_cents else "cents"
    return f'{difference}: its create call takes {unit}; set create = "{unit}" under [topup_units]'


def listed_unit_problem(request: PaymentRequest, listed_cents: int) -> str:
    """What contradicts the amount in the vendor's list; empty if it does not look like another unit."""
    if not unit_changed(request.amount_cents, listed_cents):
        return ""
    unit = "dollars" if listed_cents < request.amount_cents else "cents"
    return (
        f"do not pay: {usd(request.amount_cents)} was requested, the vendor's list says {usd(listed_cents)}:"
        f' it seems to be in {unit}; set listed = "{unit}" under [topup_units]'
    )


def arrived_unit_problem(request: PaymentRequest, arrived_cents: int) -> str:
    """What contradicts the requested amount if ``arrived_cents`` reached the balance for it; empty if nothing does."""
    if arrived_cents * 10 > request.amount_cents and arrived_cents < request.amount_cents * 10:
        return ""
    return (
        f"{usd(request.amount_cents)} was requested and paid, {usd(arrived_cents)} arrived:"
        " check create and balance under [topup_units]"
    )


def unit_warning(payment: Payment) -> str:
    """What a person has to know before paying a payment whose unit nothing confirmed; empty if something did."""
    payable = payment.url or payment.address
    if not payable or payment.unit_proof not in ("", UNITS_DISAGREE):
        return ""
    return f"unit not confirmed: pay only if the page asks for {usd(payment.amount_cents)}"
