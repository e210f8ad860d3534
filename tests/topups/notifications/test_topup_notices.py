"""Notices: told once, with what a person needs to act, and nothing that was not verified."""

from dataclasses import replace

import pytest
from topup_fakes import ACCOUNT, Inbox, World

from topups import operator_actions
from topups.decision.snapshot import BurnForecast
from topups.notifications.delivery import deliver_outbox
from topups.notifications.rendering import TITLES, qr_png, render
from topups.notifications.rules import NOTICE_BY_STATE
from topups.workflow.context import Checkpoint

LOW = "The balance is low and no payment is requested"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def post(world: World, inbox: Inbox) -> list[str]:
    """Delivers what waits; the titles of what arrived just now."""
    before = len(inbox.notices)
    deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock)
    return inbox.titles[before:]


def test_open_payment_notice_has_all_that_is_needed_to_pay(world, inbox):
    world.context = replace(world.context, burn=lambda: BurnForecast(40, 40, 0, hours_to_empty=12.5))
    world.run()
    assert post(world, inbox) == ["Please pay 25.00 USD"]
    notice = inbox.notices[0]
    for fragment in (
        "https://pay.cryptomus.com/pay/session-1",
        "60 minutes",
        "12.5 hours",
        "5.00 USD is below 10.00 USD",
    ):
        assert fragment in notice.body
    assert notice.qr == qr_png("https://pay.cryptomus.com/pay/session-1")


def test_wallet_notice_has_address_and_coins(world, inbox):
    world.run(rail="v3_wallet", currency="USDT", network="TRON")
    post(world, inbox)
    assert f"Send 5.00 USDT on TRON to T{'a' * 33}" in inbox.notices[0].body
    assert inbox.notices[0].qr == qr_png("T" + "a" * 33)


def test_each_notice_is_sent_once(world, inbox):
    world.run()
    for _ in range(20):
        world.clock.advance(minutes=2)
        world.reconcile()
        post(world, inbox)
    assert inbox.titles == ["Please pay 25.00 USD", "Still unpaid: 25.00 USD, half of the time is over"]


def test_two_programs_deliver_a_notice_once(world, inbox):
    world.run()
    taken_meanwhile = []

    def deliver_meanwhile(checkpoint):
        if checkpoint == Checkpoint.NOTIFIED:
            taken_meanwhile.append(deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock))

    deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock, deliver_meanwhile)
    assert taken_meanwhile == [0]
    assert len(inbox.notices) == 1


@pytest.mark.parametrize("trouble", ["wrong_amount", "foreign_host", "not_listed"])
def test_no_notice_carries_a_link_that_was_not_verified(world, inbox, trouble):
    world.vendor.script = [trouble] if trouble == "wrong_amount" else []
    world.vendor.host = "evil.example" if trouble == "foreign_host" else world.vendor.host
    world.vendor.hidden = {"order-1"} if trouble == "not_listed" else set()
    world.vendor.transactions = trouble != "not_listed"
    world.run()
    world.pass_time(minutes=30)
    post(world, inbox)
    assert inbox.notices
    for notice in inbox.notices:
        assert "http" not in notice.body
        assert notice.qr == b""


def test_link_verified_later_is_sent_then(world, inbox):
    world.vendor.script = ["lost_after_commit"]
    world.vendor.transactions = False
    world.run()
    world.pass_time(minutes=20)
    assert "Please pay 25.00 USD" in post(world, inbox)
    assert "http" not in inbox.notices[-1].body
    world.vendor.transactions = True
    world.reconcile()
    assert post(world, inbox) == ["How to pay 25.00 USD"]
    assert "https://pay.cryptomus.com/pay/session-1" in inbox.notices[-1].body


def test_stale_payment_notice_is_not_sent_late(world, inbox):
    world.run()
    inbox.broken = True
    post(world, inbox)
    world.clock.advance(days=1)
    world.vendor.set("cancel")
    world.reconcile()
    inbox.broken = False
    assert set(post(world, inbox)) == {"Nobody paid 25.00 USD in time", f"{LOW}: BACKOFF"}


def test_a_notice_nobody_took_is_tried_again_later(world, inbox):
    world.run()
    inbox.broken = True
    assert post(world, inbox) == []
    inbox.broken = False
    assert post(world, inbox) == [], "not at once"
    world.clock.advance(minutes=2)
    assert post(world, inbox) == ["Please pay 25.00 USD"]


def test_reminders_at_half_and_nine_tenths(world, inbox):
    world.run()
    post(world, inbox)
    delivered_texts = {}
    for minute in range(1, 60):
        world.clock.advance(minutes=1)
        world.reconcile()
        delivered_texts |= dict.fromkeys(post(world, inbox), minute)
    assert list(delivered_texts.values()) == [30, 54]


def test_cap_levels_are_reported_once_each(world, inbox):
    loose = {"cap_day_cents": 2700, "cap_week_cents": 3000}
    world.run(**loose)
    delivered_texts = post(world, inbox)
    assert "90 % of a top-up limit is used" in delivered_texts
    assert "80 % of a top-up limit is used" in delivered_texts
    assert any("CAP_DAY: 25.00 USD of 27.00 USD" in notice.body for notice in inbox.notices)


def test_overdue_credit_is_reported(world, inbox):
    world.run()
    world.vendor.set("paid")
    world.reconcile()
    world.pass_time(minutes=64)
    assert "Paid but not arrived: 25.00 USD" in post(world, inbox)


def test_open_breaker_and_approval_request_are_reported(world, inbox):
    world.run(mode="approve")
    assert post(world, inbox) == ["May 25.00 USD be asked for?"]
    operator_actions.reject(world.ledger, world.only.payment_id, "me", world.clock.now())
    world.reconcile(breaker_failures=1)
    assert "Top-ups stopped: several payments failed in a row" in post(world, inbox)


def test_every_notice_kind_renders_without_a_payment(world):
    kinds = {*NOTICE_BY_STATE.values(), "pay_link", "half_life", "last_tenth", "mismatch", "credit_late", "external"}
    further_kinds = {"unproven", "other_ledger", "withdrawn", "unblocked", "unknown_status", "zone"}
    further_kinds |= {"other_amount", "credit_unproven", "units_disagree", "list_paid_only"}
    assert kinds | further_kinds | {"duplicate", "breaker", "low_balance"} == set(TITLES)
    world.run()
    row = drive_claim(world)
    for kind in (*TITLES, "cap_day_90"):
        assert render(replace(row, kind=kind), world.only, world.clock.now()).title


def drive_claim(world):
    from topups.ledger import outbox

    return outbox.lease_batch(world.ledger, ACCOUNT, world.clock.now())[0]


WALLET = {"rail": "v3_wallet", "currency": "USDT", "network": "TRON"}


def delivered_texts(world, **policy) -> list[str]:
    """The bodies of the notices that are due, with their titles."""
    world.reconcile(**policy)
    inbox = Inbox()
    deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock)
    return [f"{notice.title}\n{notice.body}" for notice in inbox.notices]


@pytest.mark.parametrize("how", ["declined", "lost"])
def test_notice_never_contains_unverified_vendor_text(world, how):
    address = "T" + "9" * 33
    vendor_text = f"HTTP 302 to https://evil.example/pay/x, or send it to {address}"
    create = world.vendor.create
    world.vendor.script = [how]
    world.vendor.create = lambda *order: type(create(*order))(vendor_text)
    world.run()
    text = "\n".join(delivered_texts(world))
    assert "HTTP 302" in text
    assert "evil.example/pay" not in text
    assert address not in text


def test_underpaid_payment_is_never_requested_in_full(world):
    world.run(**WALLET)
    assert any("Send 5.00 USDT" in text for text in delivered_texts(world))
    world.vendor.set("wrong_amount_waiting")
    world.clock.advance(minutes=31)
    texts = delivered_texts(world)
    assert len(texts) == 2, "underpaid, and half of the time is over"
    for text in texts:
        assert "Send 5.00 USDT" not in text
        assert "only what is missing" in text


@pytest.mark.parametrize("trouble", ["cancel", "wrong_amount"])
def test_no_reminder_for_unpayable_payments(world, trouble):
    world.vendor.script = [trouble] * (trouble == "wrong_amount")
    world.run()
    delivered_texts(world)
    if trouble == "cancel":
        world.vendor.set("cancel")
    titles = []
    for _ in range(6):
        world.clock.advance(minutes=10)
        titles += [text.partition("\n")[0] for text in delivered_texts(world)]
    withdrawn = ["Do not pay 25.00 USD: it is no longer needed or can no longer be paid"]
    assert titles == withdrawn * (trouble == "cancel")


def test_delayed_notice_of_cancelled_payment_is_dropped(world):
    world.run()
    world.vendor.set("cancel")
    assert delivered_texts(world) == []


@pytest.mark.parametrize("whose", ["ours", "somebody else's"])
def test_low_balance_notice_after_a_day_without_progress(world, whose):
    """Its own notices came and went; nobody would hear of the balance again."""
    if whose == "ours":
        world.run()
        world.vendor.set("refund_process")
    else:
        world.vendor.bill(700, "process")
    delivered_texts(world)
    titles = []
    for _ in range(72):
        world.clock.advance(hours=1)
        titles += [text.partition("\n")[0] for text in delivered_texts(world)]
    assert titles == [f"{LOW}: {'IN_FLIGHT' if whose == 'ours' else 'PAYMENT_OPEN_AT_VENDOR'}"] * 3
