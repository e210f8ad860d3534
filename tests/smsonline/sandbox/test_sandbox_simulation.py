"""The simulated state depends on seed and time only, and its money is conserved."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsonline.sandbox import Sandbox
from smsonline.sandbox.api.actions import ACTIONS, RequestContext, VendorRefusal

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DATASETS = ("countries", "services", "popular", "statistics", "inventory", "invoices", "coupons", "favourites")


def new(seed: int = 7, at: datetime = NOON) -> Sandbox:
    return Sandbox(seed=seed, now=lambda: at)


def run_action(sandbox: Sandbox, name: str, **fields: Any) -> Any:
    return ACTIONS[name](RequestContext(sandbox.state, sandbox.state.process_due_events(), fields))


def test_same_seed_and_time_give_same_state() -> None:
    assert new().truth() == new().truth()
    assert new(seed=8).truth() != new().truth()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=8))
def test_clock_steps_do_not_change_result(steps: list[int]) -> None:
    at_once, step_by_step = new(), new()
    at_once.advance(sum(steps))
    for step in steps:
        step_by_step.advance(step)
        step_by_step.truth()
    assert step_by_step.truth() == at_once.truth()


def test_opening_later_same_day_gives_same_state() -> None:
    waited = new()
    waited.advance(3 * 3600)
    assert waited.truth() == new(at=NOON + timedelta(hours=3)).truth()


def test_market_is_independent_of_opening_day() -> None:
    waited, opened_later = new(), new(at=NOON + timedelta(days=40))
    waited.advance(40 * 86_400)
    for dataset in ("services", "popular", "statistics"):
        assert waited.truth()[dataset] == opened_later.truth()[dataset]


def test_advancing_the_clock_changes_data() -> None:
    sandbox = new()
    before = sandbox.truth()
    sandbox.advance(6 * 3600)
    after = sandbox.truth()
    for dataset in ("services", "popular", "statistics", "inventory"):
        assert before[dataset] != after[dataset], dataset
    unchanged = sum(row in before["statistics"] for row in after["statistics"])
    assert 0 < unchanged < len(after["statistics"])
    assert after["money"]["purchased_cents"] > before["money"]["purchased_cents"]


def test_rates_are_consistent_and_attempts_only_grow() -> None:
    sandbox = new()
    before = sandbox.truth()["statistics"]
    for _ in range(20):
        sandbox.advance(7 * 3600)
        after = sandbox.truth()["statistics"]
        for old, row in zip(before, after, strict=True):
            assert row["attempts"] >= old["attempts"]
            assert 0 <= row["successes"] <= row["attempts"]
            assert row["success_rate"] == pytest.approx(row["successes"] / row["attempts"], abs=1e-4)
        before = after


def test_account_never_overdraws() -> None:
    sandbox = new()
    sandbox.advance(90 * 86_400)
    assert 0 <= sandbox.truth()["money"]["balance_cents"] < 300


def assert_money_is_conserved(truth: dict[str, Any]) -> None:
    """The balance equals the sum of the rows, without the account's own totals."""
    spent = sum(order["purchase_price_cents"] for order in truth["inventory"] if order["status"] != "refunded")
    credited = sum(invoice["credited_cents"] for invoice in truth["invoices"])
    money = truth["money"]
    assert money["balance_cents"] == money["opening_cents"] + credited - spent
    assert money["balance_cents"] >= 0
    assert money["credited_cents"] == credited


ACTION = st.sampled_from(["wait", "buy", "refund", "another", "invoice", "pay", "underpay", "pay late"])


def apply_step(sandbox: Sandbox, action: str) -> None:
    orders, invoices = sandbox.state.account.orders, sandbox.state.account.invoices
    own_order_id = next((order.order_id for order in reversed(orders.values()) if order.by_call), None)
    if action == "buy":
        run_action(sandbox, "create_order", country="12", service="go", carrier="any", m="", n="", maximumPrice="")
    elif action in ("refund", "another") and own_order_id:
        run_action(sandbox, "change_order", order_id=own_order_id, next=action)
    elif action == "invoice":
        run_action(sandbox, "create_invoice", amount="700", couponCode="")
    elif action in ("pay", "underpay"):
        sandbox.pay(invoices[-1].order_id, 700 if action == "pay" else 650)
    elif action == "pay late":
        sandbox.pay(invoices[-1].url, 100, NOON + timedelta(days=200))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(ACTION, st.integers(0, 30_000)), max_size=12))
def test_money_is_conserved_at_every_instant(steps: list[tuple[str, int]]) -> None:
    sandbox = new()
    assert_money_is_conserved(sandbox.truth())
    for action, seconds in steps:
        with suppress(VendorRefusal):
            apply_step(sandbox, action)
        assert_money_is_conserved(sandbox.truth())
        sandbox.advance(seconds)
        assert_money_is_conserved(sandbox.truth())


def test_clock_only_goes_forward() -> None:
    for wrong in (-1, float("nan"), 1e12):
        with pytest.raises(ValueError, match="only goes forward"):
            new().advance(wrong)
