"""Health checks of the top-ups: what they read from the ledger, and one pure function per check.

Each check compares a measurement with its limit. The names of the functions are those of the Dagster asset checks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from assets.quality.checks import CheckResult
from pipelines.topups.state import TopUpState
from topups.decision.rules import WINDOWS
from topups.decision.snapshot import AccountSnapshot
from topups.evidence.arrivals import balance_increases
from topups.ledger import Ledger, Observation, Payment
from topups.money import usd
from topups.notifications.rules import CAP_LEVELS
from topups.payment_states import State, expires_at
from topups.policy import DAY, Policy
from topups.workflow.tracking.credit import matched_amounts

# A reconcile run every two minutes, and as many runs by hand or by the sensor.
OBSERVATIONS_PER_DAY = 1440
# A smaller increase of the balance is the refund of an order.
MIN_DEPOSIT_CENTS = 100
UNKNOWN_OUTCOMES = (State.UNKNOWN, State.NEEDS_HUMAN)
UNPAID = (State.OPEN, State.UNDERPAID_WAITING)
PAID = (State.PAID, State.PAID_LATE)


@dataclass(frozen=True)
class TopUpHealth:
    """What the checks measure: one account as of ``now``.

    ``payments`` are those that can still change and those that ended recently; ``balances`` the samples of the last
    day, oldest first; ``listed_at`` is the time of the last complete payment list.
    """

    now: datetime
    policy: Policy
    snapshot: AccountSnapshot
    payments: Sequence[Payment] = ()
    balances: Sequence[Observation] = ()
    listed_at: datetime | None = None


def load_health(ledger: Ledger, account_id: str, policy: Policy, now: datetime) -> TopUpHealth:
    """Reads what the checks measure. Raises ``LedgerUnavailable``."""
    lists = ledger.observations(account_id, "payments", limit=OBSERVATIONS_PER_DAY)
    balances = ledger.observations(account_id, "balance", limit=OBSERVATIONS_PER_DAY)
    return TopUpHealth(
        now,
        policy,
        ledger.snapshot(account_id, now),
        ledger.tracked_payments(account_id, now - max(policy.list_memory, policy.late_watch) - DAY),
        [sample for sample in reversed(balances) if now - sample.at <= DAY],
        next((payment_list.at for payment_list in lists if payment_list.complete), None),
    )


def no_unknown_outcomes(health: TopUpHealth) -> CheckResult:
    """No request has an unknown outcome; an error once a user has to look, or after the maximum age."""
    unknown = [payment for payment in health.payments if payment.state in UNKNOWN_OUTCOMES]
    age = max((health.now - (p.sending_at or p.created_at) for p in unknown), default=timedelta())
    limit = health.policy.unknown_max_age
    severe = age > limit or any(payment.state == State.NEEDS_HUMAN for payment in unknown)
    measurements = {"waiting_seconds": round(age.total_seconds()), "limit_seconds": round(limit.total_seconds())}
    return CheckResult(not unknown, _describe(unknown) or "every outcome is known", severe, measurements)


def open_invoices_paid_in_time(health: TopUpHealth) -> CheckResult:
    """No open payment runs out unpaid: a warning after half of its lifetime, an error after 90 %."""
    elapsed = [(payment, _elapsed_share(payment, health)) for payment in health.payments if payment.state in UNPAID]
    late = [(payment, share) for payment, share in elapsed if share >= 0.5]
    longest = max((share for _, share in late), default=0.0)
    message = "; ".join(f"{_label(payment)}: {share:.0%} of its time is over" for payment, share in late)
    measurements = {"elapsed_share": round(longest, 2), "limit": 0.5}
    return CheckResult(not late, message or "no payment waits for long", longest >= 0.9, measurements)


def paid_is_credited(health: TopUpHealth) -> CheckResult:
    """Every paid amount shows in the balance."""
    limit = health.policy.credit_wait
    late = [p for p in health.payments if p.state in PAID and health.now - p.state_since >= limit]
    measurements = {"late": len(late), "limit_seconds": round(limit.total_seconds())}
    return CheckResult(not late, _describe(late) or "nothing paid is missing", True, measurements)


def balance_increases_explained(health: TopUpHealth) -> CheckResult:
    """Each larger increase of the balance in the last day belongs to a payment in the ledger."""
    matched = matched_amounts(list(health.payments))
    unmatched = {
        increase: increase.cents - matched.get(increase.seq, 0) for increase in balance_increases(health.balances)
    }
    unexplained = {increase: cents for increase, cents in unmatched.items() if cents >= MIN_DEPOSIT_CENTS}
    message = "; ".join(f"{usd(cents)} at {rise.at:%Y-%m-%d %H:%M} UTC" for rise, cents in unexplained.items())
    measurements = {"unexplained_cents": sum(unexplained.values()), "limit_cents": MIN_DEPOSIT_CENTS}
    return CheckResult(not unexplained, message or "every rise of the balance is explained", False, measurements)


def spend_below_caps(health: TopUpHealth) -> CheckResult:
    """Requested amounts stay below the day, week and month caps: a warning at 80 and 90 %, an error at 100 %."""
    used = {str(reason): _used_percent(health, name, window) for reason, name, window in WINDOWS}
    percents = {cap: percent for cap, percent in used.items() if percent is not None}
    reached = {
        cap: max(level for level in CAP_LEVELS if level <= p) for cap, p in percents.items() if p >= CAP_LEVELS[0]
    }
    message = ", ".join(f"{cap}: at least {level} % used" for cap, level in reached.items())
    measurements = {**percents, "limit_percent": CAP_LEVELS[0]}
    return CheckResult(not reached, message or "all limits have room", CAP_LEVELS[-1] in reached.values(), measurements)


def observations_fresh(health: TopUpHealth) -> CheckResult:
    """Balance and payment list were read recently, unless there is nothing to track."""
    limit = health.policy.balance_max_age
    if health.policy.mode == "off" and not health.snapshot.payments:
        return CheckResult(True, "mode is off and nothing is to be followed")
    balance_at = health.balances[-1].at if health.balances else None
    observed = {"balance": balance_at, "list of payments": health.listed_at}
    old = [name for name, at in observed.items() if at is None or health.now - at > limit]
    seconds = round(limit.total_seconds())
    message = f"not seen for {seconds} s or more: {', '.join(old)}" if old else "seen lately"
    return CheckResult(not old, message, True, {"limit_seconds": seconds})


def topups_not_blocked(state: TopUpState) -> CheckResult:
    """No due top-up is stopped: a warning while it waits for approval, otherwise an error."""
    lines = "; ".join(state.lines())
    measurements = {
        "due": state.is_due,
        "state": state.state,
        "reason": str(state.reason or ""),
        "what_to_do": state.remedy,
    }
    if state.since:
        measurements["since"] = state.since.isoformat()
    return CheckResult(not state.is_blocked, lines, not state.waits_for_approval, measurements)


HealthCheck = Callable[[TopUpHealth], CheckResult]
CHECKS: dict[str, HealthCheck] = {
    check.__name__: check
    for check in (
        no_unknown_outcomes,
        open_invoices_paid_in_time,
        paid_is_credited,
        balance_increases_explained,
        spend_below_caps,
        observations_fresh,
    )
}


def _elapsed_share(payment: Payment, health: TopUpHealth) -> float:
    begin, end = payment.sending_at or payment.created_at, expires_at(payment, health.policy)
    return (health.now - begin) / (end - begin) if end > begin else 1.0


def _used_percent(health: TopUpHealth, name: str, window: timedelta) -> int | None:
    """Percent of a cap that is used, rounded down; None without a cap."""
    limit = getattr(health.policy, name)
    if not limit:
        return None
    return health.snapshot.created_cents(health.now - window - health.policy.unknown_quiescence) * 100 // int(limit)


def _label(payment: Payment) -> str:
    return f"{payment.payment_id} over {usd(payment.amount_cents)}"


def _describe(payments: Sequence[Payment]) -> str:
    return "; ".join(f"{_label(p)} is {p.state} since {p.state_since:%Y-%m-%d %H:%M} UTC" for p in payments)
