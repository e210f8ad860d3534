"""Imports the payments that others made at the vendor as EXTERNAL."""

from collections.abc import Callable
from datetime import datetime

from topups.decision.rules import max_reorder_point_cents
from topups.decision.snapshot import PaymentView
from topups.gateway import PaymentList, VendorPayment
from topups.ledger import continuity
from topups.ledger.models import ExternalPayment, OutboxMessage, Payment, external_payment
from topups.ledger.schema import ALL_ACCOUNTS
from topups.notifications import rules
from topups.payment_states import OUTCOME_PENDING, PaymentException, State
from topups.policy import DAY
from topups.vendor import statuses as vendor_statuses
from topups.workflow.context import Checkpoint, ReconcileReport, TopUpContext
from topups.workflow.opening import find_by_id, unmatched_rows

# Balances that are looked at to recognise an amount, and how far they may be apart.
MAX_BALANCES = 50
SMALL_SPREAD_CENTS = 100


def adopt_external_payments(
    context: TopUpContext, listing: PaymentList, payments: list[Payment], report: ReconcileReport
) -> None:
    """Imports every row without a ledger payment as EXTERNAL, all of them in one transaction.

    Not while the outcome of a request is open: the row may be its payment. ``payments`` were read after the list, so a
    request that went out in between is among them, at least in SENDING.
    """
    ledger, account = context.ledger, context.account_id
    tracked_ids = {payment.vendor_payment_id for payment in payments}
    if all(row.vendor_id in tracked_ids for row in listing.rows):
        return
    if any(payment.state in OUTCOME_PENDING for payment in payments):
        return
    unmatched = unmatched_rows(context, listing)
    if not unmatched:
        return
    balances = ledger.observations(account, "balance", limit=1)
    baseline = balances[0].seq if balances else None
    now = context.clock.now()
    attribute = _attribution(context, listing, now)
    externals, notices = [], []
    ids = [context.ids.new(now) for _ in unmatched]
    for row, payment_id in zip(unmatched, ids, strict=True):
        exception = attribute(row)
        final = row.status in vendor_statuses.FINAL
        externals.append(ExternalPayment(payment_id, row, exception, None if final else baseline))
        notices += _notices(payment_id, row, exception, now)
    inserted = ledger.insert_external(account, externals, notices, now)
    context.checkpoint(Checkpoint.ADOPTED)
    report.adopted += [payment.payment_id for payment in inserted]


def unrecorded_payments(
    context: TopUpContext, listing: PaymentList, payments: list[Payment], doubts: datetime | None
) -> list[PaymentView]:
    """The payments that the next run would import, named by the vendor's ids, for a decision that records nothing.

    ``doubts`` is until when that run would doubt the ledger.
    """
    now = context.clock.now()
    unmatched = unmatched_rows(context, listing)
    if not unmatched or any(payment.state in OUTCOME_PENDING for payment in payments):
        return []
    attribute = _attribution(context, listing, now, doubts, is_recorded=False)
    externals = (ExternalPayment(row.vendor_id, row, attribute(row), None) for row in unmatched)
    imported = [external_payment(context.account_id, external, now) for external in externals]
    return [
        PaymentView(
            *(p.payment_id, p.state, p.exception, p.amount_cents, p.counted_at, False),
            vendor_status=p.vendor_status,
            ends_at=p.ends_at,
            rail=p.rail,
        )
        for p in imported
    ]


def _attribution(
    context: TopUpContext,
    listing: PaymentList,
    now: datetime,
    further_doubts: datetime | None = None,
    *,
    is_recorded: bool = True,
) -> Callable[[VendorPayment], PaymentException]:
    """Who made a row that is new to the ledger, as far as the ledger can tell."""
    ledger, account, policy = context.ledger, context.account_id, context.policy
    unresolved = ledger.payments(account, (State.NOT_CREATED, State.NEEDS_HUMAN), 20)
    watch = continuity.read_watch(ledger, account, listing, policy, is_recorded=is_recorded)
    account_until, common = (ledger.controls(name).unproven_until for name in (account, ALL_ACCOUNTS))
    doubts = max(filter(None, (account_until, common, further_doubts)), default=None)
    is_intact = common is None or common <= now
    looks_like_ours = own_amounts(context, watch.since) if watch.since and is_intact else lambda _: False

    def attribute(row: VendorPayment) -> PaymentException:
        if any(_may_be_duplicate(payment, row, now) for payment in unresolved):
            return PaymentException.DUPLICATE_SUSPECTED
        if looks_like_ours(row.amount_cents):
            return PaymentException.OTHER_LEDGER
        unproven = not watch.steady or (doubts is not None and now < doubts)
        return PaymentException.UNPROVEN if unproven else PaymentException.EXTERNAL

    return attribute


def own_amounts(context: TopUpContext, watched: datetime) -> Callable[[int], bool]:
    """Tells amounts that this program requested, or would have requested, for payments made since ``watched``.

    Those of its requests since ``unknown_quiescence`` before, and what was missing to the target at the balances of
    that time while these were low. Between two balances that are close the other program may have seen a third one; a
    whole number of dollars in between is rather a person's.
    """
    policy, ledger, account = context.policy, context.ledger, context.account_id
    if policy.mode not in ("approve", "auto") or policy.problems() or policy.list_shows_paid_only:
        return lambda _: False
    since = watched - policy.unknown_quiescence
    recent = ledger.tracked_payments(account, since)
    requested = {p.amount_cents for p in recent if p.sending_at and p.sending_at > since}
    assert policy.target_cents is not None
    observed = ledger.observations(account, "balance", limit=MAX_BALANCES)
    figures = [o.figure for o in observed if o.figure is not None and o.at > since]
    missing = {policy.target_cents - cents for cents in figures if cents < max_reorder_point_cents(policy)}
    if missing and max(missing) - min(missing) <= SMALL_SPREAD_CENTS:
        missing |= {cents for cents in range(min(missing), max(missing)) if cents % 100}
    if policy.fingerprint:  # the odd cents are another ledger's
        missing = {cents // 100 - dollar for cents in missing for dollar in (0, 1)}
        return lambda cents: cents in requested or (cents % 100 != 0 and cents // 100 in missing)
    return lambda cents: cents in requested or cents in missing


def _notices(payment_id: str, row: VendorPayment, exception: PaymentException, now: datetime) -> list[OutboxMessage]:
    if exception == PaymentException.DUPLICATE_SUSPECTED:
        return [rules.payment_notice(payment_id, "duplicate")]
    if exception == PaymentException.OTHER_LEDGER:
        return [rules.payment_notice(payment_id, "other_ledger")]
    blocks = vendor_statuses.is_payable_or_pending(row.status, row.ends_at, now, row.created_at)
    return [rules.payment_notice(payment_id, "external")] if blocks else []


def _may_be_duplicate(unresolved: Payment, row: VendorPayment, now: datetime) -> bool:
    """Whether an unmatched row may be the late payment of a request that was given up.

    Its amount proves nothing: the vendor may have changed it.
    """
    recent = unresolved.sending_at is not None and now - unresolved.sending_at < DAY
    return recent or find_by_id(unresolved.create_response, [row]) is not None
