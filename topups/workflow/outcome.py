"""Records the outcome of a create request. Finds the payment at the vendor, verifies it, and only then opens it."""

from typing import Any

from topups import payment_methods, payment_verification
from topups.gateway import Accepted, Outcome, PaymentList, Rejected, Transaction, VendorPayment
from topups.ledger.models import Payment
from topups.notifications import rules
from topups.payment_states import OUTCOME_PENDING, PaymentException, State
from topups.workflow import matching
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.vendor_snapshots import fetch_payment_list, fetch_transaction

# Transactions that are looked up for one intent in one run.
MAX_TRANSACTION_PROBES = 3
REJECTED_STATE_FROM = {State.SENDING: State.REJECTED, State.UNKNOWN: State.NOT_CREATED}


def record_outcome(context: TopUpContext, sent: Payment, outcome: Outcome) -> Payment:
    """The payment after its request: OPEN, REJECTED or UNKNOWN.

    While the response was on its way another program may have timed the request out as UNKNOWN. The ledger is read
    again, and the response still counts.
    """
    payment = context.ledger.payment(sent.payment_id) or sent
    if isinstance(outcome, Accepted):
        return _verify_response(context, payment, outcome)
    state = REJECTED_STATE_FROM.get(payment.state) if isinstance(outcome, Rejected) else State.UNKNOWN
    if state is None or state == payment.state or payment.state not in OUTCOME_PENDING:
        return payment
    moved = _transition(context, payment, state, outcome.detail)
    context.checkpoint(Checkpoint.OUTCOME_RECORDED)
    return moved


def _verify_response(context: TopUpContext, payment: Payment, outcome: Accepted) -> Payment:
    response = outcome.response
    updated = context.ledger.update_payment(payment, "answered", context.clock.now(), {"claim": response.as_json()})
    context.checkpoint(Checkpoint.RESPONSE_RECORDED)
    payment = updated or payment
    if payment.state not in OUTCOME_PENDING:
        return payment
    problem = payment_verification.response_problem(response, payment.request, context.policy.url_hosts)
    if not problem:
        result = fetch_payment_list(context)
        problem = result.problem
        opened = locate_and_open(context, payment, result.listing)
        if opened:
            return opened
    payment = context.ledger.payment(payment.payment_id) or payment
    if payment.state == State.SENDING:
        payment = _transition(context, payment, State.UNKNOWN, problem or "the answer could not be verified yet")
        context.checkpoint(Checkpoint.OUTCOME_RECORDED)
    return payment


def _transition(context: TopUpContext, payment: Payment, state: State, detail: str) -> Payment:
    notices = rules.notices_for_state(payment.payment_id, state)
    moved = context.ledger.transition(payment, state, context.clock.now(), {"detail": detail}, notices)
    return moved or context.ledger.payment(payment.payment_id) or payment


def locate_and_open(context: TopUpContext, payment: Payment, listing: PaymentList | None) -> Payment | None:
    """The payment as OPEN if the vendor's own reads confirm it, else None."""
    rows = unmatched_rows(context, listing) if listing else []
    row = matching.exact_match(payment, rows, context.policy)
    transaction = None
    if row is not None:
        transaction = _fetch_detail(context, payment, row)
    elif payment.claim:
        row, transaction = _probe_transactions(context, payment, rows)
    if row is None and transaction is None:
        return None
    opened = mark_open(context, payment, row, transaction)
    context.checkpoint(Checkpoint.VERIFIED)
    return opened


def unmatched_rows(context: TopUpContext, listing: PaymentList) -> list[VendorPayment]:
    """The rows of the list that have no payment in the ledger."""
    existing = context.ledger.existing_vendor_ids(context.account_id, (row.vendor_id for row in listing.rows))
    return [row for row in listing.rows if row.vendor_id not in existing]


def mark_open(
    context: TopUpContext,
    payment: Payment,
    row: VendorPayment | None,
    transaction: Transaction | None,
    *,
    guessed: bool = False,
) -> Payment | None:
    """Moves a payment to OPEN with everything about it that is verified. Returns None after a lost compare-and-swap."""
    changes = _columns_from_vendor(context, payment, row, transaction, guessed=guessed)
    mismatch = row is not None and payment_verification.row_problem(row, payment.request) != ""
    if mismatch:
        changes["exception"] = PaymentException.AMOUNT_MISMATCH
    elif guessed:
        changes["exception"] = PaymentException.ADOPTED
    now = context.clock.now()
    notices = rules.notices_for_state(payment.payment_id, State.OPEN)
    if mismatch:
        notices = [rules.payment_notice(payment.payment_id, "mismatch")]
    return context.ledger.transition(payment, State.OPEN, now, changes, notices)


def _probe_transactions(
    context: TopUpContext, payment: Payment, rows: list[VendorPayment]
) -> tuple[VendorPayment | None, Transaction | None]:
    """Looks up the id of the create response, then the link behind the rows of the same amount."""
    response = payment.create_response
    transaction = fetch_transaction(context, response.order_id or response.session_id)
    if transaction and _matches_intent(context, payment, transaction):
        return next((row for row in rows if row.vendor_id == transaction.order_id), None), transaction
    for row in matching.same_amount_rows(payment, rows)[:MAX_TRANSACTION_PROBES] if response.url else []:
        transaction = fetch_transaction(context, row.vendor_id)
        if transaction and transaction.url == response.url and _matches_intent(context, payment, transaction):
            return row, transaction
    return None, None


def _matches_intent(context: TopUpContext, payment: Payment, transaction: Transaction) -> bool:
    problem = payment_verification.transaction_problem(
        transaction, payment.create_response, payment.request, context.policy.url_hosts
    )
    return bool(transaction.order_id) and transaction.amount_cents is not None and not problem


def _fetch_detail(context: TopUpContext, payment: Payment, row: VendorPayment) -> Transaction | None:
    """The transaction of a row, where the list alone cannot verify the link or address."""
    if payment.create_response.url and not payment_methods.PAYMENT_METHODS[payment.rail].wallet:
        return None
    return fetch_transaction(context, row.vendor_id)


def _columns_from_vendor(
    context: TopUpContext,
    payment: Payment,
    row: VendorPayment | None,
    transaction: Transaction | None,
    *,
    guessed: bool,
) -> dict[str, Any]:
    changes: dict[str, Any] = {"detail": ""}
    if transaction:
        changes |= {
            "vendor_payment_id": transaction.order_id,
            "vendor_status": transaction.status,
            "ends_at": transaction.ends_at,
        }
        changes["vendor_amount_cents"] = transaction.amount_cents
    if row:
        changes |= {"vendor_payment_id": row.vendor_id, "vendor_status": row.status, "listed_at": context.clock.now()}
        changes |= {"session_id": row.session_id or None, "vendor_amount_cents": row.amount_cents}
        changes["ends_at"] = row.ends_at or changes.get("ends_at")
    return changes | verified_instructions(context, payment, row, transaction, guessed=guessed)


def verified_instructions(
    context: TopUpContext,
    payment: Payment,
    row: VendorPayment | None,
    transaction: Transaction | None,
    *,
    guessed: bool,
) -> dict[str, Any]:
    """Link, address and coins that may be shown: create response and a read agree on them, and on the amount."""
    response, order, hosts = payment.create_response, payment.request, context.policy.url_hosts
    if row is not None and payment_verification.row_problem(row, order):
        return {}
    agreed = (
        transaction is not None
        and _matches_intent(context, payment, transaction)
        and (row is None or transaction.order_id == row.vendor_id)
    )
    if agreed and transaction and payment_methods.PAYMENT_METHODS[order.rail].wallet:
        link = transaction.url if not payment_verification.url_problem(transaction.url, hosts) else None
        return {"address": transaction.address, "amount_in_crypto": transaction.amount_in_crypto or None, "url": link}
    if agreed and transaction:
        return {"url": transaction.url}
    by_name = row is not None and not guessed and matching.find_by_id(response, [row]) is not None
    if (
        by_name
        and not payment_methods.PAYMENT_METHODS[order.rail].wallet
        and not payment_verification.response_problem(response, order, hosts)
    ):
        return {"url": response.url}
    return {}
