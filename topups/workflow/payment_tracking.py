"""Follows what is at the vendor: our payments along their states, and everybody else's as EXTERNAL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from topups import payment_verification, vendor_statuses
from topups.gateway import PaymentList, VendorPayment
from topups.ledger.models import Payment
from topups.notifications import rules
from topups.payment_states import UNRESOLVED, Oddity, State, next_state, oddity
from topups.policy import DAY
from topups.workflow import matching
from topups.workflow.context import Checkpoint, Context
from topups.workflow.outcome import unclaimed, verified
from topups.workflow.reconcile_report import Reconciled, move_to
from topups.workflow.vendor_snapshots import look_at_transaction

MOST_STEPS = 6


def follow(context: Context, known: list[Payment], done: Reconciled) -> None:
    """Moves each known payment to where the vendor's word leads."""
    rows = {row.vendor_id: row for row in done.listing.rows} if done.listing else {}
    for payment in known:
        if payment.vendor_payment_id is None:
            continue
        row = rows.get(payment.vendor_payment_id)
        if row is None and payment.slot and done.listing and payment.state != State.PAID:
            _follow_transaction(context, payment, done)
        elif row is not None:
            _follow_row(context, payment, row, done)


def _follow_row(context: Context, payment: Payment, row: VendorPayment, done: Reconciled) -> None:
    current: Payment | None = payment
    news = _news(payment, row, context.now())
    if any(getattr(payment, name) != value for name, value in news.items()):
        current = context.ledger.note(payment, "seen", context.now(), news)
        done.noted += 1
        context.checkpoint(Checkpoint.MOVED)
    if current and current.state == State.OPEN and not (current.url or current.address):
        current = _describe(context, current, row)
    if current and current.state != State.EXTERNAL:
        _advance(context, current, row.status, done)


def _describe(context: Context, payment: Payment, row: VendorPayment) -> Payment | None:
    """Asks again for the link or address of an open payment that nobody could verify yet."""
    if payment_verification.row_problem(row, payment.order):
        return payment
    told = look_at_transaction(context, row.vendor_id)
    guessed = payment.exception == Oddity.ADOPTED
    shown = verified(context, payment, row, told, guessed=guessed)
    if not shown:
        return payment
    tell = [rules.about(payment.payment_id, "pay_link")]
    described = context.ledger.note(payment, "verified", context.now(), shown, tell)
    context.checkpoint(Checkpoint.MOVED)
    return described


def _follow_transaction(context: Context, payment: Payment, done: Reconciled) -> None:
    told = look_at_transaction(context, payment.vendor_payment_id or "")
    if told and told.status:
        _advance(context, payment, told.status, done)


def _advance(context: Context, payment: Payment, status: str, done: Reconciled) -> None:
    current: Payment | None = payment
    for _ in range(MOST_STEPS):
        to = next_state(current, status, context.now(), context.policy) if current else None
        if current is None or to is None:
            return
        changes = {"exception": oddity(current, to, status), "vendor_status": status}
        current = move_to(context, current, to, done, current.detail, **changes)


def _news(payment: Payment, row: VendorPayment, now: datetime) -> dict[str, Any]:
    """What the row says of the payment. The first amount stays: a list that changes it is not to be trusted.

    Somebody else's payment has one state only; since when it is paid is what one may want to know of it.
    """
    newly_paid = row.status in vendor_statuses.PAID and payment.vendor_status not in vendor_statuses.PAID
    return {
        "vendor_status": row.status,
        "ends_at": row.ends_at or payment.ends_at,
        "listed_at": payment.listed_at or now,
        "session_id": row.session_id or payment.session_id,
        "state_since": now if newly_paid and payment.state == State.EXTERNAL else payment.state_since,
        "vendor_amount_cents": row.amount_cents if payment.vendor_amount_cents is None else payment.vendor_amount_cents,
    }


def adopt(context: Context, listing: PaymentList, known: list[Payment], done: Reconciled) -> None:
    """Every row that nobody here knows becomes an EXTERNAL payment.

    Not while a request of ours is unresolved: the row may be its outcome. ``known`` was read after the list, so a
    row of a request that went out meanwhile finds its payment there, at least in SENDING.
    """
    ledger, account = context.ledger, context.account_id
    ours = {payment.vendor_payment_id for payment in known}
    if all(row.vendor_id in ours for row in listing.rows):
        return
    if any(payment.state in UNRESOLVED for payment in known):
        return
    strays = unclaimed(context, listing)
    if not strays:
        return
    lost = ledger.payments(account, (State.NOT_CREATED, State.NEEDS_HUMAN), 20)
    balances = ledger.observations(account, "balance", limit=1)
    baseline = balances[0].seq if balances else None
    for row in strays:
        suspected = any(_may_be(payment, row, context) for payment in lost)
        kind = Oddity.DUPLICATE_SUSPECTED if suspected else Oddity.EXTERNAL
        final = row.status in vendor_statuses.FINAL
        now = context.now()
        adopted = ledger.adopt(account, context.ids.new(now), row, kind, now, None if final else baseline)
        context.checkpoint(Checkpoint.ADOPTED)
        if adopted:
            done.adopted.append(adopted.payment_id)
            if suspected or vendor_statuses.blocks(row.status, row.ends_at, now):
                kind_of_notice = "duplicate" if suspected else "external"
                ledger.announce(account, [rules.about(adopted.payment_id, kind_of_notice)], now)


def _may_be(lost: Payment, row: VendorPayment, context: Context) -> bool:
    """Whether a stray row may be the late outcome of a request that was given up.

    Its amount says nothing: the vendor may have changed it.
    """
    recent = lost.sending_at is not None and context.now() - lost.sending_at < DAY
    return recent or matching.named(lost.claimed, [row]) is not None
