"""From a payment that may exist to one that does: find it at the vendor, verify it, and only then open it."""

from __future__ import annotations

from typing import Any

from topups import matching, rails, telling
from topups.context import Checkpoint, Context
from topups.ledger.rows import Payment
from topups.observe import look_at_transaction
from topups.ports import PaymentList, Transaction, VendorPayment
from topups.states import Oddity, State

# Candidates that are asked for their link, per pass.
MOST_QUESTIONS = 3


def settle(context: Context, payment: Payment, listing: PaymentList | None) -> Payment | None:
    """The payment as OPEN when the vendor's own reads show it for certain, else None."""
    rows = unclaimed(context, listing) if listing else []
    row = matching.exact(payment, rows, context.policy)
    told = None
    if row is not None:
        told = _detail(context, payment, row)
    elif payment.claim:
        row, told = _ask(context, payment, rows)
    if row is None and told is None:
        return None
    opened = open_payment(context, payment, row, told)
    context.checkpoint(Checkpoint.VERIFIED)
    return opened


def unclaimed(context: Context, listing: PaymentList) -> list[VendorPayment]:
    """The rows that no payment of the ledger stands for."""
    known = context.ledger.known_ids(context.account_id, (row.vendor_id for row in listing.rows))
    return [row for row in listing.rows if row.vendor_id not in known]


def open_payment(
    context: Context, payment: Payment, row: VendorPayment | None, told: Transaction | None, *, guessed: bool = False
) -> Payment | None:
    """Moves a payment to OPEN with everything about it that is verified; None when somebody was quicker."""
    changes = _shown(context, payment, row, told, guessed=guessed)
    mismatch = row is not None and rails.row_problem(row, payment.order) != ""
    if mismatch:
        changes["exception"] = Oddity.AMOUNT_MISMATCH
    elif guessed:
        changes["exception"] = Oddity.ADOPTED
    now = context.now()
    tell = telling.on_entering(payment.payment_id, State.OPEN)
    if mismatch:
        tell = [telling.about(payment.payment_id, "mismatch")]
    return context.ledger.move(payment, State.OPEN, now, changes, tell)


def _ask(
    context: Context, payment: Payment, rows: list[VendorPayment]
) -> tuple[VendorPayment | None, Transaction | None]:
    """Looks for the answer's own id, then for its link behind the rows of the same amount."""
    claim = payment.claimed
    told = look_at_transaction(context, claim.order_id or claim.session_id)
    if told and _is_it(context, payment, told):
        return next((row for row in rows if row.vendor_id == told.order_id), None), told
    for row in matching.candidates(payment, rows)[:MOST_QUESTIONS] if claim.url else []:
        told = look_at_transaction(context, row.vendor_id)
        if told and told.url == claim.url and _is_it(context, payment, told):
            return row, told
    return None, None


def _is_it(context: Context, payment: Payment, told: Transaction) -> bool:
    problem = rails.transaction_problem(told, payment.claimed, payment.order, context.policy.url_hosts)
    return bool(told.order_id) and told.amount_cents is not None and not problem


def _detail(context: Context, payment: Payment, row: VendorPayment) -> Transaction | None:
    """The vendor's word on a row, where the list alone cannot verify what a person will be shown."""
    if payment.claimed.url and not rails.RAILS[payment.rail].wallet:
        return None
    return look_at_transaction(context, row.vendor_id)


def _shown(
    context: Context, payment: Payment, row: VendorPayment | None, told: Transaction | None, *, guessed: bool
) -> dict[str, Any]:
    changes: dict[str, Any] = {"detail": ""}
    if told:
        changes |= {"vendor_payment_id": told.order_id, "vendor_status": told.status, "ends_at": told.ends_at}
        changes["vendor_amount_cents"] = told.amount_cents
    if row:
        changes |= {"vendor_payment_id": row.vendor_id, "vendor_status": row.status, "listed_at": context.now()}
        changes |= {"session_id": row.session_id or None, "vendor_amount_cents": row.amount_cents}
        changes["ends_at"] = row.ends_at or changes.get("ends_at")
    return changes | verified(context, payment, row, told, guessed=guessed)


def verified(
    context: Context, payment: Payment, row: VendorPayment | None, told: Transaction | None, *, guessed: bool
) -> dict[str, Any]:
    """Link, address and coins that a person may be shown: the answer and a read agree on them, amount included."""
    claim, order, hosts = payment.claimed, payment.order, context.policy.url_hosts
    if row is not None and rails.row_problem(row, order):
        return {}
    agreed = told is not None and _is_it(context, payment, told) and (row is None or told.order_id == row.vendor_id)
    if agreed and told and rails.RAILS[order.rail].wallet:
        link = told.url if not rails.url_problem(told.url, hosts) else None
        return {"address": told.address, "amount_in_crypto": told.amount_in_crypto or None, "url": link}
    if agreed and told:
        return {"url": told.url}
    by_name = row is not None and not guessed and matching.named(claim, [row]) is not None
    if by_name and not rails.RAILS[order.rail].wallet and not rails.claim_problem(claim, order, hosts):
        return {"url": claim.url}
    return {}
