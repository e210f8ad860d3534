"""Whether a notice would be misleading by the time of its delivery."""

from datetime import datetime

from topups.decision.snapshot import Reason
from topups.ledger import outbox
from topups.ledger.blocked import read_blocked
from topups.ledger.ledger import Ledger
from topups.ledger.models import OutboxRow, Payment
from topups.notifications import rules
from topups.notifications.blocked_notices import BLOCKED, CONTINUES, UNBLOCKED
from topups.payment_states import State
from topups.policy import DAY
from topups.vendor.statuses import is_unknown

# A notice is sent only while its payment is in one of these states.
VALID_STATES = {
    **dict.fromkeys(rules.REQUESTS, rules.PAYABLE),
    "withdrawn": rules.PAYABLE | {State.CLOSED},
    "approval": frozenset({State.AWAITING_APPROVAL}),
    "needs_human": frozenset({State.NEEDS_HUMAN}),
    "credit_late": frozenset({State.PAID, State.PAID_LATE}),
}
# Nobody needs older news; a first address would get them all at once.
OLDEST = 2 * DAY


def stale_reason(ledger: Ledger, row: OutboxRow, payment: Payment | None, now: datetime) -> str:
    """Why a notice is not to be sent any more, or an empty text. Raises ``LedgerUnavailable``."""
    problem = _problem(ledger, row, payment, now)
    return f"{outbox.NOT_SENT}: {problem}" if problem else ""


def _problem(ledger: Ledger, row: OutboxRow, payment: Payment | None, now: datetime) -> str:
    if now - row.created_at > OLDEST:
        return "it is old"
    if row.kind.startswith(BLOCKED) or row.kind == UNBLOCKED:
        return _blocked_problem(ledger, row)
    if payment is None:
        return ""
    states = VALID_STATES.get(row.kind)
    if states is not None and payment.state not in states:
        return f"the payment is {payment.state}"
    if row.kind in rules.REQUESTS:
        return _request_problem(ledger, payment, now)
    if row.kind == "withdrawn":
        outcomes = outbox.payment_notices(ledger, payment.payment_id)
        requested = any(outcomes.get(kind) == outbox.DELIVERED for kind in rules.REQUESTS)
        return "" if requested else "nobody was asked to pay it"
    return ""


def _blocked_problem(ledger: Ledger, row: OutboxRow) -> str:
    blocked = read_blocked(ledger, row.account_id)
    if row.kind == UNBLOCKED:
        if blocked and blocked.reason not in CONTINUES | {Reason.NOT_EXECUTED}:
            return f"{blocked.reason} stops them"
        delivered_at = outbox.last_notice(ledger, row.account_id, f"{BLOCKED}%").delivered_at
        reported = delivered_at is not None and delivered_at.isoformat() > row.payload["after"]
        return "" if reported else "nobody was notified that they stopped"
    if blocked is None or blocked.reason != row.payload.get("reason"):
        return f"now it is {blocked.reason}" if blocked else "nothing stops them any more"
    return ""


def _request_problem(ledger: Ledger, payment: Payment, now: datetime) -> str:
    if not rules.may_request_payment(payment):
        return f"it is not to be paid, the vendor says {payment.vendor_status}"
    if is_unknown(payment.vendor_status):
        return f"it may be paid already, the vendor says {payment.vendor_status}"
    if payment.ends_at is not None and now >= payment.ends_at:
        return "its time is over"
    return "it is withdrawn" if "withdrawn" in outbox.payment_notices(ledger, payment.payment_id) else ""
