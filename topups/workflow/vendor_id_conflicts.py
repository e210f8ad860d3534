"""A payment whose id at the vendor belongs to another payment of the ledger: only a person can tell which is right."""

from topups.ledger.models import OutboxMessage, Payment
from topups.payment_states import State
from topups.workflow.context import TopUpContext


def record_vendor_id_conflict(context: TopUpContext, payment: Payment, vendor_id: str) -> Payment | None:
    """Moves a payment without a known outcome to NEEDS_HUMAN. Its detail and a notice name the payment with the id.

    None if it is there already, or after a lost compare-and-swap.
    """
    ledger, now = context.ledger, context.clock.now()
    holder = ledger.payment_with_vendor_id(context.account_id, vendor_id)
    if holder is None:  # released since: the next run tries again
        return None
    detail = f"the vendor's payment {vendor_id} is already payment {holder.payment_id} ({holder.state}) of this ledger"
    notice = OutboxMessage("needs_human", f"{payment.payment_id}:vendor_id:{vendor_id}", {}, payment.payment_id)
    if payment.state == State.NEEDS_HUMAN:
        if payment.detail != detail:
            ledger.update_payment(payment, "vendor_id_taken", now, {"detail": detail}, [notice])
        return None
    if payment.state == State.SENDING:
        unknown = ledger.transition(payment, State.UNKNOWN, now, {"detail": detail})
        return unknown and ledger.transition(unknown, State.NEEDS_HUMAN, now, notices=[notice])
    return ledger.transition(payment, State.NEEDS_HUMAN, now, {"detail": detail}, [notice])
