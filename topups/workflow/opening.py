"""Opens a payment with what the vendor's own reads confirm about it: its row, its transaction, link or address."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from topups import payment_methods, payment_verification
from topups.evidence import payment_units
from topups.gateway import CreateResponse, PaymentList, Transaction, VendorPayment
from topups.ledger.database.conflicts import Constraint, LedgerConflict
from topups.ledger.models import Payment
from topups.notifications import rules
from topups.payment_states import (
    UNIT_BY_BALANCE,
    UNIT_BY_EARLIER,
    UNIT_BY_TRANSACTION,
    UNITS_DISAGREE,
    PaymentException,
    State,
)
from topups.workflow.context import TopUpContext
from topups.workflow.vendor_id_conflicts import record_vendor_id_conflict

# Earlier payments that may have confirmed the unit of a payment method.
MAX_EARLIER_PAYMENTS = 100


class VendorMatch(NamedTuple):
    """What the vendor's reads have for a payment of ours: its row and its transaction, None where there is none.

    ``guessed``: the row was found by its amount alone.
    """

    row: VendorPayment | None
    transaction: Transaction | None
    guessed: bool = False


def find_by_id(claim: CreateResponse, rows: Iterable[VendorPayment]) -> VendorPayment | None:
    """The row that the create response names, by the last segment of its link or by its order id."""
    names = {claim.session_id, claim.order_id} - {""}
    return next((row for row in rows if names & {row.vendor_id, row.session_id}), None)


def unmatched_rows(context: TopUpContext, listing: PaymentList) -> list[VendorPayment]:
    """The rows of the list that have no payment in the ledger."""
    existing = context.ledger.existing_vendor_ids(context.account_id, (row.vendor_id for row in listing.rows))
    return [row for row in listing.rows if row.vendor_id not in existing]


def mark_open(context: TopUpContext, payment: Payment, match: VendorMatch) -> Payment | None:
    """Moves a payment to OPEN with everything about it that is verified. Returns None after a lost compare-and-swap."""
    changes = _columns_from_vendor(context, payment, match)
    mismatch = "exception" in changes
    if match.guessed and not mismatch:
        changes["exception"] = PaymentException.ADOPTED
    now = context.clock.now()
    notices = rules.notices_for_state(payment.payment_id, State.OPEN)
    if mismatch:
        notices = [rules.payment_notice(payment.payment_id, "mismatch")]
    try:
        return context.ledger.transition(payment, State.OPEN, now, changes, notices)
    except LedgerConflict as conflict:
        if conflict.constraint != Constraint.VENDOR_ID:
            raise
        return record_vendor_id_conflict(context, payment, changes["vendor_payment_id"])


def matches_intent(context: TopUpContext, payment: Payment, transaction: Transaction) -> bool:
    """Whether a transaction is the payment that was requested: amount, link or address, and coin agree."""
    problem = payment_verification.transaction_problem(
        transaction, payment.create_response, payment.request, context.policy.url_hosts
    )
    return bool(transaction.order_id) and transaction.amount_cents is not None and not problem


def _columns_from_vendor(context: TopUpContext, payment: Payment, match: VendorMatch) -> dict[str, Any]:
    response, row, transaction = payment.create_response, match.row, match.transaction
    changes: dict[str, Any] = {"detail": ""}
    instructions = verified_instructions(context, payment, match)
    if row:
        return {
            **changes,
            "vendor_payment_id": row.vendor_id,
            "vendor_status": row.status,
            "listed_at": context.clock.now(),
            "session_id": row.session_id or None,
            "vendor_amount_cents": row.amount_cents,
            "ends_at": row.ends_at or (transaction.ends_at if transaction else None),
            **instructions,
        }
    if transaction:
        named = {"vendor_payment_id": transaction.order_id, "vendor_status": transaction.status}
        # An amount in the wrong unit would use up every cap.
        agreed = None if instructions.get("unit_proof") == UNITS_DISAGREE else transaction.amount_cents
        return {**changes, **named, "ends_at": transaction.ends_at, "vendor_amount_cents": agreed, **instructions}
    changes |= {"vendor_payment_id": response.order_id or None, "session_id": response.session_id or None}
    return {**changes, **instructions}


def verified_instructions(context: TopUpContext, payment: Payment, match: VendorMatch) -> dict[str, Any]:
    """Link, address and coins that may be shown: create response and a read agree on them, and on the amount.

    Otherwise ``instructions_problem`` says why not, and what contradicts the amount is an exception of the payment.
    """
    row, transaction, _ = match
    if transaction and row and transaction.order_id != row.vendor_id:
        transaction, match = None, match._replace(transaction=None)
    order, named = payment.request, (transaction or payment.create_response).amount_cents
    unit_problem = payment_units.created_unit_problem(order, named) if named is not None else ""
    if row and not unit_problem:
        unit_problem = payment_units.listed_unit_problem(order, row.amount_cents)
    if unit_problem:
        return {**DO_NOT_PAY, "instructions_problem": unit_problem, "unit_proof": UNITS_DISAGREE}
    problem = payment_verification.row_problem(row, order) if row else ""
    if problem:
        return {**DO_NOT_PAY, "instructions_problem": f"do not pay: {problem}"}
    shown = _agreed_instructions(context, payment, match)
    if not shown:
        return {"instructions_problem": _missing_instructions(context, payment, transaction)}
    proof = UNIT_BY_TRANSACTION if named is not None else payment.unit_proof or _earlier_unit_proof(context, order.rail)
    return {**shown, "instructions_problem": "", "unit_proof": proof}


DO_NOT_PAY = {
    "exception": PaymentException.AMOUNT_MISMATCH,
    **dict.fromkeys(("url", "address", "amount_in_crypto")),
}


def _agreed_instructions(context: TopUpContext, payment: Payment, match: VendorMatch) -> dict[str, Any]:
    row, transaction, guessed = match
    response, order, hosts = payment.create_response, payment.request, context.policy.url_hosts
    wallet = payment_methods.PAYMENT_METHODS[order.rail].wallet
    if transaction and matches_intent(context, payment, transaction):
        if not wallet:
            return {"url": transaction.url}
        link = transaction.url if not payment_verification.url_problem(transaction.url, hosts) else None
        return {"address": transaction.address, "amount_in_crypto": transaction.amount_in_crypto or None, "url": link}
    if guessed or payment_verification.response_problem(response, order, hosts):
        return {}
    if row is None and context.policy.list_shows_paid_only and payment.claim:
        return {"address": response.address} if wallet else {"url": response.url}
    by_name = row is not None and find_by_id(response, [row]) is not None
    return {"url": response.url} if by_name and not wallet else {}


def _missing_instructions(context: TopUpContext, payment: Payment, transaction: Transaction | None) -> str:
    response, order, hosts = payment.create_response, payment.request, context.policy.url_hosts
    problem = payment_verification.response_problem(response, order, hosts) if payment.claim else ""
    if transaction and not problem:
        problem = payment_verification.transaction_problem(transaction, response, order, hosts)
    return problem or "the vendor's reads do not confirm yet how to pay it; each run tries again"


def _earlier_unit_proof(context: TopUpContext, rail: str) -> str:
    earlier = context.ledger.payments(context.account_id, limit=MAX_EARLIER_PAYMENTS)
    proven = any(p.rail == rail and p.unit_proof in (UNIT_BY_TRANSACTION, UNIT_BY_BALANCE) for p in earlier)
    return UNIT_BY_EARLIER if proven else ""
