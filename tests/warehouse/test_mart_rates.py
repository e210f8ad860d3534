"""Marts of the market: movers, best value, claim against own orders; each definition worked out by hand."""

import math
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.mart_support import NOON, Store, at, stored

RATES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 1e-9, 1 - 1e-12]))


@pytest.fixture
def store() -> Iterator[Store]:
    with stored() as store:
        yield store


@pytest.fixture(scope="module")
def calculator() -> Iterator[Store]:
    with stored() as store:
        yield store


@given(rate=RATES, trials=st.integers(1, 10**7), more=st.integers(2, 1000))
def test_wilson_interval_contains_rate_and_shrinks(calculator: Store, rate: float, trials: int, more: int) -> None:
    trial = "(SELECT ?::DOUBLE AS rate, unnest(?) AS n)"
    sql = f"SELECT marts.wilson_low(rate, n) AS low, marts.wilson_high(rate, n) AS high FROM {trial}"
    wide, narrow = calculator.rows(sql, rate, [trials, trials * more])
    for case in (wide, narrow):
        assert 0 <= case["low"] <= rate <= case["high"] <= 1
    assert narrow["high"] - narrow["low"] <= wide["high"] - wide["low"]


def test_without_trials_there_is_no_interval(calculator: Store) -> None:
    sql = (
        "SELECT marts.wilson_low(0.5, n) AS low, marts.wilson_high(NULL::DOUBLE, n) AS high FROM unnest([0, NULL]) t(n)"
    )
    assert calculator.rows(sql) == [{"low": None, "high": None}] * 2


@given(x=st.floats(0, 20))
def test_the_error_function_agrees_with_the_library_s(calculator: Store, x: float) -> None:
    assert calculator.only("SELECT marts.erfc(x) AS y FROM (SELECT ?::DOUBLE AS x)", x)["y"] == pytest.approx(
        math.erfc(x), rel=2e-7
    )


@given(trials=st.integers(1, 40), share=st.floats(0, 1), percent=st.integers(0, 100))
def test_the_binomial_test_is_exact(calculator: Store, trials: int, share: float, percent: int) -> None:
    hits, rate = round(trials * share), Fraction(percent, 100)
    chances = [math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(trials + 1)]
    exact = sum(chance for chance in chances if chance <= chances[hits])
    sql = "SELECT marts.binomial_p(k, n, rate) AS p FROM (SELECT ?::BIGINT AS k, ?::BIGINT AS n, ?::DOUBLE AS rate)"
    actual = calculator.only(sql, hits, trials, percent / 100)["p"]
    assert actual == pytest.approx(float(exact), rel=1e-6, abs=1e-12)


def test_movers_compare_with_the_day_before(store: Store) -> None:
    """400 and 450 of 1000: pooled rate 0.425, z = 0.05 / sqrt(0.425 * 0.575 * 0.002) = 2.2617, p = 0.0237."""
    key = {"country_code": "12", "country": "US", "carrier": "any", "service_code": "ds", "service": "Discord"}
    store.version("statistics", at(-48), at(-30), **key, success_rate=0.9, attempts=900)
    store.version("statistics", at(-30), at(-2), **key, success_rate=0.4, attempts=1000)
    store.version("statistics", at(-2), **key, success_rate=0.45, attempts=1000)
    store.version("services", at(-48), at(-3), country_code="12", carrier="any", service_code="ds", price_cents=16)
    store.version("services", at(-3), country_code="12", carrier="any", service_code="ds", price_cents=20)
    store.seen("statistics", NOON)
    row = store.only("FROM marts.success_rate_movers")
    assert (row["rate_before"], row["rate_after"]) == (0.4, 0.45)
    assert row["change"] == pytest.approx(0.05)
    assert (
        row["p_value"] == pytest.approx(math.erfc(2.26169 / math.sqrt(2)), rel=1e-4) == pytest.approx(0.0237, abs=1e-4)
    )
    assert row["significant"] is True
    assert (row["attempts_before"], row["attempts_after"]) == (1000, 1000)
    assert (row["price_before_cents"], row["price_after_cents"]) == (16, 20)
    earlier = store.only("FROM marts.success_rate_movers_between(?, ?)", at(-40), at(-25))
    assert (earlier["rate_before"], earlier["rate_after"]) == (0.9, 0.4)


@pytest.mark.parametrize(
    ("before", "after", "p", "significant"),
    [
        ((0.4, 1000), (0.4, 1000), 1.0, False),
        ((1.0, 50), (1.0, 80), 1.0, False),
        ((0.0, 50), (1.0, 80), 0.0, True),
        ((0.4, 0), (0.9, 1000), None, False),
        ((0.4, None), (0.9, 1000), None, False),
        ((None, 10), (0.9, 1000), None, False),
        ((0.4, 5), (0.6, 5), 0.527, False),  # twice the distance of the case above, a two-hundredth of the orders
    ],
)
def test_a_move_is_significant_only_with_the_orders_to_prove_it(
    store: Store,
    before: tuple[float | None, int | None],
    after: tuple[float | None, int | None],
    p: float | None,
    significant: bool,
) -> None:
    key = {"country_code": "12", "carrier": "any", "service_code": "ds"}
    store.version("statistics", at(-30), at(-2), **key, success_rate=before[0], attempts=before[1])
    store.version("statistics", at(-2), **key, success_rate=after[0], attempts=after[1])
    store.seen("statistics", NOON)
    row = store.only("FROM marts.success_rate_movers")
    assert row["p_value"] == (None if p is None else pytest.approx(p, abs=1e-3))
    assert row["significant"] is significant


def test_what_came_or_went_within_the_day_has_one_side_only(store: Store) -> None:
    store.version("statistics", at(-30), at(-2), country_code="1", carrier="any", service_code="ds", success_rate=0.5)
    store.claim(0.7, 10, since=at(-2))
    store.seen("statistics", NOON)
    actual = {row["country_code"]: row for row in store.rows("FROM marts.success_rate_movers")}
    assert {name: (row["rate_before"], row["rate_after"], row["change"]) for name, row in actual.items()} == {
        "1": (0.5, None, None),
        "12": (None, 0.7, None),
    }
    assert actual["12"]["service"] == "Discord"


def test_best_value_ranks_by_cautious_price(store: Store) -> None:
    """Wilson by hand: 9 of 10 proves 0.5958, 900 of 1000 proves 0.8798, 300 of 1000 proves 0.2724."""
    for country, rate, attempts, price in [
        ("lucky", 0.9, 10, 16),
        ("proven", 0.9, 1000, 20),
        ("cheap", 0.3, 1000, 10),
        ("unproven", 0.9, 0, 1),
    ]:
        store.claim(rate, attempts, country_code=country)
        store.offer(price, country_code=country)
    store.claim(0.5, 100, country_code="x", service_code="tg")
    store.offer(10, country_code="x", service_code="tg")
    actual = store.rows("FROM marts.best_value WHERE service_code = 'ds' ORDER BY rank")
    assert [(row["rank"], row["country_code"]) for row in actual] == [
        (1, "proven"),
        (2, "lucky"),
        (3, "cheap"),
        (4, "unproven"),
    ]
    assert actual[0]["rate_low"] == pytest.approx(0.8798, abs=1e-4)
    assert actual[0]["cautious_cents_per_success"] == pytest.approx(20 / 0.8798, abs=1e-2)
    assert actual[0]["expected_cents_per_success"] == pytest.approx(20 / 0.9)
    assert actual[1]["rate_low"] == pytest.approx(0.5958, abs=1e-4)
    assert (actual[3]["rate_low"], actual[3]["cautious_cents_per_success"]) == (None, None)
    assert store.only("FROM marts.best_value WHERE service_code = 'tg'")["rank"] == 1


@pytest.mark.parametrize(("rate", "price", "stock"), [(0.0, 16, 5), (None, 16, 5), (0.9, None, 5), (0.9, 16, 0)])
def test_what_cannot_be_bought_or_never_delivered_is_no_value(
    store: Store, rate: float | None, price: int | None, stock: int
) -> None:
    store.claim(rate, 100)
    store.offer(price, stock)
    assert store.rows("FROM marts.best_value") == []


OFFERS = st.lists(
    st.tuples(st.integers(1, 100), st.integers(0, 300), st.integers(1, 400), st.sampled_from(["ds", "tg"])), max_size=12
)


@given(offers=OFFERS)
def test_ranks_run_from_one_without_gaps_and_never_fall_in_price(offers: list[tuple[int, int, int, str]]) -> None:
    with stored() as store:
        for number, (percent, attempts, price, service) in enumerate(offers):
            store.claim(percent / 100, attempts, country_code=str(number), service_code=service)
            store.offer(price, country_code=str(number), service_code=service)
        for service in ("ds", "tg"):
            sql = "FROM marts.best_value WHERE service_code = ? ORDER BY rank"
            actual = store.rows(sql, service)
            assert [row["rank"] for row in actual] == list(range(1, sum(s == service for *_, s in offers) + 1))
            prices = [row["cautious_cents_per_success"] or math.inf for row in actual]
            assert prices == sorted(prices)
            for row in actual:
                assert (row["rate_low"] or 0) <= row["success_rate"]


LONG_AGO, SOON = timedelta(hours=-1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("sms_count", "status", "ends", "outcome"),
    [
        (1, "pending", SOON, "success"),
        (2, "refunded", LONG_AGO, "success"),  # it came, whatever else happened
        (None, "Complete", SOON, "success"),
        (None, "completed", LONG_AGO, "success"),
        (0, "complete", SOON, "pending"),  # the list of messages is there, and empty
        (0, "Refunded", SOON, "failure"),
        (None, "returned", SOON, "failure"),
        (0, "cancelled", SOON, "failure"),
        (0, "CANCELED", SOON, "failure"),
        (None, "expired", LONG_AGO, "failure"),
        (0, "timeout", SOON, "failure"),
        (0, "pending", LONG_AGO, "failure"),
        (0, None, LONG_AGO, "failure"),
        (0, "pending", timedelta(), "failure"),  # listed without a message at its very end
        (0, "pending", timedelta(microseconds=1), "pending"),
        (0, "pending", SOON, "pending"),
        (0, "pending", None, "pending"),
        (None, "pending", LONG_AGO, "pending"),  # nobody told whether a message came
        (None, "a new word", LONG_AGO, "pending"),
    ],
)
def test_the_outcome_of_an_own_order(
    store: Store, sms_count: int | None, status: str | None, ends: timedelta | None, outcome: str
) -> None:
    sql = "SELECT marts.order_outcome(?, ?, ?, ?) AS outcome"
    ends_at = None if ends is None else NOON + ends
    assert store.only(sql, sms_count, status, ends_at, NOON)["outcome"] == outcome


def test_order_without_observed_end_is_pending(store: Store) -> None:
    store.claim(0.5, 100)
    store.order(1, since=at(-3), expires_at=at(-2), last_seen_at=at(-2.5))
    store.order(2, since=at(-3), expires_at=at(-2), last_seen_at=at(-1))
    store.seen("inventory", NOON, "7")
    assert store.only("FROM marts.success_rates")["observed_orders"] == 1


def test_own_orders_of_all_accounts_count_and_the_same_number_twice(store: Store) -> None:
    store.claim(0.5, 100)
    for account in ("7", "8"):
        store.order(
            1, account_id=account, sms_count=int(account == "7"), status="complete" if account == "7" else "refunded"
        )
    row = store.only("FROM marts.success_rates")
    assert (row["observed_orders"], row["observed_rate"]) == (2, 0.5)


@pytest.mark.parametrize(
    ("claim", "received", "orders", "p", "conclusion"),
    [
        (0.5, 2, 10, 2 * 56 / 1024, "agrees"),  # 1 + 10 + 45 ways of 1024 on either side
        (0.5, 1, 10, 2 * 11 / 1024, "claims too much"),
        (0.5, 9, 10, 2 * 11 / 1024, "claims too little"),
        (0.5, 0, 9, 2 / 512, "too few orders"),
        (1.0, 9, 10, 0.0, "claims too much"),
        (1.0, 10, 10, 1.0, "agrees"),
        (0.0, 1, 10, 0.0, "claims too little"),
    ],
)
def test_a_claim_is_held_against_own_orders(
    store: Store, claim: float, received: int, orders: int, p: float, conclusion: str
) -> None:
    store.claim(claim, 1000)
    for number in range(orders):
        store.order(number, sms_count=int(number < received), status="complete" if number < received else "refunded")
    row = store.only("FROM marts.vendor_vs_observed")
    assert row["p_value"] == pytest.approx(p, rel=1e-6)
    assert row["verdict"] == conclusion
    assert row["difference"] == pytest.approx(received / orders - claim)
    assert (row["observed_orders"], row["attempts"]) == (orders, 1000)


def test_claims_and_orders_are_compared_only_in_pairs(store: Store) -> None:
    store.claim(0.5, 100, country_code="1")
    store.claim(None, 100)
    store.order(1, sms_count=1)
    assert store.rows("FROM marts.vendor_vs_observed") == []
