"""A payment from its link to its end: verified, paid in time, late, partly or never, and credited."""

from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT

from topups.decision.snapshot import Reason
from topups.payment_states import PaymentException, State


def test_amount_mismatch_is_flagged_and_has_no_link(world):
    world.vendor.script = ["wrong_amount"]
    world.run()
    assert (world.only.state, world.only.exception, world.only.url) == (
        State.OPEN,
        PaymentException.AMOUNT_MISMATCH,
        None,
    )
    assert world.ledger.snapshot("acc", world.clock.now()).created_cents(world.clock.now() - timedelta(days=1)) == 2600


def test_link_to_foreign_host_is_never_verified(world):
    world.vendor.host = "pay.cryptomus.com.evil.example"
    world.run()
    world.pass_time(minutes=20)
    assert world.only.state == State.OPEN
    assert world.only.url is None


def test_a_rise_of_the_balance_without_a_paid_payment_credits_nothing(world):
    world.run()
    world.vendor.cents += 2500
    world.reconcile()
    assert world.only.state == State.OPEN


def test_one_rise_credits_one_payment(world):
    world.vendor.bill(2500)
    world.reconcile()
    world.vendor.set("paid")
    world.reconcile()
    world.clock.advance(minutes=61)
    world.run()  # the slot is free and the wait is over: ours follows
    world.vendor.set("paid")
    assert len(world.vendor.rows) == 2
    world.vendor.cents += 2500
    world.reconcile()
    assert State.PAID in {payment.state for payment in world.ledger.payments()}
    world.vendor.cents += 2500
    world.reconcile()
    assert State.CREDITED in {payment.state for payment in world.ledger.payments()}


def test_unpaid_payment_keeps_slot_during_grace_then_backs_off(world):
    world.run()
    world.clock.advance(minutes=61)
    world.vendor.set("cancel")
    world.reconcile()
    assert world.only.state == State.OPEN
    world.clock.advance(minutes=30)
    world.reconcile()
    assert world.only.state == State.EXPIRED
    assert world.run().refusal.reason == Reason.BACKOFF
    world.clock.advance(minutes=61)
    assert world.run().refusal is None


def test_late_payment_is_credited_beside_the_next_one(world):
    world.run()
    world.vendor.set("cancel")
    world.clock.advance(minutes=91)
    world.reconcile()
    world.clock.advance(minutes=61)
    world.run()
    world.vendor.set("confirm_check", 0)
    world.reconcile()
    world.vendor.set("paid", 0)
    world.vendor.cents += 2500
    world.reconcile()
    first = world.ledger.payments()[-1]
    assert (first.state, first.exception) == (State.CREDITED, PaymentException.PAID_LATE)
    assert world.ledger.payments()[0].slot == "acc"


def test_an_expired_payment_is_closed_after_the_late_watch(world):
    world.run()
    world.vendor.set("cancel")
    world.clock.advance(minutes=91)
    world.reconcile()
    world.clock.advance(days=7)
    world.reconcile()
    assert world.only.state == State.CLOSED


def test_underpaid_overpaid_locked_and_refunded_payments_say_so(world):
    story = [
        ("wrong_amount_waiting", State.UNDERPAID_WAITING, PaymentException.PAID_PARTIAL),
        ("check", State.OPEN, PaymentException.PAID_PARTIAL),
        ("locked", State.LOCKED, PaymentException.PAID_PARTIAL),
        ("process", State.CONFIRMING, PaymentException.PAID_PARTIAL),
        ("paid_over", State.PAID, PaymentException.PAID_OVER),
        ("refund_process", State.REFUNDING, PaymentException.PAID_OVER),
        ("refund_paid", State.REFUNDED, PaymentException.PAID_OVER),
    ]
    world.run()
    for status, state, exception in story:
        world.vendor.set(status)
        world.reconcile()
        assert (world.only.state, world.only.exception) == (state, exception)


def test_payment_never_closed_by_vendor_frees_its_slot(world):
    world.run()
    world.clock.advance(hours=24, minutes=59)
    world.reconcile()
    assert world.only.state == State.OPEN
    world.clock.advance(minutes=31)
    world.reconcile()
    assert world.only.state == State.EXPIRED
    world.clock.advance(hours=1)
    assert world.run().refusal is None


@pytest.mark.parametrize("status", ["fail", "system_fail"])
def test_late_payment_that_fails_blocks_nothing(world, status):
    world.run()
    world.vendor.set("cancel")
    world.clock.advance(minutes=91)
    world.reconcile()
    world.vendor.set("confirm_check")
    world.reconcile()
    assert world.only.state == State.LATE_CONFIRMING
    world.vendor.set(status)
    world.reconcile()
    assert world.only.state == State.EXPIRED
    assert world.ledger.controls(ACCOUNT).failures == 1, "it failed once"
    world.clock.advance(hours=2)
    assert world.run().refusal is None
