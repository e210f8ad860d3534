"""Records what came of a create request, finds the payment at the vendor, verifies it, and only then opens it."""

from __future__ import annotations

from typing import Any

from topups import payment_methods, payment_verification
from topups.gateway import Accepted, Outcome, PaymentList, Rejected, Transaction, VendorPayment
from topups.ledger.models import Payment
from topups.notifications import rules
from topups.payment_states import OUTCOME_PENDING, PaymentException, State
from topups.workflow import matching
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.vendor_snapshots import fetch_payment_list, fetch_transaction

# Candidates that are asked for their link, per pass.
MAX_TRANSACTION_PROBES = 3
REJECTED_STATE_FROM = {State.SENDING: State.REJECTED, State.UNKNOWN: State.NOT_CREATED}


def record_outcome(context: TopUpContext, sent: Payment, outcome: Outcome) -> Payment:
    """The payment after its request: OPEN, REJECTED or UNKNOWN.

    While the answer was on its way another program may have given up on it and written UNKNOWN: the ledger is read anew
    and the answer still counts.
    """
    payment = context.ledger.payment(sent.payment_id) or sent
    if isinstance(outcome, Accepted):
        return _verify_response(context, payment, outcome)
    to = REJECTED_STATE_FROM.get(payment.state) if isinstance(outcome, Rejected) else State.UNKNOWN
    if to is None or to == payment.state or payment.state not in OUTCOME_PENDING:
        return payment
    moved = _transition(context, payment, to, outcome.detail)
    context.checkpoint(Checkpoint.SETTLED)
    return moved


def _verify_response(context: TopUpContext, payment: Payment, outcome: Accepted) -> Payment:
    claim = outcome.claim
    noted = context.ledger.update_payment(payment, "answered", context.clock.now(), {"claim": claim.as_json()})
    context.checkpoint(Checkpoint.ANSWER_WRITTEN)
    payment = noted or payment
    if payment.state not in OUTCOME_PENDING:
        return payment
    problem = payment_verification.response_problem(claim, payment.request, context.policy.url_hosts)
    if not problem:
        look = fetch_payment_list(context)
        problem = look.problem
        opened = locate_and_open(context, payment, look.listing)
        if opened:
            return opened
    payment = context.ledger.payment(payment.payment_id) or payment
    if payment.state == State.SENDING:
        payment = _transition(context, payment, State.UNKNOWN, problem or "the answer could not be verified yet")
        context.checkpoint(Checkpoint.SETTLED)
    return payment


def _transition(context: TopUpContext, payment: Payment, to: State, detail: str) -> Payment:
    tell = rules.notices_for_state(payment.payment_id, to)
    moved = context.ledger.transition(payment, to, context.clock.now(), {"detail": detail}, tell)
    return moved or context.ledger.payment(payment.payment_id) or payment


def locate_and_open(context: TopUpContext, payment: Payment, listing: PaymentList | None) -> Payment | None:
    """The payment as OPEN when the vendor's own reads show it for certain, else None."""
    rows = unmatched_rows(context, listing) if listing else []
    row = matching.exact_match(payment, rows, context.policy)
    told = None
    if row is not None:
        told = _fetch_detail(context, payment, row)
    elif payment.claim:
        row, told = _probe_transactions(context, payment, rows)
    if row is None and told is None:
        return None
    opened = mark_open(context, payment, row, told)
    context.checkpoint(Checkpoint.VERIFIED)
    return opened


def unmatched_rows(context: TopUpContext, listing: PaymentList) -> list[VendorPayment]:
    """The rows that no payment of the ledger stands for."""
    known = context.ledger.existing_vendor_ids(context.account_id, (row.vendor_id for row in listing.rows))
    return [row for row in listing.rows if row.vendor_id not in known]


def mark_open(
    context: TopUpContext,
    payment: Payment,
    row: VendorPayment | None,
    told: Transaction | None,
    *,
    guessed: bool = False,
) -> Payment | None:
    """Moves a payment to OPEN with everything about it that is verified; None when somebody was quicker."""
    changes = _columns_from_vendor(context, payment, row, told, guessed=guessed)
    mismatch = row is not None and payment_verification.row_problem(row, payment.request) != ""
    if mismatch:
        changes["exception"] = PaymentException.AMOUNT_MISMATCH
    elif guessed:
        changes["exception"] = PaymentException.ADOPTED
    now = context.clock.now()
    tell = rules.notices_for_state(payment.payment_id, State.OPEN)
    if mismatch:
        tell = [rules.payment_notice(payment.payment_id, "mismatch")]
    return context.ledger.transition(payment, State.OPEN, now, changes, tell)


def _probe_transactions(
    context: TopUpContext, payment: Payment, rows: list[VendorPayment]
) -> tuple[VendorPayment | None, Transaction | None]:
    """Looks for the answer's own id, then for its link behind the rows of the same amount."""
    claim = payment.create_response
    told = fetch_transaction(context, claim.order_id or claim.session_id)
    if told and _matches_intent(context, payment, told):
        return next((row for row in rows if row.vendor_id == told.order_id), None), told
    for row in matching.same_amount_rows(payment, rows)[:MAX_TRANSACTION_PROBES] if claim.url else []:
        told = fetch_transaction(context, row.vendor_id)
        if told and told.url == claim.url and _matches_intent(context, payment, told):
            return row, told
    return None, None


def _matches_intent(context: TopUpContext, payment: Payment, told: Transaction) -> bool:
    problem = payment_verification.transaction_problem(
        told, payment.create_response, payment.request, context.policy.url_hosts
    )
    return bool(told.order_id) and told.amount_cents is not None and not problem


def _fetch_detail(context: TopUpContext, payment: Payment, row: VendorPayment) -> Transaction | None:
    """The vendor's word on a row, where the list alone cannot verify what a person will be shown."""
    if payment.create_response.url and not payment_methods.PAYMENT_METHODS[payment.rail].wallet:
        return None
    return fetch_transaction(context, row.vendor_id)


def _columns_from_vendor(
    context: TopUpContext, payment: Payment, row: VendorPayment | None, told: Transaction | None, *, guessed: bool
) -> dict[str, Any]:
    changes: dict[str, Any] = {"detail": ""}
    if told:
        changes |= {"vendor_payment_id": told.order_id, "vendor_status": told.status, "ends_at": told.ends_at}
        changes["vendor_amount_cents"] = told.amount_cents
    if row:
        changes |= {"vendor_payment_id": row.vendor_id, "vendor_status": row.status, "listed_at": context.clock.now()}
        changes |= {"session_id": row.session_id or None, "vendor_amount_cents": row.amount_cents}
        changes["ends_at"] = row.ends_at or changes.get("ends_at")
    return changes | verified_instructions(context, payment, row, told, guessed=guessed)


def verified_instructions(
    context: TopUpContext, payment: Payment, row: VendorPayment | None, told: Transaction | None, *, guessed: bool
) -> dict[str, Any]:
    """Link, address and coins that a person may be shown: the answer and a read agree on them, amount included."""
    claim, order, hosts = payment.create_response, payment.request, context.policy.url_hosts
    if row is not None and payment_verification.row_problem(row, order):
        return {}
    agreed = (
        told is not None and _matches_intent(context, payment, told) and (row is None or told.order_id == row.vendor_id)
    )
    if agreed and told and payment_methods.PAYMENT_METHODS[order.rail].wallet:
        link = told.url if not payment_verification.url_problem(told.url, hosts) else None
        return {"address": told.address, "amount_in_crypto": told.amount_in_crypto or None, "url": link}
    if agreed and told:
        return {"url": told.url}
    by_name = row is not None and not guessed and matching.find_by_id(claim, [row]) is not None
    if (
        by_name
        and not payment_methods.PAYMENT_METHODS[order.rail].wallet
        and not payment_verification.response_problem(claim, order, hosts)
    ):
        return {"url": claim.url}
    return {}
