"""Notices: told once, with what a person needs to act, and nothing that was not verified."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from topup_fakes import ACCOUNT, Inbox, World

from topups import operator_actions
from topups.decision.snapshot import BurnForecast
from topups.notifications.delivery import AppriseNotifier, deliver_outbox
from topups.notifications.messages import TITLES, Notice, qr_png, render
from topups.notifications.rules import NOTICE_BY_STATE
from topups.workflow.context import Checkpoint


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def post(world: World, inbox: Inbox) -> list[str]:
    """Delivers what waits; the titles of what arrived just now."""
    before = len(inbox.notices)
    deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock)
    return inbox.titles[before:]


def test_an_open_payment_is_told_with_all_that_is_needed_to_pay(world, inbox):
    world.context = replace(world.context, burn=lambda: BurnForecast(40, 40, 0, hours_to_empty=12.5))
    world.run()
    assert post(world, inbox) == ["Please pay 25.00 USD"]
    notice = inbox.notices[0]
    for part in ("https://pay.cryptomus.com/pay/session-1", "60 minutes", "12.5 hours", "5.00 USD is below 10.00 USD"):
        assert part in notice.body
    assert notice.qr == qr_png("https://pay.cryptomus.com/pay/session-1")


def test_a_wallet_is_told_with_its_address_and_coins(world, inbox):
    world.run(rail="v3_wallet", currency="USDT", network="TRON")
    post(world, inbox)
    assert f"Send 5.00 USDT on TRON to T{'a' * 33}" in inbox.notices[0].body
    assert inbox.notices[0].qr == qr_png("T" + "a" * 33)


def test_each_notice_is_told_once_however_often_it_is_due(world, inbox):
    world.run()
    for _ in range(20):
        world.clock.advance(minutes=2)
        world.reconcile()
        post(world, inbox)
    assert inbox.titles == ["Please pay 25.00 USD", "Still unpaid: 25.00 USD, half of the time is over"]


def test_two_programs_deliver_a_notice_once(world, inbox):
    world.run()
    others = []

    def deliver_meanwhile(checkpoint):
        if checkpoint == Checkpoint.NOTIFIED:
            others.append(deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock))

    deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock, deliver_meanwhile)
    assert others == [0]
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


def test_a_link_that_is_verified_later_is_told_then(world, inbox):
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


def test_what_can_no_longer_be_paid_is_not_asked_for_after_a_day_without_a_notifier(world, inbox):
    world.run()
    inbox.broken = True
    post(world, inbox)
    world.clock.advance(days=1)
    world.vendor.set("cancel")
    world.reconcile()
    inbox.broken = False
    assert set(post(world, inbox)) == {"Nobody paid 25.00 USD in time", TITLES["low_balance"]}


def test_a_notice_nobody_took_is_tried_again_later(world, inbox):
    world.run()
    inbox.broken = True
    assert post(world, inbox) == []
    inbox.broken = False
    assert post(world, inbox) == [], "not at once"
    world.clock.advance(minutes=2)
    assert post(world, inbox) == ["Please pay 25.00 USD"]


def test_the_countdown_is_told_at_half_and_at_nine_tenths(world, inbox):
    world.run()
    post(world, inbox)
    told = {}
    for minute in range(1, 60):
        world.clock.advance(minutes=1)
        world.reconcile()
        told |= dict.fromkeys(post(world, inbox), minute)
    assert list(told.values()) == [30, 54]


def test_reached_levels_of_a_cap_are_told_once_each(world, inbox):
    loose = {"cap_day_cents": 2700, "cap_week_cents": 3000}
    world.run(**loose)
    told = post(world, inbox)
    assert "90 % of a top-up limit is used" in told
    assert "80 % of a top-up limit is used" in told
    assert any("CAP_DAY: 25.00 USD of 27.00 USD" in notice.body for notice in inbox.notices)


def test_a_low_balance_that_nobody_cures_is_told_once_per_dip_and_at_most_daily(world, inbox):
    blocked = {"cap_day_cents": 600, "cap_week_cents": 700}
    told = []
    for hour in range(72):
        world.vendor.cents = 5000 if hour % 12 == 11 else 500
        world.reconcile(**blocked)
        told += [hour] * post(world, inbox).count("The balance is low and no payment is created")
        world.clock.advance(hours=1)
    assert told == [0, 24, 48]
    assert "CAP_DAY" in inbox.notices[0].body


def test_a_paid_payment_that_does_not_arrive_is_told(world, inbox):
    world.run()
    world.vendor.set("paid")
    world.reconcile()
    world.pass_time(minutes=64)
    assert "Paid but not arrived: 25.00 USD" in post(world, inbox)


def test_an_open_breaker_and_a_wish_for_approval_are_told(world, inbox):
    world.run(mode="approve")
    assert post(world, inbox) == ["May 25.00 USD be asked for?"]
    operator_actions.reject(world.ledger, world.only.payment_id, "me", world.clock.now())
    world.reconcile(breaker_failures=1)
    assert "Top-ups stopped: several payments failed in a row" in post(world, inbox)


def test_every_kind_of_notice_has_a_title_and_reads_without_a_payment_too(world):
    kinds = {*NOTICE_BY_STATE.values(), "pay_link", "half_life", "last_tenth", "mismatch", "credit_late", "external"}
    assert kinds | {"duplicate", "breaker", "low_balance"} == set(TITLES)
    world.run()
    row = drive_claim(world)
    for kind in (*TITLES, "cap_day_90"):
        assert render(replace(row, kind=kind), world.only, world.clock.now()).title


def drive_claim(world):
    from topups.ledger import outbox

    return outbox.lease_batch(world.ledger, ACCOUNT, world.clock.now())[0]


def test_apprise_brings_title_body_and_picture(service):
    notifier = AppriseNotifier([service.url])
    assert notifier.send(Notice("a title", "a body", urgent=True, qr=qr_png("x")))
    (message,) = service.taken
    assert (message["title"], message["message"], message["type"]) == ("a title", "a body", "warning")
    assert len(message["attachments"]) == 1


def test_apprise_is_loaded_without_a_warning_to_anybody():
    script = "from topups.notifications.delivery import AppriseNotifier; AppriseNotifier(['json://127.0.0.1:1'])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_address_that_apprise_does_not_know_is_named_by_its_place_only():
    with pytest.raises(ValueError, match="number 2") as told:
        AppriseNotifier(["json://127.0.0.1:1", "nonsense-with-a-secret"])
    assert "secret" not in str(told.value)
    assert not AppriseNotifier([]).send(Notice("t", "b")), "nobody is configured, so nobody took it"
