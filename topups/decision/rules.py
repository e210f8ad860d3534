"""The rules of a decision, one function each, and the order in which they decide.

A rule sees the snapshot, the policy and the time of the decision, nothing else. It returns a measured value, its limit,
and whether the rule passes. The rules about the amount get it from ``sizing``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from topups import payment_methods
from topups.decision.reasons import Decision, Finding, Reason
from topups.decision.sizing import sized_payment, trigger_cents
from topups.decision.snapshot import PaymentFact, Snapshot
from topups.money import ABSURD_CENTS, usd
from topups.payment_states import State
from topups.policy import DAY, Policy
from topups.vendor_statuses import blocks

WINDOWS = (
    (Reason.CAP_DAY, "cap_day_cents", DAY),
    (Reason.CAP_WEEK, "cap_week_cents", 7 * DAY),
    (Reason.CAP_MONTH, "cap_month_cents", 30 * DAY),
)
AT_THE_VENDOR = (State.OPEN, State.CONFIRMING, State.UNDERPAID_WAITING, State.LOCKED, State.LATE_CONFIRMING)


def evaluate_rules(snapshot: Snapshot, policy: Policy, now: datetime) -> tuple[list[Finding], Decision | None]:
    """Every rule in the order in which they decide, and the payment that they were evaluated for.

    Ends early, without a payment, where later rules have nothing to measure: no complete policy, or no balance.
    """
    results = preflight(snapshot, policy)
    if not results[1].passed:
        return results, None
    results += [clock(snapshot, policy, now), balance_readable(snapshot)]
    if snapshot.balance is None:
        return results, None
    low = balance_low(snapshot, policy)
    payment = sized_payment(snapshot, policy, low.figure)
    amount = payment.amount_cents
    results += [
        balance_fresh(snapshot, policy, now),
        low,
        outcome_known(snapshot),
        credited(snapshot, policy, now),
        list_readable(snapshot),
        list_complete(snapshot),
        none_open(snapshot, now),
        none_in_flight(snapshot),
        breaker_closed(snapshot, policy),
        backed_off(snapshot, policy, now),
        cooled_down(snapshot, policy, now),
        count_left(snapshot, policy, now),
        coin_allowed(policy),
        large_enough(amount, policy),
        small_enough(amount, policy),
        exposed(amount, snapshot, policy),
        *caps_left(amount, snapshot, policy, now),
        person_agreed(snapshot, policy, now),
        Finding(Reason.DRY_RUN_WOULD_CREATE, policy.mode != "dry_run", payment.why, ""),
    ]
    return results, payment


def preflight(snapshot: Snapshot, policy: Policy) -> list[Finding]:
    """The rules that need no vendor call: the mode, a complete policy, no kill switch."""
    return [switched_on(policy), complete(policy), not_killed(snapshot)]


def switched_on(policy: Policy) -> Finding:
    """``off`` plans and pays nothing."""
    return Finding(Reason.DISABLED, policy.mode != "off", f"mode is {policy.mode}", "dry_run, approve or auto")


def complete(policy: Policy) -> Finding:
    """Without limits nothing is paid."""
    problems = policy.problems()
    return Finding(Reason.NO_POLICY, not problems, "; ".join(problems) or "all limits are set", "")


def not_killed(snapshot: Snapshot) -> Finding:
    """Either kill switch stops."""
    on = "the environment's kill switch is on" if snapshot.killed else snapshot.paused
    return Finding(Reason.KILL_SWITCH, not on, on or "no kill switch is on", "")


def clock(snapshot: Snapshot, policy: Policy, now: datetime) -> Finding:
    """A clock that ran backwards, or is far from the vendor's, cannot judge windows and deadlines.

    Where the vendor's clock confirms ours, a ledger from the future was written when ours was wrong: that passes.
    """
    balance = snapshot.balance
    confirmed = balance is not None and balance.vendor_at is not None
    known = [at for at in (None if confirmed else snapshot.ledger_at, balance and balance.at) if at]
    behind = max((at - now for at in known), default=timedelta())
    skew = abs(balance.vendor_at - balance.at) if balance and balance.vendor_at else timedelta()
    worst = max(behind, skew)
    return Finding(Reason.CLOCK_SUSPECT, worst <= policy.clock_skew, f"{_span(worst)} off", _span(policy.clock_skew))


def balance_readable(snapshot: Snapshot) -> Finding:
    """No balance, a negative or an absurd one: something is wrong that money does not cure."""
    if snapshot.balance is None:
        return Finding(Reason.BALANCE_UNREADABLE, False, snapshot.balance_problem or "no balance is known", "")
    fits = 0 <= snapshot.balance.cents <= ABSURD_CENTS
    return Finding(Reason.BALANCE_UNREADABLE, fits, usd(snapshot.balance.cents), f"0 to {usd(ABSURD_CENTS)}")


def balance_fresh(snapshot: Snapshot, policy: Policy, now: datetime) -> Finding:
    """A decision on an old balance pays twice."""
    assert snapshot.balance
    age = now - snapshot.balance.at
    limit = policy.balance_max_age
    return Finding(Reason.BALANCE_STALE, age <= limit, f"the balance is {_span(age)} old", _span(limit))


def balance_low(snapshot: Snapshot, policy: Policy) -> Finding:
    """Passes when the balance calls for a payment."""
    assert snapshot.balance
    at = trigger_cents(snapshot, policy)
    figure = f"{usd(snapshot.balance.cents)} is {'' if snapshot.balance.cents < at else 'not '}below {usd(at)}"
    return Finding(Reason.BALANCE_OK, snapshot.balance.cents < at, figure, "")


def outcome_known(snapshot: Snapshot) -> Finding:
    """A payment may exist that nobody has found yet."""
    found = _in_states(snapshot.payments, (State.UNKNOWN, State.NEEDS_HUMAN))
    return Finding(Reason.OUTCOME_UNKNOWN, not found, _names(found), "none")


def credited(snapshot: Snapshot, policy: Policy, now: datetime) -> Finding:
    """Paid money that has not arrived will, whoever paid it.

    Ours holds its slot until it has. A person's, which spending may hide, is waited for only for a while.
    """
    theirs = [p for p in snapshot.payments if p.arriving_since and now - p.arriving_since < policy.credit_wait]
    found = [*_in_states(snapshot.payments, (State.PAID, State.PAID_LATE)), *theirs]
    return Finding(Reason.PAID_NOT_CREDITED, not found, _names(found), "none")


def none_open(snapshot: Snapshot, now: datetime) -> Finding:
    """Nothing payable or confirming at the vendor, whoever made it."""
    ours = {payment.payment_id for payment in _in_states(snapshot.payments, AT_THE_VENDOR)}
    if snapshot.listing is None:
        ours |= {p.payment_id for p in _in_states(snapshot.payments, (State.EXTERNAL,)) if _blocks(p, now)}
    theirs = snapshot.listing.blocking if snapshot.listing else ()
    passed = not ours and not theirs
    figure = f"payable or confirming: {', '.join([*sorted(ours), *theirs][:3]) or 'none'}"
    return Finding(Reason.PAYMENT_OPEN_AT_VENDOR, passed, figure, "none")


def none_in_flight(snapshot: Snapshot) -> Finding:
    """One payment at a time: the slot is free."""
    held = [payment for payment in snapshot.payments if payment.holds_slot]
    return Finding(Reason.IN_FLIGHT, not held, _names(held), "none")


def list_readable(snapshot: Snapshot) -> Finding:
    """Without the vendor's list nobody knows what is payable."""
    listing = snapshot.listing
    readable = listing is None or listing.at is not None
    figure = listing.problem if listing and not readable else "readable" if listing else "not asked for"
    return Finding(Reason.VENDOR_LIST_UNAVAILABLE, readable, figure, "")


def list_complete(snapshot: Snapshot) -> Finding:
    """A part of a list proves no absence."""
    listing = snapshot.listing
    whole = listing is None or listing.complete
    figure = listing.problem if listing and not whole else "complete" if listing else "not asked for"
    return Finding(Reason.VENDOR_LIST_INCOMPLETE, whole, figure, "")


def breaker_closed(snapshot: Snapshot, policy: Policy) -> Finding:
    """Durable: only a credited payment or a person closes it, no window does."""
    figure = f"{snapshot.failures} payments failed in a row"
    return Finding(
        Reason.BREAKER_OPEN, snapshot.failures < policy.breaker_failures, figure, f"{policy.breaker_failures}"
    )


def backed_off(snapshot: Snapshot, policy: Policy, now: datetime) -> Finding:
    """Each failure in a row waits longer."""
    if not snapshot.failures or snapshot.last_failure_at is None:
        return Finding(Reason.BACKOFF, True, "no failure to wait for", "")
    wait = policy.backoff[min(snapshot.failures, len(policy.backoff)) - 1]
    passed = now - snapshot.last_failure_at
    return Finding(Reason.BACKOFF, passed >= wait, f"{_span(passed)} since the last failure", _span(wait))


def cooled_down(snapshot: Snapshot, policy: Policy, now: datetime) -> Finding:
    """A pause after each payment, however it ended; a released one never reached the vendor."""
    freed = [p.slot_freed_at for p in snapshot.payments if p.slot_freed_at and p.state != State.RELEASED]
    if not freed:
        return Finding(Reason.COOLDOWN, True, "no payment before this one", _span(policy.cooldown))
    passed = now - max(freed)
    figure = f"{_span(passed)} since the last payment ended"
    return Finding(Reason.COOLDOWN, passed >= policy.cooldown, figure, _span(policy.cooldown))


def count_left(snapshot: Snapshot, policy: Policy, now: datetime) -> Finding:
    """So many payments in any 24 hours by the vendor's clock too, tried ones included."""
    window = _widened(DAY, policy)
    tries = snapshot.tries(now - window)
    limit = policy.creates_per_day
    return Finding(Reason.COUNT_CAP, tries < limit, f"{tries} in {_span(window)}", f"{limit}")


def coin_allowed(policy: Policy) -> Finding:
    """A wallet's currency and network are on the owner's lists."""
    if not payment_methods.RAILS[policy.rail].wallet:
        return Finding(Reason.NETWORK_NOT_ALLOWED, True, f"{policy.rail} leaves the coin to the payer", "")
    allowed = policy.currency in policy.currencies and policy.network in policy.networks
    limit = f"{', '.join(sorted(policy.currencies))} on {', '.join(sorted(policy.networks))}"
    return Finding(Reason.NETWORK_NOT_ALLOWED, allowed, f"{policy.currency} on {policy.network}", limit)


def large_enough(amount: int, policy: Policy) -> Finding:
    """The smallest payment worth making."""
    assert policy.amount_min_cents is not None
    return Finding(
        Reason.AMOUNT_BELOW_MIN, amount >= policy.amount_min_cents, usd(amount), usd(policy.amount_min_cents)
    )


def small_enough(amount: int, policy: Policy) -> Finding:
    """The largest payment ever."""
    assert policy.amount_max_cents is not None
    return Finding(
        Reason.AMOUNT_ABOVE_MAX, amount <= policy.amount_max_cents, usd(amount), usd(policy.amount_max_cents)
    )


def exposed(amount: int, snapshot: Snapshot, policy: Policy) -> Finding:
    """Prepaid money rarely comes back."""
    assert snapshot.balance and policy.exposure_limit_cents is not None
    total, limit = snapshot.balance.cents + snapshot.pending_cents() + amount, policy.exposure_limit_cents
    return Finding(Reason.EXPOSURE_CAP, total <= limit, f"{usd(total)} prepaid", usd(limit))


def caps_left(amount: int, snapshot: Snapshot, policy: Policy, now: datetime) -> list[Finding]:
    """Rolling windows over what was created, not over what was paid."""
    found = []
    for reason, name, days in WINDOWS:
        window, limit = _widened(days, policy), getattr(policy, name)
        spent = snapshot.created_cents(now - window)
        figure = f"{usd(spent)} in {_span(window)} and {usd(amount)} more"
        found.append(Finding(reason, spent + amount <= limit, figure, usd(limit)))
    return found


def person_agreed(snapshot: Snapshot, policy: Policy, now: datetime) -> Finding:
    """A payment that waits for a person's word lets no other begin."""
    waiting = snapshot.waiting()
    if waiting is None:
        return Finding(Reason.AWAITING_APPROVAL, True, "nothing waits for approval", "")
    age, limit = now - waiting.counted_at, policy.approval_life
    if age > limit:
        figure = f"{waiting.payment_id} waited {_span(age)}"
        return Finding(Reason.APPROVAL_EXPIRED, False, figure, _span(limit))
    agreed = waiting.approved_at is not None
    word = "is approved" if agreed else f"over {usd(waiting.amount_cents)} waits since {_span(age)}"
    return Finding(Reason.AWAITING_APPROVAL, agreed, f"{waiting.payment_id} {word}", _span(limit))


def _widened(window: timedelta, policy: Policy) -> timedelta:
    """What the vendor carries out late is created later than it was counted, by as much as the quiescence."""
    return window + policy.unknown_quiescence


def _in_states(payments: Iterable[PaymentFact], states: Iterable[State]) -> list[PaymentFact]:
    return [payment for payment in payments if payment.state in states]


def _names(payments: list[PaymentFact]) -> str:
    return ", ".join(f"{payment.payment_id} {payment.state}" for payment in payments[:3]) or "none"


def _blocks(payment: PaymentFact, now: datetime) -> bool:
    return blocks(payment.vendor_status, payment.ends_at, now)


def _span(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds} s"
