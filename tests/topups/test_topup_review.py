"""Ways to stop for ever, to pay more than was meant, and to tell a person something that is not so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, POLICY, START, Inbox

from topups import operator_actions
from topups.decision.evaluate import evaluate
from topups.decision.reasons import Reason
from topups.decision.replay import replay_snapshot
from topups.decision.rules import clock_in_sync
from topups.gateway import Balance
from topups.notifications.delivery import AppriseNotifier, deliver_outbox
from topups.notifications.messages import Notice
from topups.payment_states import PaymentException, State
from topups.policy import Policy, policy_from

WALLET = {"rail": "v3_wallet", "currency": "USDT", "network": "TRON"}


def told(world, **policy) -> list[str]:
    """The bodies of the notices that are due, with their titles."""
    world.reconcile(**policy)
    inbox = Inbox()
    deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock)
    return [f"{notice.title}\n{notice.body}" for notice in inbox.notices]


# What never ends


@pytest.mark.parametrize("word", ["check", "a word nobody knows"])
def test_a_payment_that_the_vendor_never_closes_gives_its_slot_back_a_day_after_its_end(world, word):
    world.run()
    world.vendor.set(word)
    world.clock.advance(hours=24, minutes=59)
    world.reconcile()
    assert world.only.state == State.OPEN
    world.clock.advance(minutes=31)
    world.reconcile()
    assert world.only.state == State.EXPIRED
    world.clock.advance(hours=1)
    assert world.run().refusal is None


@pytest.mark.parametrize("word", ["fail", "system_fail"])
def test_a_late_payment_that_fails_after_all_blocks_nothing(world, word):
    world.run()
    world.vendor.set("cancel")
    world.clock.advance(minutes=91)
    world.reconcile()
    world.vendor.set("confirm_check")
    world.reconcile()
    assert world.only.state == State.LATE_CONFIRMING
    world.vendor.set(word)
    world.reconcile()
    assert world.only.state == State.EXPIRED
    assert world.ledger.controls(ACCOUNT).failures == 1, "it failed once"
    world.clock.advance(hours=2)
    assert world.run().refusal is None


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (["process"], State.CONFIRMING),
        (["wrong_amount_waiting"], State.UNDERPAID_WAITING),
        (["system_fail", "process"], State.LATE_CONFIRMING),
    ],
)
def test_a_person_may_finish_a_payment_that_hangs_for_ever(world, words, state):
    world.run()
    for word in words:
        world.vendor.set(word)
        world.reconcile()
    assert world.only.state == state
    finished = operator_actions.close(world.ledger, world.only.payment_id, "me", world.clock.now())
    assert (finished.state, finished.slot, finished.exception) == (State.CLOSED, None, PaymentException.MANUAL_MARK)


def test_a_clock_that_was_once_far_ahead_stops_nothing_when_the_vendors_clock_confirms_the_present_one(world):
    world.ledger.record_balance(ACCOUNT, Balance(500, START + timedelta(days=400)), START + timedelta(days=400))
    assert world.run().refusal.reason == Reason.CLOCK_SUSPECT
    honest = world.vendor.balance
    world.vendor.balance = lambda: replace(honest(), vendor_at=world.clock.now())
    assert world.run().refusal is None


def test_a_clock_that_ran_back_since_the_balance_was_seen_is_suspect_whatever_the_vendor_said_then(world):
    seen = replace(world.ledger.snapshot(ACCOUNT, START), balance=Balance(500, START, START))
    assert not clock_in_sync(seen, POLICY, START - timedelta(minutes=3)).passed


def test_an_approved_payment_that_was_not_needed_any_more_is_no_failure(world):
    asked = world.run(approval_above_cents=1000)
    operator_actions.approve(world.ledger, asked.payment.payment_id, "me", world.clock.now(), POLICY)
    world.vendor.cents = 5000
    world.clock.advance(hours=25)
    world.reconcile()
    assert world.only.state == State.RELEASED
    assert "nobody approved" not in world.only.detail
    assert world.ledger.controls(ACCOUNT).failures == 0


# What was agreed


def test_a_limit_of_zero_above_which_a_person_has_to_agree_is_a_limit(world):
    assert world.run(approval_above_cents=0).refusal.reason == Reason.AWAITING_APPROVAL
    assert Policy(target_cents=100, exposure_cents=0).exposure_limit_cents == 0


def test_an_approved_payment_is_asked_for_in_the_coin_that_the_policy_allows_by_now(world):
    asked = world.run(**WALLET, approval_above_cents=1000)
    operator_actions.approve(world.ledger, asked.payment.payment_id, "me", world.clock.now(), POLICY)
    now = {**WALLET, "network": "BSC", "networks": frozenset({"BSC"})}
    world.run(**now, approval_above_cents=1000)
    assert [order.network for order in world.vendor.created] == ["BSC"]
    assert world.only.network == "BSC"


def test_an_approved_payment_keeps_unlike_cents_when_less_is_missing_by_now(world):
    policy = {"approval_above_cents": 1000, "fingerprint": True}
    asked = world.run(**policy)
    operator_actions.approve(world.ledger, asked.payment.payment_id, "me", world.clock.now(), POLICY)
    world.vendor.cents = 600
    world.run(**policy)
    assert [order.amount_cents for order in world.vendor.created] == [2397]


@pytest.mark.parametrize(
    "values",
    [{"fingerprint": "false"}, {"cooldown_seconds": float("inf")}, {"backoff": []}, {"creates_per_day": float("inf")}],
)
def test_an_entry_of_the_policy_that_means_nothing_is_refused_by_its_name(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        policy_from(values)


# What is told


@pytest.mark.parametrize("how", ["declined", "lost"])
def test_a_notice_never_carries_a_link_or_an_address_out_of_the_vendors_words(world, how):
    address = "T" + "9" * 33
    words = f"HTTP 302 to https://evil.example/pay/x, or send it to {address}"
    create = world.vendor.create
    world.vendor.script = [how]
    world.vendor.create = lambda order: type(create(order))(words)
    world.run()
    text = "\n".join(told(world))
    assert "HTTP 302" in text
    assert "evil.example/pay" not in text
    assert address not in text


def test_a_payment_of_which_a_part_was_paid_is_never_asked_for_in_full(world):
    world.run(**WALLET)
    assert any("Send 5.00 USDT" in text for text in told(world))
    world.vendor.set("wrong_amount_waiting")
    world.clock.advance(minutes=31)
    texts = told(world)
    assert len(texts) == 2, "underpaid, and half of the time is over"
    for text in texts:
        assert "Send 5.00 USDT" not in text
        assert "only what is missing" in text


@pytest.mark.parametrize("trouble", ["cancel", "wrong_amount"])
def test_nobody_is_reminded_to_pay_what_must_not_or_cannot_be_paid(world, trouble):
    world.vendor.script = [trouble] * (trouble == "wrong_amount")
    world.run()
    told(world)
    if trouble == "cancel":
        world.vendor.set("cancel")
    for _ in range(6):
        world.clock.advance(minutes=10)
        assert told(world) == []


def test_a_cancelled_payment_is_not_asked_for_by_a_notice_that_waited(world):
    world.run()
    world.vendor.set("cancel")
    assert told(world) == []


@pytest.mark.parametrize("whose", ["ours", "somebody else's"])
def test_a_low_balance_is_told_once_a_payment_hangs_for_a_day(world, whose):
    """Its own notices came and went; nobody would hear of the balance again."""
    if whose == "ours":
        world.run()
        world.vendor.set("wrong_amount")
    else:
        world.vendor.bill(700, "process")
    told(world)
    titles = []
    for _ in range(72):
        world.clock.advance(hours=1)
        titles += [text.partition("\n")[0] for text in told(world)]
    assert titles == ["The balance is low and no payment is created"]


def test_a_past_plan_knows_of_somebody_elses_open_payment(world):
    world.vendor.bill(700)
    assert world.run().refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
    now = world.clock.now()
    verdict = evaluate(replay_snapshot(world.ledger, ACCOUNT, now), POLICY, now).decision
    assert getattr(verdict, "reason", "would create") == Reason.PAYMENT_OPEN_AT_VENDOR


def test_a_suspected_duplicate_counts_from_when_it_was_seen_whatever_zone_the_vendor_writes_in(world):
    world.vendor.script = ["lost"]
    world.run()
    world.pass_time(minutes=20)
    world.vendor.bill(2500)
    world.vendor.rows[0] = replace(world.vendor.rows[0], created_at=world.clock.now() - timedelta(hours=8))
    world.reconcile()
    suspected = world.ledger.payments(states=[State.EXTERNAL])[0]
    assert suspected.exception == PaymentException.DUPLICATE_SUSPECTED
    assert suspected.counted_at == world.clock.now()


def test_a_reader_sees_one_state_of_the_ledger_while_others_write(any_ledger):
    """The mirror reads the last event first and then all of them: an event in between would be mirrored twice."""
    count = "SELECT count(*) FROM events"
    with any_ledger.read_transaction() as connection:
        before = connection.exec_driver_sql(count).scalar()
        operator_actions.pause(any_ledger, "me", "", START)
        assert connection.exec_driver_sql(count).scalar() == before
    with any_ledger.read_transaction() as connection:
        assert connection.exec_driver_sql(count).scalar() == before + 1


def test_a_service_that_is_down_does_not_bring_a_notice_to_the_others_again(service):
    down = "json://127.0.0.1:1"
    assert AppriseNotifier([down, service.url]).send(Notice("a title", "a body"))
    assert len(service.taken) == 1
    assert not AppriseNotifier([down]).send(Notice("a title", "a body"))
