"""Whether to ask for a payment, how large, and why not: pure, with a figure and a limit for every no."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from topup_fakes import ACCOUNT, POLICY, START

from topups.decision.evaluate import decide, evaluate, facts_fingerprint
from topups.decision.rules import clock_in_sync, reorder_point_cents
from topups.decision.snapshot import (
    AccountSnapshot,
    BurnForecast,
    PaymentPlan,
    PaymentView,
    Reason,
    Refusal,
    VendorListView,
)
from topups.gateway import Balance
from topups.payment_states import PaymentException, State
from topups.policy import REQUIRED, Policy, policy_from

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUIESCENCE_DAYS = POLICY.unknown_quiescence / DAY
LOW = AccountSnapshot(ACCOUNT, Balance(500, START))


def fact(state: State, cents: int = 2500, ago: timedelta = timedelta(days=40), **more: object) -> PaymentView:
    return PaymentView("p", state, PaymentException.NONE, cents, START - ago, holds_slot=False, **more)


def with_payments(*payments: PaymentView, **more: object) -> AccountSnapshot:
    return replace(LOW, payments=payments, **more)


def reason(snapshot: AccountSnapshot = LOW, policy: Policy = POLICY) -> Reason | None:
    decision = decide(snapshot, policy, START)
    return decision.reason if isinstance(decision, Refusal) else None


NOES = [
    (Reason.DISABLED, LOW, replace(POLICY, mode="off")),
    (Reason.NO_POLICY, LOW, replace(POLICY, cap_day_cents=None)),
    (Reason.NO_POLICY, LOW, replace(POLICY, target_cents=1400)),
    (Reason.NO_POLICY, LOW, replace(POLICY, rail="pay4bit")),
    (Reason.NO_POLICY, LOW, replace(POLICY, rail="v3_wallet", currency="BTC", network="TRON")),
    (Reason.KILL_SWITCH, replace(LOW, killed=True), POLICY),
    (Reason.KILL_SWITCH, replace(LOW, paused="paused by me"), POLICY),
    (Reason.CLOCK_SUSPECT, replace(LOW, ledger_at=START + timedelta(minutes=3)), POLICY),
    (Reason.CLOCK_SUSPECT, replace(LOW, balance=Balance(500, START, START + timedelta(minutes=3))), POLICY),
    (Reason.BALANCE_UNREADABLE, replace(LOW, balance=None), POLICY),
    (Reason.BALANCE_UNREADABLE, replace(LOW, balance=Balance(-1, START)), POLICY),
    (Reason.BALANCE_STALE, replace(LOW, balance=Balance(500, START - timedelta(minutes=11))), POLICY),
    (Reason.BALANCE_OK, replace(LOW, balance=Balance(1000, START)), POLICY),
    (Reason.OUTCOME_UNKNOWN, with_payments(fact(State.UNKNOWN)), POLICY),
    (Reason.OUTCOME_UNKNOWN, with_payments(fact(State.NEEDS_HUMAN)), POLICY),
    (Reason.PAID_NOT_CREDITED, with_payments(fact(State.PAID)), POLICY),
    (Reason.PAID_NOT_CREDITED, with_payments(fact(State.PAID_LATE)), POLICY),
    (Reason.PAYMENT_OPEN_AT_VENDOR, with_payments(fact(State.OPEN)), POLICY),
    (Reason.PAYMENT_OPEN_AT_VENDOR, with_payments(fact(State.LATE_CONFIRMING)), POLICY),
    (Reason.PAYMENT_OPEN_AT_VENDOR, with_payments(fact(State.EXTERNAL, ago=DAY, vendor_status="check")), POLICY),
    (Reason.PAYMENT_OPEN_AT_VENDOR, replace(LOW, listing=VendorListView(START, True, "", ("o",))), POLICY),
    (Reason.IN_FLIGHT, with_payments(fact(State.RESERVED)._replace(holds_slot=True)), POLICY),
    (Reason.IN_FLIGHT, with_payments(fact(State.UNDERPAID)._replace(holds_slot=True)), POLICY),
    (Reason.VENDOR_LIST_UNAVAILABLE, replace(LOW, listing=VendorListView(None, False, "HTTP 500")), POLICY),
    (Reason.VENDOR_LIST_INCOMPLETE, replace(LOW, listing=VendorListView(START, False, "a part")), POLICY),
    (Reason.BREAKER_OPEN, replace(LOW, failures=3, last_failure_at=START - 90 * DAY), POLICY),
    (Reason.BACKOFF, replace(LOW, failures=1, last_failure_at=START - 0.9 * HOUR), POLICY),
    (Reason.BACKOFF, replace(LOW, failures=2, last_failure_at=START - 3.9 * HOUR), POLICY),
    (Reason.COOLDOWN, with_payments(fact(State.CREDITED, slot_freed_at=START - 0.4 * HOUR)), POLICY),
    (Reason.COUNT_CAP, with_payments(*[fact(State.REJECTED, 1, HOUR)] * 3), POLICY),
    (Reason.CAP_DAY, with_payments(fact(State.CREDITED, 5501, 23 * HOUR)), POLICY),
    (Reason.CAP_WEEK, with_payments(fact(State.EXPIRED, 11_501, 6 * DAY)), POLICY),
    (Reason.CAP_MONTH, with_payments(fact(State.CLOSED, 29_501, 29 * DAY)), POLICY),
    (Reason.EXPOSURE_CAP, replace(LOW, balance=Balance(700, START)), replace(POLICY, exposure_cents=1199)),
    (Reason.AMOUNT_BELOW_MIN, LOW, replace(POLICY, amount_min_cents=2501)),
    (
        Reason.NETWORK_NOT_ALLOWED,
        LOW,
        replace(POLICY, rail="v3_wallet", currency="USDT", network="ETH"),
    ),
    (Reason.AWAITING_APPROVAL, with_payments(fact(State.AWAITING_APPROVAL, 2500, HOUR)), POLICY),
    (Reason.APPROVAL_EXPIRED, with_payments(fact(State.AWAITING_APPROVAL, 2500, 25 * HOUR)), POLICY),
    (Reason.OUTSIDE_HOURS, LOW, replace(POLICY, hours="10:00-22:00", time_zone="UTC")),
    (Reason.DRY_RUN_WOULD_CREATE, LOW, replace(POLICY, mode="dry_run")),
]


@pytest.mark.parametrize(("expected", "snapshot", "policy"), NOES)
def test_every_no_has_its_reason_and_its_facts(expected, snapshot, policy):
    decision = decide(snapshot, policy, START)
    assert isinstance(decision, Refusal)
    assert decision.reason == expected
    assert decision.explanation
    assert "\n" not in decision.explanation


def test_each_reason_that_a_decision_can_give_is_tried_here():
    outside_of_decide = {Reason.LEDGER_UNAVAILABLE, Reason.LOST_RACE, Reason.NOT_SENT_STALE, Reason.ANOMALOUS_BURN}
    outside_of_decide |= {Reason.AMOUNT_ABOVE_MAX}  # the amount is reduced to the largest one: see the rule's own test
    outside_of_decide |= {Reason.LEDGER_UNPROVEN, Reason.UNITS_DISAGREE, Reason.NOT_EXECUTED}
    assert {expected for expected, _, _ in NOES} == set(Reason) - outside_of_decide


def test_the_amount_fills_up_to_the_target():
    decision = decide(LOW, POLICY, START)
    assert isinstance(decision, PaymentPlan)
    assert (decision.amount_cents, decision.rail, decision.approval) == (2500, "v3_invoice", None)


@pytest.mark.promise("No payment is requested unless all seven limits are set.")
@pytest.mark.parametrize("name", REQUIRED)
def test_missing_limit_is_refused_with_its_setting(name):
    lines = replace(POLICY, **{name: None}).problems()
    assert lines == [f"SMSONLINE_TOPUP_{name.upper()} must be set: nothing is paid without these limits"]


def test_contradicting_limits_are_refused_by_name():
    lines = replace(POLICY, target_cents=1499, amount_min_cents=6000, cap_day_cents=13_000).problems()
    text = "\n".join(lines)
    for name in ("TARGET_CENTS", "THRESHOLD_CENTS", "AMOUNT_MIN_CENTS", "CAP_DAY_CENTS", "CAP_WEEK_CENTS"):
        assert f"SMSONLINE_TOPUP_{name}" in text


@pytest.mark.promise("Between two payments there are 30 minutes; after a failure 1, 4, then 24 hours.")
@pytest.mark.parametrize(("failures", "wait"), [(1, HOUR), (2, 4 * HOUR)])
def test_wait_between_payments_grows_with_failures(failures, wait):
    def after(waited: timedelta) -> Reason | None:
        return reason(replace(LOW, failures=failures, last_failure_at=START - waited))

    second = timedelta(seconds=1)
    assert [after(wait - second), after(wait)] == [Reason.BACKOFF, None]
    assert Policy().backoff == (HOUR, 4 * HOUR, 24 * HOUR)
    ended = fact(State.CREDITED, slot_freed_at=START - timedelta(minutes=30) + second)
    assert reason(with_payments(ended)) == Reason.COOLDOWN
    assert reason(with_payments(ended._replace(slot_freed_at=START - timedelta(minutes=30)))) is None


def test_windows_roll_over_midnight():
    late = POLICY.unknown_quiescence  # the vendor may have created it that much later than it was counted
    assert reason(with_payments(fact(State.CREDITED, 5501, DAY + late - timedelta(seconds=1)))) == Reason.CAP_DAY
    assert reason(with_payments(fact(State.CREDITED, 5501, DAY + late))) is None


def test_a_try_counts_until_the_vendors_own_day_is_over_too():
    """What was asked for a day ago may have been created some minutes later: it is one of the last day's, too."""
    late = POLICY.unknown_quiescence
    two = [fact(State.REJECTED, 1, HOUR)] * 2
    first = fact(State.CREDITED, 1, DAY + late - timedelta(seconds=1))
    refusal = decide(with_payments(*two, first), POLICY, START)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.explanation) == (Reason.COUNT_CAP, "3 in 24.25 h (limit: 3)")
    assert reason(with_payments(*two, fact(State.CREDITED, 1, DAY + late))) is None


def test_amount_mode_and_burn_require_approval():
    def approval(policy: Policy, burn: BurnForecast | None = None) -> Reason | None:
        decision = decide(replace(LOW, burn=burn), policy, START)
        assert isinstance(decision, PaymentPlan)
        return decision.approval

    assert approval(replace(POLICY, approval_above_cents=2499)) == Reason.AWAITING_APPROVAL
    assert approval(replace(POLICY, approval_above_cents=2500)) is None
    assert approval(replace(POLICY, mode="approve")) == Reason.AWAITING_APPROVAL
    assert approval(POLICY, BurnForecast(301, 100)) == Reason.ANOMALOUS_BURN
    assert approval(POLICY, BurnForecast(300, 100)) is None


def test_approved_amount_is_never_exceeded():
    waiting = fact(State.AWAITING_APPROVAL, 2000, HOUR, approved_at=START)
    decision = decide(with_payments(waiting), replace(POLICY, mode="approve"), START)
    assert isinstance(decision, PaymentPlan)
    assert (decision.amount_cents, decision.approved_payment_id, decision.approval) == (2000, "p", None)


def test_evaluation_has_every_rule_in_order():
    results = evaluate(replace(LOW, balance=Balance(5000, START)), POLICY, START).results
    assert next(finding.reason for finding in results if not finding.passed) == Reason.BALANCE_OK
    assert len(results) == 29
    assert all(finding.figure for finding in results)


def test_the_decision_id_stays_while_nothing_moves():
    moved = replace(LOW, ledger_at=START)
    assert facts_fingerprint(LOW) == facts_fingerprint(replace(LOW))
    assert facts_fingerprint(moved) != facts_fingerprint(LOW)


@given(
    balance=st.integers(-(10**6), 10**6),
    smallest=st.integers(1, 10**5),
    largest=st.integers(1, 10**5),
    spent=st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 60)), max_size=6),
    fingerprint=st.booleans(),
)
def test_a_decision_keeps_every_limit(balance, smallest, largest, spent, fingerprint):
    policy = replace(POLICY, amount_min_cents=smallest, amount_max_cents=largest, fingerprint=fingerprint)
    payments = tuple(fact(State.EXPIRED, cents, days * DAY) for cents, days in spent)
    decision = decide(replace(LOW, balance=Balance(balance, START), payments=payments), policy, START)
    if isinstance(decision, PaymentPlan):
        assert smallest <= decision.amount_cents <= largest
        rooms = [policy.target_cents - balance, largest, policy.exposure_limit_cents - balance]
        for days, cap in ((1, 6000), (7, 12_000), (30, 30_000)):
            rooms.append(cap - sum(cents for cents, ago in spent if ago < days + QUIESCENCE_DAYS))
        assert 0 <= min(rooms) - decision.amount_cents < (200 if fingerprint else 1)


@given(reorder=st.integers(-(10**9), 10**9), balance=st.integers(0, 5000))
def test_a_forecast_acts_earlier_but_never_larger(reorder, balance):
    usual = replace(LOW, balance=Balance(balance, START))
    warned = replace(usual, burn=BurnForecast(10, None, reorder))
    assert reorder_point_cents(usual, POLICY) <= reorder_point_cents(warned, POLICY) <= 2000
    before, after = decide(usual, POLICY, START), decide(warned, POLICY, START)
    if isinstance(before, PaymentPlan):
        assert after == replace(before, explanation=after.explanation)
    elif isinstance(after, PaymentPlan):
        assert after.amount_cents == 3000 - balance


@given(minutes=st.floats(-10_000, 10_000))
def test_no_instant_closes_the_breaker(minutes):
    snapshot = replace(LOW, failures=3, last_failure_at=START - 400 * DAY)
    now = START + timedelta(minutes=minutes)
    decision = decide(replace(snapshot, balance=Balance(500, now)), POLICY, now)
    assert isinstance(decision, Refusal)
    assert decision.reason in (Reason.BREAKER_OPEN, Reason.CLOCK_SUSPECT)


def test_policy_file_takes_seconds_and_rejects_unknown_entries():
    spans = {"cooldown_seconds": 90, "backoff_seconds": [1, 2]}
    policy = policy_from({"threshold_cents": 5, "networks": ["TRON"], **spans})
    assert (policy.threshold_cents, policy.cooldown) == (5, timedelta(seconds=90))
    assert policy.networks == frozenset({"TRON"})
    assert policy.backoff == (timedelta(seconds=1), timedelta(seconds=2))
    with pytest.raises(ValueError, match="no_such"):
        policy_from({"no_such": 1})
    with pytest.raises(ValueError, match="threshold_cents"):
        policy_from({"threshold_cents": "much"})


def test_every_entry_of_the_policy_can_come_from_a_file():
    hints = get_type_hints(Policy)
    for field in fields(Policy):
        name = f"{field.name}_seconds" if hints[field.name] is timedelta else field.name
        value = getattr(POLICY, field.name)
        plain = value.total_seconds() if isinstance(value, timedelta) else value
        if field.name == "backoff":
            plain = [step.total_seconds() for step in value]
        assert getattr(policy_from({name: plain}), field.name) == value


def test_clock_behind_the_balance_is_suspect(world):
    seen = replace(world.ledger.snapshot(ACCOUNT, START), balance=Balance(500, START, START))
    assert not clock_in_sync(seen, POLICY, START - timedelta(minutes=3)).passed


@pytest.mark.parametrize(
    "values",
    [{"fingerprint": "false"}, {"cooldown_seconds": float("inf")}, {"backoff": []}, {"creates_per_day": float("inf")}],
)
def test_meaningless_policy_entry_is_rejected_by_name(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        policy_from(values)
