"""A request to pay is repeated only while it is needed, and withdrawn once when it is not."""

import pytest
from topup_fakes import ACCOUNT, LOOSE, Inbox, World

from topups import operator_actions
from topups.notifications.delivery import deliver_outbox

DO_NOT_PAY = "Do not pay 25.00 USD: it is no longer needed or can no longer be paid"
REMINDERS = ("Still unpaid", "Please pay")


def pass_minutes(world: World, minutes: int, inbox: Inbox | None = None) -> list[str]:
    """The titles that are delivered while time passes."""
    inbox = inbox or Inbox()
    before = len(inbox.notices)
    for _ in range(0, minutes, 6):
        world.clock.advance(minutes=6)
        world.reconcile(**LOOSE)
        deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock)
    return inbox.titles[before:]


def request(world: World) -> None:
    world.run(**LOOSE)
    assert deliver_outbox(world.ledger, Inbox(), ACCOUNT, world.clock)


@pytest.mark.promise('an invoice that is no longer needed is withdrawn once ("do not pay")')
def test_money_added_by_hand_withdraws_the_invoice_once(world):
    request(world)
    world.vendor.cents = 4000
    titles = pass_minutes(world, 54)
    assert titles.count(DO_NOT_PAY) == 1
    assert not [title for title in titles if title.startswith(REMINDERS)]


def test_late_payment_of_the_first_withdraws_the_second(world):
    request(world)
    world.clock.advance(minutes=61)
    world.vendor.set("cancel")
    world.reconcile(**LOOSE)
    world.clock.advance(minutes=40)
    world.reconcile(**LOOSE)
    request(world)
    world.vendor.set("process", 0)
    assert pass_minutes(world, 30) == ["Money arrives late for 25.00 USD"], "no reminder meanwhile"
    world.vendor.set("paid", 0)
    titles = pass_minutes(world, 24)
    assert titles.count(DO_NOT_PAY) == 1
    assert not [title for title in titles if title.startswith(REMINDERS)]


def test_payment_found_with_an_unknown_word_is_not_requested(world):
    """The response was lost; by the time the payment is found, the vendor's word for it may mean paid."""
    world.vendor.script = ["lost_after_commit"]
    world.run(**LOOSE)
    world.vendor.set("banked")
    titles = pass_minutes(world, 18)
    assert "The vendor uses a status that is not known" in titles
    assert not [title for title in titles if title.startswith((*REMINDERS, "How to pay"))]


def test_payment_too_small_withdraws_nothing(world):
    request(world)
    world.vendor.bill(300, "process")
    pass_minutes(world, 6)
    world.vendor.set("paid")
    titles = pass_minutes(world, 48)
    assert DO_NOT_PAY not in titles
    assert any(title.startswith("Still unpaid") for title in titles)


def test_invoice_closed_by_an_operator_is_withdrawn(world):
    request(world)
    operator_actions.close(world.ledger, world.only.payment_id, "me", world.clock.now())
    inbox = Inbox()
    titles = pass_minutes(world, 12, inbox)
    assert titles.count(DO_NOT_PAY) == 1
    assert inbox.notices[0].urgent


def test_invoice_without_a_request_to_pay_is_not_withdrawn(world):
    world.run()
    world.vendor.cents = 4000
    assert pass_minutes(world, 54) == []


def test_expired_invoice_says_do_not_pay(world):
    request(world)
    world.clock.advance(minutes=61)
    world.vendor.set("cancel")
    world.clock.advance(minutes=30)
    inbox = Inbox()
    assert "Nobody paid 25.00 USD in time" in pass_minutes(world, 6, inbox)
    assert "Do not pay it any more" in inbox.notices[0].body


@pytest.mark.parametrize("unreadable", [True, False])
def test_reminders_go_on_while_nothing_else_was_paid(world, unreadable):
    request(world)
    world.vendor.balance_down = unreadable
    titles = pass_minutes(world, 54)
    assert [title for title in titles if title.startswith("Still unpaid")][-1].endswith("almost no time is left")
    assert DO_NOT_PAY not in titles


def test_old_news_is_not_sent(world):
    world.run()
    world.vendor.set("paid")
    world.reconcile()
    world.vendor.cents = 4000
    world.clock.advance(days=3)
    assert deliver_outbox(world.ledger, Inbox(), ACCOUNT, world.clock) == 0
