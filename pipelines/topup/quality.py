"""Judges the top-ups by their facts: pure functions, one per check, each with the limit it holds the facts against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from assets.quality.checks import Finding
from pipelines.topup.facts import TopupFacts
from topups.advance import ends_at
from topups.amounts import usd
from topups.credit import jumps, taken
from topups.ledger import Payment
from topups.rules import WINDOWS
from topups.states import State
from topups.telling import LEVELS

# A smaller rise of the balance is the refund of an order.
SMALLEST_CREDIT_CENTS = 100
WAITED_FOR = (State.UNKNOWN, State.NEEDS_HUMAN)
UNPAID = (State.OPEN, State.UNDERPAID_WAITING)
ARRIVING = (State.PAID, State.PAID_LATE)


def outcomes_known(facts: TopupFacts) -> Finding:
    """No request has an unknown outcome; an error once one waits for a person, or for longer than allowed."""
    found = [payment for payment in facts.payments if payment.state in WAITED_FOR]
    waited = max((facts.now - (p.sending_at or p.created_at) for p in found), default=timedelta())
    limit = facts.policy.unknown_max_age
    severe = waited > limit or any(payment.state == State.NEEDS_HUMAN for payment in found)
    numbers = {"waiting_seconds": round(waited.total_seconds()), "limit_seconds": round(limit.total_seconds())}
    return Finding(not found, _named(found) or "every outcome is known", severe, numbers)


def paid_in_time(facts: TopupFacts) -> Finding:
    """Nobody lets a payment run out: a warning when half of its time is over, an error when nine tenths are."""
    parts = [(payment, _part_over(payment, facts)) for payment in facts.payments if payment.state in UNPAID]
    late = [(payment, part) for payment, part in parts if part >= 0.5]
    most = max((part for _, part in late), default=0.0)
    said = "; ".join(f"{_name(payment)}: {part:.0%} of its time is over" for payment, part in late)
    return Finding(not late, said or "no payment waits for long", most >= 0.9, {"part": round(most, 2), "limit": 0.5})


def money_arrived(facts: TopupFacts) -> Finding:
    """What was paid shows in the balance."""
    limit = facts.policy.credit_wait
    late = [p for p in facts.payments if p.state in ARRIVING and facts.now - p.state_since >= limit]
    said = _named(late) or "nothing paid is missing"
    return Finding(not late, said, True, {"late": len(late), "limit_seconds": round(limit.total_seconds())})


def credits_explained(facts: TopupFacts) -> Finding:
    """Each larger rise of the balance in the last day comes from a payment that the ledger knows."""
    used = taken(list(facts.payments))
    left = {jump: jump.cents - used.get(jump.seq, 0) for jump in jumps(facts.balances)}
    unexplained = {jump: cents for jump, cents in left.items() if cents >= SMALLEST_CREDIT_CENTS}
    said = "; ".join(f"{usd(cents)} at {jump.at:%Y-%m-%d %H:%M} UTC" for jump, cents in unexplained.items())
    numbers = {"unexplained_cents": sum(unexplained.values()), "limit_cents": SMALLEST_CREDIT_CENTS}
    return Finding(not unexplained, said or "every rise of the balance is explained", False, numbers)


def caps_left(facts: TopupFacts) -> Finding:
    """The limits on what is asked for per day, week and month: a warning at 80 and 90 %, an error at 100 %."""
    used = {str(reason): _used(facts, name, window) for reason, name, window in WINDOWS}
    known = {cap: percent for cap, percent in used.items() if percent is not None}
    reached = {cap: max(level for level in LEVELS if level <= p) for cap, p in known.items() if p >= LEVELS[0]}
    said = ", ".join(f"{cap}: at least {level} % used" for cap, level in reached.items())
    severe = LEVELS[-1] in reached.values()
    return Finding(not reached, said or "all limits have room", severe, {**known, "limit_percent": LEVELS[0]})


def looked_lately(facts: TopupFacts) -> Finding:
    """Balance and list of payments were seen lately, unless there is nothing to look after."""
    limit = facts.policy.balance_max_age
    if facts.policy.mode == "off" and not facts.snapshot.payments:
        return Finding(True, "mode is off and nothing is to be followed")
    seen = {"balance": facts.balances[-1].at if facts.balances else None, "list of payments": facts.listed_at}
    old = [what for what, at in seen.items() if at is None or facts.now - at > limit]
    said = f"not seen for {round(limit.total_seconds())} s or more: {', '.join(old)}" if old else "seen lately"
    return Finding(not old, said, True, {"limit_seconds": round(limit.total_seconds())})


Check = Callable[[TopupFacts], Finding]
CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (outcomes_known, paid_in_time, money_arrived, credits_explained, caps_left, looked_lately)
}


def _part_over(payment: Payment, facts: TopupFacts) -> float:
    begin, end = payment.sending_at or payment.created_at, ends_at(payment, facts.policy)
    return (facts.now - begin) / (end - begin) if end > begin else 1.0


def _used(facts: TopupFacts, name: str, window: timedelta) -> int | None:
    """Percent of a cap that is used, rounded down; None where no cap is set."""
    limit = getattr(facts.policy, name)
    if not limit:
        return None
    return facts.snapshot.created_cents(facts.now - window - facts.policy.unknown_quiescence) * 100 // int(limit)


def _name(payment: Payment) -> str:
    return f"{payment.payment_id} over {usd(payment.amount_cents)}"


def _named(payments: Sequence[Payment]) -> str:
    return "; ".join(
        f"{_name(payment)} is {payment.state} since {payment.state_since:%Y-%m-%d %H:%M} UTC" for payment in payments
    )
