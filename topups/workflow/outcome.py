"""Records the outcome of a create request, and finds its payment at the vendor."""

from collections.abc import Iterable
from datetime import datetime

from topups import payment_verification
from topups.gateway import (
    Accepted,
    Outcome,
    PaymentList,
    Rejected,
    Transaction,
    Uncertain,
    Unsent,
    VendorPayment,
)
from topups.ledger.models import Payment
from topups.notifications import rules
from topups.payment_states import OUTCOME_PENDING, State
from topups.policy import Policy
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext, transition
from topups.workflow.opening import VendorMatch, find_by_id, mark_open, matches_intent, unmatched_rows
from topups.workflow.tracking.payment_tracking import propose_paid_only_list
from topups.workflow.vendor_snapshots import fetch_payment_list, fetch_transaction


def same_amount_rows(payment: Payment, rows: Iterable[VendorPayment]) -> list[VendorPayment]:
    """Rows of the intent's amount. ``rows`` are those without a ledger payment.

    The vendor's own times are not compared: their zone is not documented.
    """
    return [row for row in rows if row.amount_cents == payment.amount_cents]


def exact_match(payment: Payment, rows: list[VendorPayment], policy: Policy) -> VendorPayment | None:
    """The row that is the intent's payment for certain, or None."""
    row = find_by_id(payment.create_response, rows)
    if row is None and policy.fingerprint:
        same_amount = same_amount_rows(payment, rows)
        return same_amount[0] if len(same_amount) == 1 else None
    return row


def is_after_quiescence(payment: Payment, listing: PaymentList, policy: Policy) -> bool:
    """Whether the list was read after every late payment must have appeared."""
    return listing.at >= payment.state_since + policy.unknown_quiescence


def count_missing_lists(payment: Payment, listing: PaymentList, same_amount_count: int, policy: Policy) -> int:
    """In how many complete lists, far enough apart, the payment was missing, this one included."""
    if same_amount_count:
        return 0
    last = payment.absent_at or payment.state_since
    apart = listing.at >= last + policy.absent_spacing
    return payment.absences + (listing.complete and apart)


def resolve_state(
    payment: Payment,
    listing: PaymentList,
    same_amount_count: int,
    other_amount_count: int,
    missing_count: int,
    now: datetime,
    policy: Policy,
) -> State | None:
    """The next state of an UNKNOWN intent without an exact match; None: keep searching.

    ``same_amount_count`` and ``other_amount_count`` count the unmatched rows of this list, ``missing_count`` the
    complete lists without a candidate. A row of another amount may be the payment too, if the vendor changed its
    amount. An intent with a create response exists, so it never becomes NOT_CREATED; neither does one that the vendor
    would list only once it is paid.
    """
    if listing.complete and is_after_quiescence(payment, listing, policy):
        if same_amount_count:
            return State.OPEN if same_amount_count + other_amount_count == 1 else State.NEEDS_HUMAN
        if missing_count >= policy.absent_lists and not payment.claim and not policy.list_shows_paid_only:
            return State.NEEDS_HUMAN if other_amount_count else State.NOT_CREATED
    return state_after_max_age(payment, now, policy)


def state_after_max_age(payment: Payment, now: datetime, policy: Policy) -> State | None:
    """NEEDS_HUMAN for an UNKNOWN intent that exceeded its maximum age, else None."""
    late = payment.state == State.UNKNOWN and now >= payment.state_since + policy.unknown_max_age
    return State.NEEDS_HUMAN if late else None


# Transactions that are looked up for one intent in one run.
MAX_TRANSACTION_PROBES = 3
STATE_AFTER: dict[type[Outcome], dict[State, State]] = {
    Rejected: {State.SENDING: State.REJECTED, State.UNKNOWN: State.NOT_CREATED},
    Unsent: {State.SENDING: State.NOT_SENT},
    Uncertain: {State.SENDING: State.UNKNOWN},
}


def record_outcome(context: TopUpContext, sent: Payment, outcome: Outcome) -> Payment:
    """The payment after its request: OPEN, REJECTED, NOT_SENT or UNKNOWN.

    While the response was on its way another program may have timed the request out as UNKNOWN. The ledger is read
    again, and the response still counts.
    """
    payment = context.ledger.payment(sent.payment_id) or sent
    if isinstance(outcome, Accepted):
        return _verify_response(context, payment, outcome)
    state = STATE_AFTER[type(outcome)].get(payment.state)
    if state is None:
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
        payment = _transition(context, payment, State.UNKNOWN, problem or "the response could not be verified yet")
        context.checkpoint(Checkpoint.OUTCOME_RECORDED)
    return payment


def _transition(context: TopUpContext, payment: Payment, state: State, detail: str) -> Payment:
    notices = rules.notices_for_state(payment.payment_id, state)
    moved = context.ledger.transition(payment, state, context.clock.now(), {"detail": detail}, notices)
    return moved or context.ledger.payment(payment.payment_id) or payment


def locate_and_open(context: TopUpContext, payment: Payment, listing: PaymentList | None) -> Payment | None:
    """The payment as OPEN if the vendor's own reads confirm it, else None."""
    rows = unmatched_rows(context, listing) if listing else []
    row = exact_match(payment, rows, context.policy)
    transaction = None
    if row is not None:
        transaction = fetch_transaction(context, row.vendor_id)
    elif payment.claim:
        row, transaction = _probe_transactions(context, payment, rows)
    if row is None and transaction is None and not _is_proven_by_response(context, payment):
        return None
    opened = mark_open(context, payment, VendorMatch(row, transaction))
    context.checkpoint(Checkpoint.VERIFIED)
    return opened


def _is_proven_by_response(context: TopUpContext, payment: Payment) -> bool:
    """Whether the create response alone opens a payment: the vendor lists it only once it is paid."""
    if not context.policy.list_shows_paid_only or not payment.claim:
        return False
    problem = payment_verification.response_problem(payment.create_response, payment.request, context.policy.url_hosts)
    return not problem


def _probe_transactions(
    context: TopUpContext, payment: Payment, rows: list[VendorPayment]
) -> tuple[VendorPayment | None, Transaction | None]:
    """Looks up the id of the create response, then the link behind the rows of the same amount."""
    response = payment.create_response
    name = response.order_id or response.session_id
    transaction = fetch_transaction(context, name)
    if transaction and (transaction.order_id == name or matches_intent(context, payment, transaction)):
        return next((row for row in rows if row.vendor_id == transaction.order_id), None), transaction
    for row in same_amount_rows(payment, rows)[:MAX_TRANSACTION_PROBES] if response.url else []:
        transaction = fetch_transaction(context, row.vendor_id)
        if transaction and transaction.url == response.url and matches_intent(context, payment, transaction):
            return row, transaction
    return None, None


def expire_stale_intents(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
    """Times out intents that a dead process left in RESERVED or SENDING, and approvals that came too late."""
    policy, now = context.policy, context.clock.now()
    for payment in payments:
        age = now - payment.state_since
        if payment.state == State.SENDING:
            deadline = payment.deadline_at or payment.state_since
            if now > deadline + policy.response_wait:
                transition(context, payment, State.UNKNOWN, report, "no answer was written down")
        elif payment.state == State.RESERVED and age > policy.reserve_max_age:
            transition(context, payment, State.RELEASED, report, "left behind; nothing was sent")
        elif payment.state == State.AWAITING_APPROVAL and age > policy.approval_life:
            detail = "it was approved, and not needed in time" if payment.approved_at else "nobody approved it in time"
            transition(context, payment, State.RELEASED, report, detail)


def resolve_unknown_outcomes(context: TopUpContext, payments: list[Payment], report: ReconcileReport) -> None:
    """Searches the vendor's payments for intents whose outcome is unknown, exact matches first."""
    for payment in payments:
        if payment.state not in (State.UNKNOWN, State.NEEDS_HUMAN):
            continue
        opened = locate_and_open(context, payment, report.listing)
        if opened:
            report.moved.append((payment.payment_id, payment.state, opened.state))
        elif payment.state == State.UNKNOWN:
            _search_again(context, payment, report)


def _search_again(context: TopUpContext, payment: Payment, report: ReconcileReport) -> None:
    policy, listing = context.policy, report.listing
    if listing is None:
        if state_after_max_age(payment, context.clock.now(), policy):
            transition(context, payment, State.NEEDS_HUMAN, report, "the vendor's list could not be read in time")
        return
    rows = unmatched_rows(context, listing)
    same_amount = same_amount_rows(payment, rows)
    other_amount_count = len(rows) - len(same_amount)
    missing_count = count_missing_lists(payment, listing, len(same_amount), policy)
    if payment.claim and not rows:
        propose_paid_only_list(context, payment, listing)
    state = resolve_state(
        payment, listing, len(same_amount), other_amount_count, missing_count, context.clock.now(), policy
    )
    if state == State.OPEN:
        transaction = fetch_transaction(context, same_amount[0].vendor_id)
        opened = mark_open(context, payment, VendorMatch(same_amount[0], transaction, guessed=True))
        report.moved += [(payment.payment_id, payment.state, opened.state)] if opened else []
    elif state is not None:
        detail = f"{len(same_amount)} of {len(rows)} new payments fit, {missing_count} lists without it"
        transition(context, payment, state, report, detail)
    elif missing_count != payment.absences:
        changes = {"absences": missing_count, "absent_at": listing.at if missing_count else None}
        context.ledger.update_payment(payment, "looked_for", context.clock.now(), changes)
        report.updated += 1
        context.checkpoint(Checkpoint.MOVED)
