"""A forecast may start a payment earlier and may ask for a person; it never changes how much, nor any limit."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from topup_fakes import POLICY, START

from topups.decision.evaluate import decide, evaluate
from topups.decision.rules import is_anomalous, max_reorder_point_cents, reorder_point_cents
from topups.decision.sizing import size_payment
from topups.decision.snapshot import AccountSnapshot, BurnForecast, PaymentPlan, PaymentView, Reason, Refusal
from topups.gateway import Balance
from topups.payment_states import PaymentException, State
from topups.policy import Policy

CENTS = st.integers(0, 10_000_000)
RATES = st.floats(0, 1e9)
BURNS = st.builds(BurnForecast, RATES, st.none() | RATES, CENTS, st.none() | RATES, st.none() | RATES)


@st.composite
def policies(draw) -> Policy:
    threshold = draw(st.integers(100, 5000))
    target = threshold * 3 // 2 + draw(st.integers(1, 8000))
    smallest = draw(st.integers(1, 4000))
    largest = smallest + draw(st.integers(0, 8000))
    day = largest + draw(st.integers(0, 8000))
    return Policy(
        mode=draw(st.sampled_from(["auto", "approve", "dry_run"])),
        threshold_cents=threshold,
        target_cents=target,
        amount_min_cents=smallest,
        amount_max_cents=largest,
        cap_day_cents=day,
        cap_week_cents=day + draw(st.integers(0, 8000)),
        cap_month_cents=day + 10_000,
        exposure_cents=draw(st.none() | st.integers(1, 20_000)),
        fingerprint=draw(st.booleans()),
    )


@st.composite
def snapshots(draw) -> AccountSnapshot:
    ended = [
        PaymentView(f"p{n}", state, PaymentException.NONE, cents, START - timedelta(hours=hours), False, None)
        for n, (state, cents, hours) in enumerate(
            draw(
                st.lists(
                    st.tuples(
                        st.sampled_from([State.CREDITED, State.EXPIRED, State.REJECTED]),
                        st.integers(1, 4000),
                        st.integers(1, 800),
                    ),
                    max_size=3,
                )
            )
        )
    ]
    return AccountSnapshot("acc", Balance(draw(st.integers(0, 15_000)), START), tuple(ended), ledger_at=START)


def decision_of(outcome: PaymentPlan | Refusal) -> PaymentPlan | None:
    return outcome.plan if isinstance(outcome, Refusal) else outcome


@given(snapshots(), policies(), BURNS)
def test_a_forecast_never_exceeds_caps(snapshot, policy, burn):
    """Invariant 17."""
    warned = replace(snapshot, burn=burn)
    plain, early = decide(snapshot, policy, START), decision_of(decide(warned, policy, START))
    if early is None:
        return
    cents = early.amount_cents
    assert cents == size_payment(snapshot, policy, START).cents
    assert policy.amount_min_cents <= cents <= policy.amount_max_cents
    assert snapshot.balance.cents + cents <= policy.target_cents
    assert snapshot.balance.cents + cents <= policy.exposure_limit_cents
    for days, cap in ((1, policy.cap_day_cents), (7, policy.cap_week_cents), (30, policy.cap_month_cents)):
        assert snapshot.created_cents(START - timedelta(days=days)) + cents <= cap
    # What the forecast brought about is the threshold's decision, made earlier: at that balance no other rule differs.
    if decision_of(plain) is None:
        assert plain.reason == Reason.BALANCE_OK
        assert snapshot.balance.cents < policy.target_cents * 2 // 3


@given(snapshots(), policies(), BURNS)
def test_a_forecast_acts_earlier_and_asks_for_approval_more(snapshot, policy, burn):
    plain, warned = (decide(state, policy, START) for state in (snapshot, replace(snapshot, burn=burn)))
    if decision_of(plain):
        assert decision_of(warned).amount_cents == decision_of(plain).amount_cents
        assert decision_of(plain).approval is None or decision_of(warned).approval is not None
    without, with_forecast = (evaluate(state, policy, START) for state in (snapshot, replace(snapshot, burn=burn)))
    for before, after in zip(without.results, with_forecast.results, strict=True):
        assert before.passed <= after.passed if before.reason == Reason.BALANCE_OK else before.passed == after.passed


@given(policies(), BURNS)
def test_the_trigger_is_between_threshold_and_two_thirds(policy, burn):
    trigger = reorder_point_cents(AccountSnapshot("acc", burn=burn), policy)
    assert policy.threshold_cents <= trigger <= max(policy.threshold_cents, max_reorder_point_cents(policy))
    assert max_reorder_point_cents(policy) <= policy.target_cents * 2 // 3
    assert reorder_point_cents(AccountSnapshot("acc"), policy) == policy.threshold_cents


def test_an_early_payment_is_not_below_the_minimum():
    policy = replace(POLICY, amount_min_cents=1800, target_cents=3000)
    assert reorder_point_cents(AccountSnapshot("acc", burn=BurnForecast(1, None, 99_999)), policy) == 1200


@pytest.mark.parametrize(
    ("burn", "unusual"),
    [
        (BurnForecast(301, 100), True),
        (BurnForecast(300, 100), False),
        (BurnForecast(1e9, None), False),  # too little is known
        (BurnForecast(41, 0), False),  # the threshold of 1000 lasts for more than a day
        (BurnForecast(42, 0), True),  # an idle account that starts to spend
        (BurnForecast(40, 0.1), False),
        (BurnForecast(0, 0), False),
    ],
)
def test_anomalous_is_three_times_the_peak_and_material(burn, unusual):
    assert is_anomalous(burn, POLICY) == unusual
    outcome = decide(AccountSnapshot("acc", Balance(500, START), burn=burn), POLICY, START)
    assert outcome.approval == (Reason.ANOMALOUS_BURN if unusual else None)
