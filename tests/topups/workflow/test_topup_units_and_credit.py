"""The unit of an amount before anybody pays, and what proves that paid money arrived."""

import pytest
from topup_fakes import LOOSE

from topups import operator_actions
from topups.decision.snapshot import Reason
from topups.evidence.payment_units import created_unit_problem, unit_warning
from topups.gateway import PaymentRequest
from topups.payment_states import PaymentException, State


def test_unit_is_confirmed_by_the_transaction(world):
    world.run()
    assert (world.only.unit_proof, unit_warning(world.only)) == ("transaction", "")


@pytest.mark.parametrize("factor", [100, 3])
def test_other_unit_stops_the_rail_before_anybody_pays(world, factor):
    world.vendor.cents_per_unit = factor
    world.run()
    assert (world.only.exception, world.only.url) == (PaymentException.AMOUNT_MISMATCH, None)
    refusal = world.run().refusal
    assert refusal.reason == Reason.UNITS_DISAGREE
    assert "[topup_units]" in refusal.explanation
    operator_actions.close(world.ledger, world.only.payment_id, "me", world.clock.now())
    world.vendor.cents_per_unit = 1
    world.vendor.set("cancel")
    world.clock.advance(minutes=31)
    assert world.run(**LOOSE).refusal is None, "the wrong amount uses up no cap"


def test_other_unit_is_seen_once_the_transaction_can_be_read(world):
    world.vendor.transactions = False
    world.vendor.cents_per_unit = 100
    world.run()
    assert "pay only if the page asks for 25.00 USD" in unit_warning(world.only)
    world.vendor.transactions = True
    world.clock.advance(minutes=2)
    world.reconcile()
    assert (world.only.url, world.only.exception) == (None, PaymentException.AMOUNT_MISMATCH)


@pytest.mark.parametrize(
    ("named", "unit"), [(250_000, 'create = "dollars"'), (25, 'create = "cents"'), (2600, "[topup_units]")]
)
def test_disagreement_names_the_setting(named, unit):
    assert unit in created_unit_problem(PaymentRequest("v3_invoice", 2500), named)


def pay(world):
    world.vendor.set("paid")
    world.reconcile()
    assert world.only.state == State.PAID


@pytest.mark.parametrize(("arrived", "proof", "state"), [(2500, "balance", "CREDITED"), (250_000, "disagree", "PAID")])
def test_balance_confirms_or_contradicts_the_unit(world, arrived, proof, state):
    world.vendor.transactions = False
    world.run()
    pay(world)
    world.vendor.cents += arrived
    world.clock.advance(minutes=2)
    world.reconcile()
    assert (world.only.unit_proof, world.only.state) == (proof, state)


def test_hundredth_of_the_amount_stops_the_rail(world):
    world.vendor.transactions = False
    world.run()
    pay(world)
    world.vendor.cents += 25
    world.pass_time(minutes=64)
    assert world.only.unit_proof == "disagree"
    assert world.run().refusal.reason == Reason.UNITS_DISAGREE


@pytest.mark.parametrize("charges", [None, 9000])
@pytest.mark.parametrize("refunds", [2300, 2450, 2600])
def test_refunds_in_a_gap_prove_no_payment(world, charges, refunds):
    world.vendor.charges = charges
    world.run()
    pay(world)
    world.clock.advance(hours=3)
    world.vendor.cents += refunds
    world.reconcile()
    world.pass_time(minutes=30)
    assert world.only.state == State.PAID


def test_charges_prove_what_was_spent_meanwhile(world):
    world.vendor.charges = 9000
    world.run()
    pay(world)
    world.clock.advance(hours=12)
    world.vendor.cents += 2500 - 2300
    world.vendor.charges += 2500
    world.reconcile()
    assert world.only.state == State.CREDITED


def test_charges_that_follow_the_spending_prove_nothing(world):
    world.vendor.charges = 9000
    world.run()
    pay(world)
    for _ in range(5):
        world.clock.advance(hours=1)
        world.vendor.cents -= 60
        world.vendor.charges += 60
        world.reconcile()
    world.clock.advance(hours=12)
    world.vendor.charges += 2500
    world.reconcile()
    assert world.only.state == State.PAID


def test_payment_spent_unseen_ends_its_wait(world):
    world.run()
    pay(world)
    world.clock.advance(hours=12)
    world.vendor.cents += 150
    world.reconcile()
    assert world.only.state == State.PAID
    world.clock.advance(hours=12)
    world.vendor.balance_down = True
    world.reconcile()
    assert world.only.state == State.PAID, "without a balance nothing is concluded"
    world.vendor.balance_down = False
    world.reconcile()
    payment = world.only
    assert (payment.state, payment.exception, payment.slot) == (State.CLOSED, PaymentException.CREDIT_UNPROVEN, None)
    assert world.ledger.controls("acc").failures == 0
    world.clock.advance(minutes=31)
    assert world.run().refusal is None
