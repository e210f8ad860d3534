"""The rules of a decision, one function each, and the order in which they decide.

A rule sees the snapshot, the policy and the time of the decision, nothing else. It returns a measured value, its limit,
and whether the rule passes. The rules about the amount get it from ``sizing``.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from topups import payment_methods
from topups.decision.snapshot import AccountSnapshot, BurnForecast, PaymentView, Reason, RuleResult
from topups.money import MAX_PLAUSIBLE_CENTS, usd
from topups.payment_states import State
from topups.policy import DAY, Policy
from topups.vendor.statuses import is_payable_or_pending

WINDOWS = (
    (Reason.CAP_DAY, "cap_day_cents", DAY),
    (Reason.CAP_WEEK, "cap_week_cents", 7 * DAY),
    (Reason.CAP_MONTH, "cap_month_cents", 30 * DAY),
)
NEVER_SENT = (State.RELEASED, State.NOT_SENT)
OPEN_AT_VENDOR = (State.OPEN, State.CONFIRMING, State.UNDERPAID_WAITING, State.LOCKED, State.LATE_CONFIRMING)


def preflight_rules(snapshot: AccountSnapshot, policy: Policy) -> list[RuleResult]:
    """The rules that need no vendor call: the mode, a complete policy, no kill switch."""
    return [mode_enabled(policy), policy_complete(policy), kill_switch_off(snapshot)]


def mode_enabled(policy: Policy) -> RuleResult:
    """``off`` plans nothing and requests nothing."""
    return RuleResult(Reason.DISABLED, policy.mode != "off", f"mode is {policy.mode}", "dry_run, approve or auto")


def policy_complete(policy: Policy) -> RuleResult:
    """Without all limits nothing is requested."""
    problems = policy.problems()
    return RuleResult(Reason.NO_POLICY, not problems, "; ".join(problems) or "all limits are set", "")


def kill_switch_off(snapshot: AccountSnapshot) -> RuleResult:
    """Either kill switch stops."""
    on = "the environment's kill switch is on" if snapshot.killed else snapshot.paused
    return RuleResult(Reason.KILL_SWITCH, not on, on or "no kill switch is on", "")


def clock_in_sync(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> RuleResult:
    """A clock that ran backwards, or is far from the vendor's, cannot measure windows and deadlines.

    If the vendor's clock confirms ours, a ledger from the future was written while ours was wrong, and the rule passes.
    """
    if snapshot.clock_problem:
        return RuleResult(Reason.CLOCK_SUSPECT, False, snapshot.clock_problem, "")
    balance = snapshot.balance
    confirmed = balance is not None and balance.vendor_at is not None
    timestamps = [at for at in (None if confirmed else snapshot.ledger_at, balance and balance.at) if at]
    behind = max((at - now for at in timestamps), default=timedelta())
    skew = abs(balance.vendor_at - balance.at) if balance and balance.vendor_at else timedelta()
    worst = max(behind, skew)
    return RuleResult(
        Reason.CLOCK_SUSPECT, worst <= policy.clock_skew, f"{_duration(worst)} off", _duration(policy.clock_skew)
    )


def balance_readable(snapshot: AccountSnapshot) -> RuleResult:
    """No balance, a negative or an implausible one: something is wrong that a payment does not fix."""
    if snapshot.balance is None:
        return RuleResult(Reason.BALANCE_UNREADABLE, False, snapshot.balance_problem or "no balance is known", "")
    fits = 0 <= snapshot.balance.cents <= MAX_PLAUSIBLE_CENTS
    return RuleResult(Reason.BALANCE_UNREADABLE, fits, usd(snapshot.balance.cents), f"0 to {usd(MAX_PLAUSIBLE_CENTS)}")


def balance_fresh(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> RuleResult:
    """A decision on an old balance could pay twice."""
    assert snapshot.balance
    age = now - snapshot.balance.at
    limit = policy.balance_max_age
    return RuleResult(Reason.BALANCE_STALE, age <= limit, f"the balance is {_duration(age)} old", _duration(limit))


def balance_low(snapshot: AccountSnapshot, policy: Policy) -> RuleResult:
    """Passes when the balance calls for a payment."""
    assert snapshot.balance
    reorder_point = reorder_point_cents(snapshot, policy)
    low = snapshot.balance.cents < reorder_point
    figure = f"{usd(snapshot.balance.cents)} is {'' if low else 'not '}below {usd(reorder_point)}"
    return RuleResult(Reason.BALANCE_OK, low, figure, "")


def units_agree(snapshot: AccountSnapshot, policy: Policy) -> RuleResult:
    """No payment of this payment method is in another unit than its settings say, until an operator closed it."""
    over = (State.CLOSED, State.REFUNDED)
    wrong = [p for p in snapshot.payments if p.units_disagree and p.rail == policy.rail and p.state not in over]
    figures = [f"payment {payment.payment_id}: {payment.instructions_problem}" for payment in wrong]
    return RuleResult(
        Reason.UNITS_DISAGREE,
        not wrong,
        "; ".join(figures) or "no amount contradicts its unit",
        "",
        wrong[0].payment_id if wrong else "",
    )


def outcome_known(snapshot: AccountSnapshot) -> RuleResult:
    """A payment may exist that has not been found yet."""
    unresolved = _in_states(snapshot.payments, (State.UNKNOWN, State.NEEDS_HUMAN))
    return _no_payment(Reason.OUTCOME_UNKNOWN, unresolved)


def paid_is_credited(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> RuleResult:
    """Paid money that has not arrived yet is going to.

    A payment of ours holds its slot until then. An external one, which spending may hide, is waited for during
    ``credit_wait``.
    """
    external = [p for p in snapshot.payments if p.arriving_since and now - p.arriving_since < policy.credit_wait]
    not_credited = [*_in_states(snapshot.payments, (State.PAID, State.PAID_LATE)), *external]
    return _no_payment(Reason.PAID_NOT_CREDITED, not_credited)


def nothing_payable(snapshot: AccountSnapshot, now: datetime) -> RuleResult:
    """Nothing is payable or confirming at the vendor, ours or external."""
    own_ids = {payment.payment_id for payment in _in_states(snapshot.payments, OPEN_AT_VENDOR)}
    if snapshot.listing is None:
        own_ids |= {p.payment_id for p in _in_states(snapshot.payments, (State.EXTERNAL,)) if _blocks(p, now)}
    vendor_ids = snapshot.listing.blocking if snapshot.listing else ()
    ids = [*sorted(own_ids), *vendor_ids]
    problems = [p.instructions_problem for p in snapshot.payments if p.payment_id in own_ids and p.instructions_problem]
    figure = "; ".join([f"payable or confirming: {', '.join(ids[:3]) or 'none'}", *problems])
    return RuleResult(Reason.PAYMENT_OPEN_AT_VENDOR, not ids, figure, "none", ids[0] if ids else "")


def slot_free(snapshot: AccountSnapshot) -> RuleResult:
    """One payment at a time: the slot is free."""
    holders = [payment for payment in snapshot.payments if payment.holds_slot]
    return _no_payment(Reason.IN_FLIGHT, holders)


def list_available(snapshot: AccountSnapshot) -> RuleResult:
    """Without the vendor's list it is unknown what is payable."""
    listing = snapshot.listing
    readable = listing is None or listing.at is not None
    figure = listing.problem if listing and not readable else "readable" if listing else "not asked for"
    return RuleResult(Reason.VENDOR_LIST_UNAVAILABLE, readable, figure, "")


def list_complete(snapshot: AccountSnapshot) -> RuleResult:
    """An incomplete list proves no absence."""
    listing = snapshot.listing
    complete = listing is None or listing.complete
    figure = listing.problem if listing and not complete else "complete" if listing else "not asked for"
    return RuleResult(Reason.VENDOR_LIST_INCOMPLETE, complete, figure, "")


def breaker_closed(snapshot: AccountSnapshot, policy: Policy) -> RuleResult:
    """Durable: only a credited payment or an operator closes the breaker, no window does."""
    figure = f"failed payments in a row: {snapshot.failures}"
    return RuleResult(
        Reason.BREAKER_OPEN, snapshot.failures < policy.breaker_failures, figure, f"{policy.breaker_failures}"
    )


def backoff_elapsed(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> RuleResult:
    """The wait after a failure grows with each failure in a row."""
    if not snapshot.failures or snapshot.last_failure_at is None:
        return RuleResult(Reason.BACKOFF, True, "no failure to wait for", "")
    wait = policy.backoff[min(snapshot.failures, len(policy.backoff)) - 1]
    passed = now - snapshot.last_failure_at
    return RuleResult(Reason.BACKOFF, passed >= wait, f"{_duration(passed)} since the last failure", _duration(wait))


def cooldown_elapsed(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> RuleResult:
    """A pause after each payment, however it ended. One that never reached the vendor does not count."""
    freed = [p.slot_freed_at for p in snapshot.payments if p.slot_freed_at and p.state not in NEVER_SENT]
    if not freed:
        return RuleResult(Reason.COOLDOWN, True, "no payment before this one", _duration(policy.cooldown))
    passed = now - max(freed)
    figure = f"{_duration(passed)} since the last payment ended"
    return RuleResult(Reason.COOLDOWN, passed >= policy.cooldown, figure, _duration(policy.cooldown))


def daily_count_below_cap(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> RuleResult:
    """At most ``creates_per_day`` attempts in a rolling 24 h, widened by ``unknown_quiescence`` for late commits."""
    window = _with_quiescence(DAY, policy)
    tries = snapshot.attempts(now - window)
    limit = policy.creates_per_day
    return RuleResult(Reason.COUNT_CAP, tries < limit, f"{tries} in {_duration(window)}", f"{limit}")


def network_allowed(policy: Policy) -> RuleResult:
    """Currency and network of a wallet are in the policy's allow-lists."""
    if not payment_methods.PAYMENT_METHODS[policy.rail].wallet:
        return RuleResult(Reason.NETWORK_NOT_ALLOWED, True, f"{policy.rail} leaves the coin to the payer", "")
    allowed = policy.currency in policy.currencies and policy.network in policy.networks
    limit = f"{', '.join(sorted(policy.currencies))} on {', '.join(sorted(policy.networks))}"
    return RuleResult(Reason.NETWORK_NOT_ALLOWED, allowed, f"{policy.currency} on {policy.network}", limit)


def amount_at_least_min(amount: int, policy: Policy) -> RuleResult:
    """The amount is not below the smallest allowed one."""
    assert policy.amount_min_cents is not None
    return RuleResult(
        Reason.AMOUNT_BELOW_MIN, amount >= policy.amount_min_cents, usd(amount), usd(policy.amount_min_cents)
    )


def amount_at_most_max(amount: int, policy: Policy) -> RuleResult:
    """The amount is not above the largest allowed one."""
    assert policy.amount_max_cents is not None
    return RuleResult(
        Reason.AMOUNT_ABOVE_MAX, amount <= policy.amount_max_cents, usd(amount), usd(policy.amount_max_cents)
    )


def exposure_below_cap(amount: int, snapshot: AccountSnapshot, policy: Policy) -> RuleResult:
    """Balance, pending payments and this one stay below the prepaid limit."""
    assert snapshot.balance and policy.exposure_limit_cents is not None
    total, limit = snapshot.balance.cents + snapshot.pending_cents() + amount, policy.exposure_limit_cents
    return RuleResult(Reason.EXPOSURE_CAP, total <= limit, f"{usd(total)} prepaid", usd(limit))


def spend_below_caps(amount: int, snapshot: AccountSnapshot, policy: Policy, now: datetime) -> list[RuleResult]:
    """Rolling windows over what was created, not over what was paid."""
    results = []
    for reason, name, days in WINDOWS:
        spent, limit = requested_cents(days, snapshot, policy, now), getattr(policy, name)
        figure = f"{usd(spent)} in {_duration(_with_quiescence(days, policy))} and {usd(amount)} more"
        results.append(RuleResult(reason, spent + amount <= limit, figure, usd(limit)))
    return results


def requested_cents(window: timedelta, snapshot: AccountSnapshot, policy: Policy, now: datetime) -> int:
    """What counts towards the cap of a rolling window at ``now``, in US cents."""
    return snapshot.created_cents(now - _with_quiescence(window, policy))


def approval_given(snapshot: AccountSnapshot, policy: Policy, now: datetime) -> RuleResult:
    """While a payment waits for approval no other one is created."""
    waiting = snapshot.pending_approval()
    if waiting is None:
        return RuleResult(Reason.AWAITING_APPROVAL, True, "nothing waits for approval", "")
    age, limit = now - waiting.counted_at, policy.approval_life
    if age > limit:
        figure = f"{waiting.payment_id} waited {_duration(age)}"
        return RuleResult(Reason.APPROVAL_EXPIRED, False, figure, _duration(limit), waiting.payment_id)
    approved = waiting.approved_at is not None
    status = "is approved" if approved else f"over {usd(waiting.amount_cents)} has waited {_duration(age)}"
    figure = f"{waiting.payment_id} {status}"
    return RuleResult(Reason.AWAITING_APPROVAL, approved, figure, _duration(limit), waiting.payment_id)


def _with_quiescence(window: timedelta, policy: Policy) -> timedelta:
    """A payment that the vendor commits late is created after it was counted, by up to the quiescence."""
    return window + policy.unknown_quiescence


def _in_states(payments: Iterable[PaymentView], states: Iterable[State]) -> list[PaymentView]:
    return [payment for payment in payments if payment.state in states]


def _no_payment(reason: Reason, payments: list[PaymentView]) -> RuleResult:
    """Passes without such a payment."""
    names = ", ".join(f"{payment.payment_id} {payment.state}" for payment in payments[:3])
    return RuleResult(reason, not payments, names or "none", "none", payments[0].payment_id if payments else "")


def _blocks(payment: PaymentView, now: datetime) -> bool:
    return is_payable_or_pending(payment.vendor_status, payment.ends_at, now, payment.counted_at)


def _duration(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds} s"


# If the threshold lasts longer than this at the present burn, the burn is not a leak.
LEAK_HORIZON_HOURS = 24


def reorder_point_cents(snapshot: AccountSnapshot, policy: Policy) -> int:
    """The balance below which a top-up is due: the threshold, or the forecast's earlier point."""
    assert policy.threshold_cents is not None
    forecast_point = min(snapshot.burn.reorder_cents, max_reorder_point_cents(policy)) if snapshot.burn else 0
    return max(policy.threshold_cents, forecast_point)


def max_reorder_point_cents(policy: Policy) -> int:
    """The highest re-order point of any forecast: above this balance none is needed to decide.

    A payment is then at least a third of the target, and never below the smallest allowed amount.
    """
    assert policy.target_cents is not None and policy.amount_min_cents is not None
    return min(policy.target_cents * 2 // 3, policy.target_cents - policy.amount_min_cents)


def is_anomalous(burn: BurnForecast, policy: Policy) -> bool:
    """Whether the burn is so far above the usual one that someone may be draining the account.

    Without a usual burn nothing is anomalous. Where the usual burn is close to zero, only the pace counts: it has to
    use up the threshold within a day.
    """
    if burn.normal_cents_per_hour is None:
        return False
    calm = (policy.threshold_cents or 0) / LEAK_HORIZON_HOURS
    return burn.cents_per_hour > max(policy.anomaly_factor * burn.normal_cents_per_hour, calm)
