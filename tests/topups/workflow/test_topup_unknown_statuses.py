"""Status words without a documented meaning: never read as paid, never as unpaid, and never a block for ever."""

from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import LOOSE, RICH, START

from topups.decision.snapshot import Reason
from topups.payment_states import PaymentException, State


@pytest.mark.parametrize("status", ["succeeded", "open", "settled"])
def test_an_unknown_word_never_expires_a_payment(world, status):
    world.vendor.transactions = False
    world.run()
    world.vendor.set(status)
    world.pass_time(step=60, days=3)
    assert world.only.state == State.OPEN
    assert not [title for title in world.titles() if title.startswith(("Nobody paid", "Still unpaid"))]


def test_an_unknown_word_ends_after_the_late_watch(world):
    world.vendor.transactions = False
    world.run()
    world.vendor.set("timed_out")
    world.reconcile()
    seen = world.notices()
    world.pass_time(step=60, days=7, hours=2)
    assert (world.only.state, world.only.exception) == (State.CLOSED, PaymentException.UNKNOWN_STATUS)
    assert "'timed_out'" in world.only.detail
    sent = [notice for notice in seen + world.notices() if notice.title == "The vendor uses a status that is not known"]
    assert len(sent) == 2, "when it is seen, and when it is given up"
    assert all('[topup.statuses]\n"timed_out" = "cancel"' in notice.body for notice in sent)
    assert world.run().refusal is None


def test_the_balance_decides_about_an_unknown_word(world):
    world.vendor.transactions = False
    world.run()
    world.vendor.set("completed")
    world.pass_time(minutes=4)
    assert world.only.state == State.OPEN
    world.vendor.cents += world.only.amount_cents
    world.pass_time(minutes=4)
    assert world.only.state == State.CREDITED


def test_the_transaction_decides_about_an_unknown_word(world, monkeypatch):
    world.run()
    world.vendor.set("completed")
    read = world.vendor.transaction
    monkeypatch.setattr(world.vendor, "transaction", lambda order_id: replace(read(order_id), status="paid"))
    world.pass_time(minutes=2)
    assert world.only.state == State.PAID
    monkeypatch.undo()
    world.pass_time(hours=2)
    assert world.only.state == State.PAID


def test_money_of_another_payment_is_not_that_of_an_unknown_word(world):
    world.vendor.transactions = False
    world.run()
    world.vendor.set("issued", 0)
    world.vendor.bill(world.only.amount_cents)
    world.pass_time(minutes=2)
    world.vendor.set("paid", 1)
    world.pass_time(minutes=2)
    world.vendor.cents += world.vendor.rows[1].amount_cents
    world.pass_time(minutes=10)
    assert [p.state for p in world.ledger.payments() if p.state != State.EXTERNAL] == [State.OPEN]


def test_old_rows_of_another_method_block_nothing(world):
    for number in range(5):  # as of a card, years ago
        old = replace(world.vendor.bill(900, "succeeded", "stripe"), created_at=START - timedelta(days=30 + number))
        world.vendor.rows[-1] = replace(old, ends_at=None)
    assert world.run().refusal is None
    assert "The vendor uses a status that is not known" not in world.titles()


@pytest.mark.parametrize("dated", [True, False])
def test_a_foreign_row_without_an_end_blocks_three_days(world, dated):
    row = world.vendor.bill(900, "succeeded")
    world.vendor.rows[-1] = replace(row, ends_at=None, created_at=START if dated else None)
    world.reconcile()
    assert world.titles().count("The vendor uses a status that is not known") == 1
    assert world.run(**LOOSE, **RICH).refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
    world.clock.advance(days=2, hours=23)
    assert world.run(**LOOSE, **RICH).refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
    world.clock.advance(hours=2)
    assert world.run(**LOOSE, **RICH).refusal is None


def test_a_row_without_any_time_stays_old(world):
    row = world.vendor.bill(900, "succeeded")
    world.vendor.rows[-1] = replace(row, ends_at=None, created_at=None)
    world.reconcile()
    world.clock.advance(days=40)
    assert world.run().refusal is None


def test_a_foreign_row_with_money_on_its_way_blocks_on(world):
    world.vendor.bill(900, "process")
    world.pass_time(step=720, days=20)
    assert world.run().refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR


def test_an_unknown_word_cannot_carry_a_link(world):
    world.vendor.bill(900, "https://evil.test/pay/1")
    world.reconcile()
    assert not [notice for notice in world.notices() if "evil" in notice.body]
