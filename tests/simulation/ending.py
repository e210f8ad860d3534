"""What has to be true once a world came to rest."""

from collections import Counter
from datetime import datetime

from tests.simulation.truth import Truth, Violation
from topups.ledger import Ledger, Payment
from topups.ledger.audit import audit
from topups.payment_states import PaymentException, State

PAID_EVENTS = "SELECT payment_id, to_state, at FROM events WHERE to_state IN ('PAID', 'PAID_LATE', 'CREDITED')"
NOTHING_THERE = frozenset({State.NOT_CREATED, State.REJECTED, State.NOT_SENT, State.RELEASED})
UNSETTLED = frozenset({State.RESERVED, State.SENDING, State.UNKNOWN})


def check_the_end(ledger: Ledger, truth: Truth) -> None:
    """Raises ``Violation`` for the first promise that was not kept."""
    payments = {payment.payment_id: payment for payment in ledger.payments()}
    if problems := audit(ledger):
        raise Violation(f"8, 18: {problems}")
    if unsettled := [payment.payment_id for payment in payments.values() if payment.state in UNSETTLED]:
        raise Violation(f"15: not settled: {unsettled}")
    _every_row_once(payments, truth)
    _instructions_match_intent(payments, truth)
    _absent_is_absent(payments, truth)
    credited = 0
    for payment_id, state, written_at in truth.ledger.execute(PAID_EVENTS):
        at = datetime.fromisoformat(written_at) if truth.clock_is_right else truth.now()
        _paid_at_the_vendor(payments[payment_id], state, at, truth)
        if state == State.CREDITED and truth.clock_is_right:
            credited += payments[payment_id].vendor_amount_cents or 0
            _money_arrived(payments[payment_id], credited, at, truth)


def _every_row_once(payments: dict[str, Payment], truth: Truth) -> None:
    recorded = Counter(payment.vendor_payment_id for payment in payments.values() if payment.vendor_payment_id)
    there = {row.vendor_id for row in truth.rows}
    listed = {row.vendor_id for row in truth.rows if truth.habits.shows(row, truth.now())}
    if set(recorded.values()) - {1} or not listed <= set(recorded) <= there:
        raise Violation(f"6: the ledger has {dict(recorded)}, the vendor {there} and lists {listed}")


def _instructions_match_intent(payments: dict[str, Payment], truth: Truth) -> None:
    """A link or an address that a person may see is that of the payment it stands for, unless it was a guess."""
    requested = {row.vendor_id: row.intent for row in truth.rows}
    for payment in payments.values():
        shown = payment.url or payment.address
        if (
            payment.vendor_payment_id
            and payment.exception == PaymentException.NONE
            and requested[payment.vendor_payment_id] != payment.payment_id
        ):
            raise Violation(
                f"13: {payment.payment_id} stands for {payment.vendor_payment_id}{shown and ' and shows it'}"
            )


def _absent_is_absent(payments: dict[str, Payment], truth: Truth) -> None:
    """The vendor is never slower than the policy waits, so what was declared absent is nowhere.

    A row that its list has dropped since may never have been in a list that was read.
    """
    for row in truth.rows:
        if not truth.habits.shows(row, truth.now()):
            continue
        payment = payments.get(row.intent or "")
        if payment and payment.state in NOTHING_THERE and payment.payment_id not in truth.forgotten:
            raise Violation(f"7: {row.intent} is {payment.state} and is at the vendor as {row.vendor_id}")


def _paid_at_the_vendor(payment: Payment, state: str, at: datetime, truth: Truth) -> None:
    row = next(row for row in truth.rows if row.vendor_id == payment.vendor_payment_id)
    if not _before(row.paid_at, at):
        raise Violation(f"7: {payment.payment_id} became {state} at {at}, paid at {row.paid_at}")
    if state == State.CREDITED and payment.credit is None:
        raise Violation(f"7: {payment.payment_id} is credited without a rise of the balance")


def _money_arrived(payment: Payment, credited: int, at: datetime, truth: Truth) -> None:
    """As much arrived as was credited so far, and since its request as much as this payment is."""
    requested_at = payment.sending_at or payment.created_at
    arrived = sum(cents for time, cents in truth.arrivals if time <= at)
    since = sum(cents for time, cents in truth.arrivals if requested_at < time <= at)
    if arrived < credited or since < (payment.vendor_amount_cents or payment.amount_cents):
        raise Violation(f"7: {payment.payment_id} became CREDITED at {at}, of {credited} cents {arrived} arrived")


def _before(earlier: datetime | None, later: datetime) -> bool:
    return earlier is not None and earlier <= later
