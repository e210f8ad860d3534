"""An answer that never came: what the vendor made of the request is found, counted and told, never asked for again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from topups.decision.snapshot import Reason
from topups.payment_states import PaymentException, State

DAY = timedelta(days=1)


@pytest.mark.parametrize("how", ["lost", "lost_after_commit"])
@pytest.mark.parametrize("broken", ["", "list_down", "partial"])
def test_unknown_outcome_is_resolved_or_needs_human(world, how, broken):
    world.vendor.script = [how]
    world.vendor.transactions = False
    world.run()
    assert world.only.state == State.UNKNOWN
    if broken:
        setattr(world.vendor, broken, True)
    world.pass_time(hours=2, minutes=2)
    payment = world.ledger.payments()[-1]
    expected = {"lost": State.NOT_CREATED, "lost_after_commit": State.OPEN}[how]
    assert payment.state == (State.NEEDS_HUMAN if broken else expected)
    if how == "lost_after_commit" and not broken:
        assert payment.exception == PaymentException.ADOPTED


def test_external_payment_is_not_matched_during_quiescence(world):
    """The anchor's worst case: a person asks for the same amount while ours is lost, and ours appears later."""
    world.vendor.script = ["lost"]
    world.vendor.transactions = False
    world.run()
    world.vendor.bill(2500)
    world.pass_time(minutes=4)
    assert world.only.state == State.UNKNOWN
    world.vendor.bill(2500)  # ours, committed late
    world.pass_time(minutes=20)
    assert world.ledger.payments(states=[State.NEEDS_HUMAN])
    assert len(world.vendor.created) == 1


def test_payment_committed_late_is_counted_and_reported(world):
    world.vendor.script = ["lost"]
    world.run()
    world.pass_time(minutes=20)
    assert world.only.state == State.NOT_CREATED
    world.vendor.bill(2500)
    world.reconcile()
    late = world.ledger.payments(states=[State.EXTERNAL])[0]
    assert late.exception == PaymentException.DUPLICATE_SUSPECTED
    snapshot = world.ledger.snapshot("acc", world.clock.now())
    assert snapshot.created_cents(world.clock.now() - timedelta(days=1)) == 2500
    assert world.run().refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR


@pytest.mark.parametrize("changed", [-100, 100])
def test_lost_payment_of_changed_amount_needs_human_and_counts(world, changed):
    """Nothing is left to know it by: not its amount, not its name. It is still there, and may be paid."""
    world.vendor.script = ["lost"]
    world.run()
    world.vendor.bill(2500 + changed)
    world.pass_time(minutes=30)
    assert world.ledger.payments(states=[State.NEEDS_HUMAN])
    stray = world.ledger.payments(states=[State.EXTERNAL])[0]
    assert stray.exception == PaymentException.DUPLICATE_SUSPECTED
    spent = world.ledger.snapshot("acc", world.clock.now()).created_cents(world.clock.now() - DAY)
    assert spent == 2500 + 2500 + changed, "whichever of the two it is, the caps hold"


@pytest.mark.parametrize("changed", [-100, 100])
def test_late_payment_of_changed_amount_counts(world, changed):
    world.vendor.script = ["lost"]
    world.run()
    world.pass_time(minutes=20)
    assert world.only.state == State.NOT_CREATED
    world.vendor.bill(2500 + changed)
    world.reconcile()
    assert world.ledger.payments(states=[State.EXTERNAL])[0].exception == PaymentException.DUPLICATE_SUSPECTED
    assert world.ledger.snapshot("acc", world.clock.now()).created_cents(world.clock.now() - DAY) == 2500 + changed


def test_no_guess_with_several_unmatched_rows(world):
    """One row of our amount and one of another: the vendor may have changed ours, and the first be a person's."""
    world.vendor.script = ["lost"]
    world.vendor.transactions = False
    world.run()
    world.vendor.bill(2500)
    world.vendor.bill(2600)
    world.pass_time(minutes=20)
    assert world.ledger.payments(states=[State.NEEDS_HUMAN])
    assert not world.ledger.payments(states=[State.OPEN])


def test_with_unlike_cents_a_lost_payment_is_found_at_once(world):
    world.vendor.script = ["lost_after_commit"]
    world.run(fingerprint=True)
    assert world.vendor.created[0].amount_cents % 100 != 0
    world.clock.advance(minutes=1)
    world.reconcile(fingerprint=True)
    assert world.only.state == State.OPEN
    assert world.only.url, "its link comes from the vendor's own read"


def test_payment_is_matched_by_the_link_of_its_transaction(world):
    """Neither ``sesid`` nor ``payId`` equals the last part of the link."""
    world.vendor.url = lambda row: f"https://pay.cryptomus.com/pay/uuid-of-{row.vendor_id}"
    create = world.vendor.create

    def nameless(order, confirm):
        accepted = create(order, confirm)
        session_id = accepted.response.url.rsplit("/", 1)[1]
        return replace(accepted, response=replace(accepted.response, session_id=session_id))

    world.vendor.create = nameless
    world.run()
    assert world.only.state == State.OPEN
    assert world.only.url == "https://pay.cryptomus.com/pay/uuid-of-order-1"


def test_suspected_duplicate_counts_from_its_first_observation(world):
    world.vendor.script = ["lost"]
    world.run()
    world.pass_time(minutes=20)
    world.vendor.bill(2500)
    world.vendor.rows[0] = replace(world.vendor.rows[0], created_at=world.clock.now() - timedelta(hours=8))
    world.reconcile()
    suspected = world.ledger.payments(states=[State.EXTERNAL])[0]
    assert suspected.exception == PaymentException.DUPLICATE_SUSPECTED
    assert suspected.counted_at == world.clock.now()
