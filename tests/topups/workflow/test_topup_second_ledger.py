"""Two ledgers of one account: nothing prevents that both request a payment once, and then both stop."""

from dataclasses import replace
from datetime import timedelta

import pytest
from ledger_computer import Computer
from topup_fakes import ACCOUNT, START

from topups.decision.evaluate import evaluate
from topups.decision.snapshot import Reason
from topups.payment_states import PaymentException, State


@pytest.fixture
def computer(tmp_path, vendor, clock):
    return Computer(tmp_path / "one", vendor, clock)


@pytest.fixture
def computers(tmp_path, vendor, clock):
    both = [Computer(tmp_path / name, vendor, clock) for name in ("one", "two")]
    for computer in both:
        computer.reconcile()
    return both


def race(left, right):
    """Both read an empty list, and both create."""
    second = []

    class Late:
        """The vendor as the first computer sees it: the other one creates just before its request."""

        def __getattr__(self, name):
            return getattr(right.vendor, name)

        def create(self, *request):
            second.append(right.run())
            return right.vendor.create(*request)

    left.vendor, vendor = Late(), left.vendor
    first = left.run()
    left.vendor = vendor
    return first, second[0]


@pytest.mark.promise("is reported urgently (exception `other_ledger`), and nothing is created until `topup adopt`")
def test_two_ledgers_that_raced_both_stop(computers):
    left, right = computers
    assert [result.refusal for result in race(left, right)] == [None, None]
    assert len(left.vendor.rows) == 2
    for computer in computers:
        computer.clock.advance(minutes=1)
        computer.reconcile()
        assert computer.exceptions() == [PaymentException.OTHER_LEDGER]
        assert any(
            title.startswith("A second ledger seems to ask for payments: 25.00 USD") for title in computer.titles()
        )
    left.vendor.set("paid", 0)
    left.vendor.set("paid", 1)
    left.clock.advance(minutes=40)
    left.vendor.cents += 5000
    left.reconcile()
    left.vendor.cents = 500
    left.policy = replace(left.policy, cap_day_cents=10_000)
    assert left.reason() == Reason.LEDGER_UNPROVEN
    with left.opened() as ledger:
        in_two_months = ledger.snapshot(ACCOUNT, START + timedelta(days=60)).payments
    assert PaymentException.OTHER_LEDGER in [payment.exception for payment in in_two_months]
    left.adopt()
    assert left.reason() is None


def test_other_ledger_is_known_by_the_balance(computers):
    left, right = computers
    left.run()
    right.clock.advance(minutes=1)
    right.reconcile()
    assert right.exceptions() == [PaymentException.OTHER_LEDGER]
    assert left.exceptions() == []


@pytest.mark.parametrize(("cents", "exception"), [(2400, "external"), (2499, "external"), (2500, "other_ledger")])
def test_another_amount_is_a_persons(computers, cents, exception):
    left, _ = computers
    left.adopt()
    left.clock.advance(minutes=16)
    left.reconcile()
    left.vendor.bill(cents)
    left.clock.advance(minutes=1)
    left.reconcile()
    assert left.exceptions() == [exception]


def test_amount_between_two_balances_is_ours(computers):
    left, _ = computers
    left.vendor.cents = 540
    left.clock.advance(minutes=1)
    left.reconcile()
    left.vendor.bill(2481)
    left.clock.advance(minutes=1)
    left.reconcile()
    assert left.exceptions() == [PaymentException.OTHER_LEDGER]


@pytest.mark.parametrize("how", ["lost", "lost_after_commit", "declined"])
def test_own_payment_is_never_another_ledgers(computer, how):
    computer.adopt()
    computer.reconcile()
    computer.clock.advance(minutes=1)
    computer.vendor.script = [how]
    computer.run()
    for _ in range(7):
        computer.clock.advance(minutes=5)
        computer.reconcile()
    assert PaymentException.OTHER_LEDGER not in computer.exceptions()


def test_rule_names_the_payment_of_another_ledger(computers):
    left, right = computers
    left.run()
    right.clock.advance(minutes=1)
    right.reconcile()
    with right.opened() as ledger:
        external = ledger.payments(ACCOUNT, (State.EXTERNAL,))[0]
        snapshot = ledger.snapshot(ACCOUNT, right.clock.now())
    results = evaluate(snapshot, right.policy, right.clock.now()).results
    rule = next(result for result in results if result.reason == Reason.LEDGER_UNPROVEN)
    assert not rule.passed
    assert external.payment_id in rule.figure
