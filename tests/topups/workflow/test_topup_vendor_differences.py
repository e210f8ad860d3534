"""A vendor that differs a little: settled amounts, dropped rows, a list of paid payments only, another pay page."""

from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import LOOSE, RICH

from topups import operator_actions
from topups.decision.snapshot import Reason
from topups.notifications.rendering import TITLES
from topups.payment_states import PaymentException, State

OTHER_HOST = "pay.example.org"


@pytest.mark.parametrize(
    ("status", "cents", "exception"),
    [
        ("paid_over", 2523, PaymentException.PAID_OVER),
        ("paid", 2480, PaymentException.NONE),
        ("paid", 2600, PaymentException.PAID_OVER),
    ],
)
def test_final_amount_is_recorded_and_proves_the_credit(world, status, cents, exception):
    world.run()
    world.vendor.set(status, cents=cents)
    report = world.reconcile()
    assert report.listing.complete
    assert (world.only.state, world.only.final_cents, world.only.exception) == (State.PAID, cents, exception)
    assert "The vendor's list changed the amount of a payment of 25.00 USD" in world.titles()
    world.vendor.cents += cents
    world.clock.advance(minutes=2)
    world.reconcile()
    assert world.only.state == State.CREDITED
    assert world.titles() == ["Arrived: 25.00 USD"]
    assert world.run(**LOOSE, **RICH).refusal.reason == Reason.BALANCE_OK


def test_underpaid_amount_that_arrived_ends_the_payment(world):
    world.run()
    world.vendor.set("wrong_amount", cents=1200)
    world.reconcile()
    world.clock.advance(minutes=2)
    world.reconcile()
    assert (world.only.state, world.only.exception) == (State.UNDERPAID, PaymentException.PAID_PARTIAL)
    world.vendor.cents += 1200
    world.clock.advance(minutes=2)
    world.reconcile()
    assert (world.only.state, world.only.slot, world.only.final_cents) == (State.CLOSED, None, 1200)


@pytest.mark.parametrize(("status", "cents"), [("paid_over", 1523), ("wrong_amount", 1200), ("paid", 1480)])
def test_final_amount_of_a_foreign_payment_stops_nothing(world, status, cents):
    world.see_foreign("check")
    world.vendor.set(status, cents=cents)
    world.reconcile()
    assert (world.only.final_cents, world.only.exception) == (cents, PaymentException.EXTERNAL)
    world.vendor.cents += cents
    world.clock.advance(minutes=2)
    world.reconcile()
    world.vendor.cents = 500
    world.clock.advance(minutes=2)
    assert world.run().refusal is None


@pytest.mark.parametrize("cents", [2600, 9900, 100])
def test_payable_payment_of_changed_amount_is_not_to_be_paid(world, cents):
    world.run()
    world.titles()
    world.vendor.set("check", cents=cents)
    report = world.reconcile()
    assert report.listing.complete
    assert (world.only.exception, world.only.url) == (PaymentException.AMOUNT_MISMATCH, None)
    assert "do not pay" in world.only.instructions_problem
    assert [title for title in world.titles() if title.startswith("Do not pay")]
    assert world.run().refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR


@pytest.mark.parametrize("status", ["cancel", "paid", "fail", "wrong_amount"])
def test_a_list_that_drops_final_rows_is_complete(world, status):
    world.see_foreign(status)
    world.vendor.rows.clear()
    world.clock.advance(minutes=2)
    assert world.run().refusal is None


def test_a_list_that_drops_an_unfinished_row_is_not_complete(world):
    world.see_foreign("process")
    world.vendor.rows.clear()
    assert world.run().refusal.reason == Reason.VENDOR_LIST_INCOMPLETE


def test_a_list_that_lost_most_rows_is_believed_after_hours(world):
    world.see_foreign(*["cancel"] * 8)
    del world.vendor.rows[1:]
    assert world.run().refusal.reason == Reason.VENDOR_LIST_INCOMPLETE
    world.pass_time(hours=1)
    assert world.run().refusal.reason == Reason.VENDOR_LIST_INCOMPLETE
    world.pass_time(hours=1, minutes=10)
    assert world.run().refusal is None


def test_dropped_unpaid_payment_expires_and_is_closed(world):
    world.run()
    world.vendor.transactions = False
    world.clock.advance(minutes=50)
    world.reconcile()
    world.vendor.rows.clear()
    world.pass_time(hours=2, step=10)
    assert world.only.state == State.OPEN
    world.pass_time(hours=1, minutes=10, step=10)
    assert world.only.state == State.EXPIRED
    for _ in range(8):
        world.clock.advance(days=1)
        world.reconcile()
    assert world.only.state == State.CLOSED


def show_paid_only(world):
    payments = world.vendor.payments

    def paid_only():
        listing = payments()
        return replace(listing, rows=tuple(row for row in listing.rows if row.status == "paid"))

    world.vendor.payments = paid_only
    world.see_foreign()


@pytest.mark.parametrize("transactions", [True, False])
def test_list_of_paid_payments_only_opens_by_the_response(world, transactions):
    show_paid_only(world)
    world.vendor.transactions = transactions
    assert world.run(list_shows_paid_only=True).refusal is None
    assert (world.only.state, world.only.url) == (State.OPEN, "https://pay.cryptomus.com/pay/session-1")
    world.clock.advance(minutes=20)
    world.reconcile(list_shows_paid_only=True)
    world.vendor.set("paid")
    world.vendor.cents += 2500
    world.clock.advance(minutes=2)
    world.reconcile(list_shows_paid_only=True)
    assert world.only.state == State.CREDITED


def test_paid_only_list_never_proves_an_absence(world):
    show_paid_only(world)
    world.vendor.script = ["lost"]
    world.run(list_shows_paid_only=True)
    for _ in range(65):
        world.clock.advance(minutes=2)
        world.reconcile(list_shows_paid_only=True)
    assert world.only.state == State.NEEDS_HUMAN


def test_paid_only_list_is_learnt_from_the_transaction(world):
    show_paid_only(world)
    create = world.vendor.create

    def with_order(request, *rest):
        accepted = create(request, *rest)
        return replace(accepted, response=replace(accepted.response, order_id="order-1"))

    world.vendor.create = with_order
    world.run()
    assert (world.only.state, bool(world.only.url)) == (State.OPEN, True)
    world.pass_time(minutes=40)
    assert world.titles().count(TITLES["list_paid_only"]) == 1


def test_link_to_another_host_says_why_until_it_is_allowed(world):
    world.vendor.host = OTHER_HOST
    world.run()
    world.pass_time(minutes=6)
    assert world.only.url is None
    assert OTHER_HOST in world.only.instructions_problem
    assert "[topup] url_hosts" in world.only.instructions_problem
    assert OTHER_HOST in world.run().refusal.explanation
    world.titles()
    world.reconcile(url_hosts=frozenset({OTHER_HOST}))
    assert (world.only.url, world.only.instructions_problem) == (f"https://{OTHER_HOST}/pay/session-1", "")
    assert world.titles() == ["How to pay 25.00 USD"]


@pytest.mark.parametrize("status", ["process", "confirm_check", "check", "locked"])
def test_closed_foreign_payment_blocks_no_more(world, status):
    world.see_foreign(status)
    assert world.run().refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
    operator_actions.close(world.ledger, world.only.payment_id, "me", world.clock.now())
    assert world.only.state == State.CLOSED
    snapshot = world.ledger.snapshot("acc", world.clock.now())
    assert snapshot.created_cents(world.clock.now() - timedelta(days=1)) == 0
    assert world.run().refusal is None


@pytest.mark.parametrize("status", ["process", "refund_process", "wrong_amount"])
def test_closed_payment_of_ours_blocks_no_more(world, status):
    world.run()
    world.vendor.set(status)
    world.reconcile()
    operator_actions.close(world.ledger, world.only.payment_id, "me", world.clock.now())
    world.clock.advance(minutes=31)
    assert world.run().refusal is None


def test_expired_payment_whose_row_vanished_is_closed(world):
    world.run()
    world.vendor.set("cancel")
    world.clock.advance(minutes=91)
    world.reconcile()
    world.vendor.rows.clear()
    world.clock.advance(days=6)
    world.reconcile()
    assert world.only.state == State.EXPIRED
    world.clock.advance(days=1)
    world.reconcile()
    assert world.only.state == State.CLOSED
