"""One pass and the passes after it: what is promised about money, one test per promise."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from topups import people
from topups.context import Step, drive
from topups.ledger.audit import audit
from topups.protocol import run
from topups.reasons import Reason
from topups.states import COUNTS_AS_CREATED, Oddity, State

ALL_STEPS = [
    *(Step.BALANCE_READ, Step.BALANCE_WRITTEN, Step.LIST_READ, Step.LIST_WRITTEN, Step.RECONCILED),
    *(Step.DECIDED, Step.RESERVED, Step.LISTED_IN_SLOT, Step.SENDING, Step.REQUESTED, Step.ANSWER_WRITTEN),
    *(Step.VERIFIED,),
]


@pytest.fixture(autouse=True)
def whole_ledger(world):
    """Invariants 8 and 18 hold at the end of every test here: legal steps, events replay, reserved = open intents."""
    yield
    assert audit(world.ledger) == []


def states(world) -> list[State]:
    return sorted(payment.state for payment in world.ledger.payments())


def test_a_low_balance_becomes_one_verified_open_payment(world):
    done = world.run()
    assert done.refusal is None
    assert world.only.state == State.OPEN
    assert world.only.amount_cents == 2500
    assert world.only.url == "https://pay.cryptomus.com/pay/session-1"
    assert world.vendor.created == [done.payment.order]


def test_invariant_1_there_is_at_most_one_payable_payment_however_often_a_pass_runs(world):
    for _ in range(40):
        world.run()
        world.clock.advance(minutes=3)
        assert sum(row.status == "check" for row in world.vendor.rows) <= 1
    assert len(world.vendor.created) == 1


@pytest.mark.parametrize("status", ["check", "process", "confirm_check", "wrong_amount_waiting", "locked", "new word"])
def test_invariant_2_nothing_is_created_while_another_payment_is_payable_or_confirming(world, status):
    world.vendor.bill(700, status)
    assert world.run().refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
    assert world.vendor.created == []


def test_invariant_2_a_payment_that_appears_while_the_slot_is_held_stops_the_request(world):
    steps = run(world.context)
    for step in steps:
        if step == Step.RESERVED:
            world.vendor.bill(700)
    assert world.vendor.created == []
    assert State.RELEASED in states(world)


@pytest.mark.parametrize("how", ["ok", "declined", "lost", "lost_after_commit", "raise", "wrong_amount"])
def test_invariant_3_an_intent_is_sent_at_most_once_whatever_comes_back(world, how):
    world.vendor.script = [how]
    for _ in range(10):
        world.run()
        world.clock.advance(minutes=1)
    assert len(world.vendor.created) == 1


@pytest.mark.parametrize("step", ALL_STEPS)
def test_invariant_3_a_crash_at_any_step_never_leads_to_a_second_request(world, step):
    steps = run(world.context)
    assert any(found == step for found in steps), "the step exists"
    steps.close()
    sent = len(world.vendor.created)
    for _ in range(30):
        world.run()
        world.clock.advance(minutes=4)
        assert sum(row.status == "check" for row in world.vendor.rows) <= 1
    # Nothing was sent before the crash, or it was found again: one request in two hours either way.
    assert len(world.vendor.created) == 1 >= sent
    assert world.ledger.payments(states=[State.OPEN])[0].vendor_payment_id == "order-1"


def test_invariant_4_every_request_has_an_earlier_committed_sending_row_of_its_amount(world):
    seen = []
    create = world.vendor.create

    def looked_up(order):
        seen.append([(p.state, p.amount_cents) for p in world.ledger.payments()])
        return create(order)

    world.vendor.create = looked_up
    world.run()
    assert seen == [[(State.SENDING, 2500)]]


def test_invariant_5_what_was_created_fills_the_caps_even_if_nobody_pays(world):
    loose = {"cooldown": timedelta(), "backoff": (timedelta(),), "breaker_failures": 99, "creates_per_day": 99}
    refusals = set()
    for _ in range(120):
        refusal = world.run(**loose).refusal
        refusals.add(refusal and refusal.reason)
        for number, row in enumerate(world.vendor.rows):
            if row.status == "check" and world.clock.now() >= row.ends_at:
                world.vendor.set("cancel", number)
        world.clock.advance(minutes=15)
        since = world.clock.now() - timedelta(days=1)
        recent = [p for p in world.ledger.payments() if p.counted_at > since and p.state in COUNTS_AS_CREATED]
        assert sum(payment.amount_cents for payment in recent) <= 6000
    assert len(world.vendor.created) == 4, "two a day; each leaves the window 24 hours after it was made"
    assert Reason.CAP_DAY in refusals


def test_invariant_6_every_payment_of_the_vendor_ends_in_the_ledger_exactly_once(world):
    world.vendor.bill(300, "cancel")
    world.vendor.bill(1500, "paid", "stripe")
    world.run()
    world.vendor.bill(900)
    for _ in range(3):
        world.reconcile()
    ids = [payment.vendor_payment_id for payment in world.ledger.payments()]
    assert sorted(ids) == ["order-1", "order-2", "order-3", "order-4"]
    assert states(world).count(State.EXTERNAL) == 3


def test_invariant_7_paid_is_credited_only_once_the_balance_shows_it(world):
    world.run()
    world.vendor.set("paid")
    world.pass_time(minutes=20)
    assert world.only.state == State.PAID
    assert world.run().refusal.reason == Reason.PAID_NOT_CREDITED
    world.vendor.cents += 2400  # a bit was spent meanwhile
    world.reconcile()
    assert world.only.state == State.CREDITED
    assert world.only.slot is None


def test_invariant_7_a_rise_of_the_balance_without_a_paid_payment_credits_nothing(world):
    world.run()
    world.vendor.cents += 2500
    world.reconcile()
    assert world.only.state == State.OPEN


def test_invariant_7_one_rise_credits_one_payment(world):
    world.vendor.bill(2500)
    world.reconcile()
    world.vendor.set("paid")
    world.run()  # the slot is free: ours follows
    world.vendor.set("paid")
    assert len(world.vendor.rows) == 2
    world.vendor.cents += 2500
    world.reconcile()
    assert State.PAID in states(world)
    world.vendor.cents += 2500
    world.reconcile()
    assert State.CREDITED in states(world)


@pytest.mark.parametrize("step", ALL_STEPS[: ALL_STEPS.index(Step.SENDING) + 1])
@pytest.mark.parametrize("switch", ["ledger", "environment"])
def test_invariant_9_a_kill_switch_thrown_at_any_step_before_the_request_stops_it(world, step, switch):
    environment: dict[str, str] = {}
    for found in run(replace(world.context, environment=environment)):
        if found == step:
            if switch == "ledger":
                people.pause(world.ledger, "me", "", world.clock.now())
            environment |= {"SMSONLINE_TOPUP_KILL": "1"} if switch == "environment" else {}
    assert world.vendor.created == []
    assert {State.RELEASED, State.NOT_SENT}.issuperset(states(world))
    people.resume(world.ledger, "me", world.clock.now())
    environment.clear()
    assert world.run(cooldown=timedelta()).refusal is None


def test_invariant_10_a_dry_run_decides_the_same_and_does_nothing(world):
    dry = world.run(mode="dry_run")
    assert dry.refusal.reason == Reason.DRY_RUN_WOULD_CREATE
    assert world.vendor.created == []
    assert world.only.state == State.SKIPPED
    assert world.ledger.controls("acc").reserved_cents == 0
    assert world.run(mode="dry_run").payment is None, "one trace per cooldown"
    real = world.run()
    assert real.decision == dry.refusal.decision


@pytest.mark.parametrize("trouble", ["balance_down", "list_down", "partial", "negative", "clock_back", "hidden"])
def test_invariant_11_a_bad_balance_list_or_clock_creates_nothing(world, trouble):
    reasons = {
        "balance_down": Reason.BALANCE_UNREADABLE,
        "list_down": Reason.VENDOR_LIST_UNAVAILABLE,
        "partial": Reason.VENDOR_LIST_INCOMPLETE,
        "negative": Reason.BALANCE_UNREADABLE,
        "clock_back": Reason.CLOCK_SUSPECT,
        "hidden": Reason.VENDOR_LIST_INCOMPLETE,
    }
    world.vendor.bill(300, "cancel")
    world.reconcile()
    if trouble == "negative":
        world.vendor.cents = -5
    elif trouble == "clock_back":
        world.clock.advance(minutes=-3)
    elif trouble == "hidden":
        world.vendor.hidden = {"order-1"}
    else:
        setattr(world.vendor, trouble, True)
    # A clock that ran backwards is caught where the ledger is read: the decision comes before anything is written.
    assert world.run().refusal.reason == reasons[trouble]
    assert world.vendor.created == []


def test_invariant_11_a_list_that_breaks_inside_the_slot_releases_it(world):
    for step in run(world.context):
        world.vendor.list_down = step == Step.RESERVED
    assert world.vendor.created == []
    assert world.only.state == State.RELEASED
    assert world.only.slot is None


def test_invariant_14_an_expiring_window_never_closes_the_breaker(world):
    world.vendor.script = ["declined"] * 9
    for _ in range(30):
        world.run()
        world.clock.advance(hours=40)
    assert len(world.vendor.created) == 3
    assert world.run().refusal.reason == Reason.BREAKER_OPEN
    people.resume(world.ledger, "me", world.clock.now(), "acc")
    world.vendor.script = []
    assert world.run().refusal is None


@pytest.mark.parametrize("how", ["lost", "lost_after_commit"])
@pytest.mark.parametrize("broken", ["", "list_down", "partial"])
def test_invariant_15_an_unknown_outcome_is_resolved_in_bounded_time(world, how, broken):
    world.vendor.script = [how]
    world.vendor.transactions = False
    world.run()
    assert world.only.state == State.UNKNOWN
    if broken:
        setattr(world.vendor, broken, True)
    world.pass_time(hours=2, minutes=2)
    found = world.ledger.payments()[-1]
    expected = {"lost": State.NOT_CREATED, "lost_after_commit": State.OPEN}[how]
    assert found.state == (State.NEEDS_HUMAN if broken else expected)
    if how == "lost_after_commit" and not broken:
        assert found.exception == Oddity.ADOPTED


@pytest.mark.parametrize("when", ["open", "unknown", "paid"])
def test_invariant_16_losing_the_ledger_never_leads_to_a_second_payable_payment(world, tmp_path, when):
    from topups.ledger import open_ledger

    world.vendor.script = ["lost_after_commit"] if when == "unknown" else []
    world.run()
    if when == "paid":
        world.vendor.set("confirm_check")
    with open_ledger(f"sqlite:///{tmp_path / 'fresh.db'}") as fresh:
        lost = replace(world.context, ledger=fresh)
        for _ in range(5):
            done = drive(run(lost))
            assert done.refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
            world.clock.advance(minutes=5)
        assert [payment.state for payment in fresh.payments()] == [State.EXTERNAL]
    assert len(world.vendor.created) == 1


def test_two_passes_interleaved_at_every_step_ask_for_one_payment(world):
    """A second pass runs from start to end at each step of the first."""
    for step in run(world.context):
        if step == Step.SENDING:
            world.clock.advance(seconds=1)
        drive(run(world.context))
    assert len(world.vendor.created) == 1
    assert len([row for row in world.vendor.rows if row.status == "check"]) == 1


def test_a_decision_leads_to_one_payment_however_often_its_run_is_executed(world):
    world.run("decision-1")
    world.vendor.set("paid")
    world.vendor.cents += 2500
    world.reconcile()
    world.clock.advance(hours=1)
    world.vendor.cents = 500
    assert world.run("decision-1").refusal.reason == Reason.LOST_RACE
    assert world.run("decision-2").refusal is None


def test_a_process_that_stalls_before_the_request_does_not_send_it(world):
    for step in run(world.context):
        if step == Step.SENDING:
            world.clock.advance(minutes=61)
    assert world.vendor.created == []
    assert world.only.state == State.NOT_SENT


def test_a_payment_that_another_program_gave_up_on_is_not_sent(world):
    for step in run(world.context):
        if step == Step.SENDING:
            world.ledger.move(world.only, State.UNKNOWN, world.clock.now())
    assert world.vendor.created == []
    assert world.only.state == State.UNKNOWN


def test_an_answer_that_comes_after_the_payment_was_given_up_on_still_counts(world):
    world.vendor.hidden = {"order-1"}  # the list lags
    for step in run(world.context):
        if step == Step.REQUESTED:
            world.ledger.move(world.only, State.UNKNOWN, world.clock.now())
    assert world.only.claim["session_id"] == "session-1"
    world.vendor.hidden = set()
    world.reconcile()
    assert world.only.state == State.OPEN
    assert world.only.exception == Oddity.NONE


def test_an_unpaid_payment_keeps_its_slot_until_the_grace_is_over_and_then_backs_off(world):
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


def test_a_late_payment_is_followed_to_its_credit_beside_the_next_one(world):
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
    assert (first.state, first.exception) == (State.CREDITED, Oddity.PAID_LATE)
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
        ("wrong_amount_waiting", State.UNDERPAID_WAITING, Oddity.PAID_PARTIAL),
        ("check", State.OPEN, Oddity.PAID_PARTIAL),
        ("locked", State.LOCKED, Oddity.PAID_PARTIAL),
        ("process", State.CONFIRMING, Oddity.PAID_PARTIAL),
        ("paid_over", State.PAID, Oddity.PAID_OVER),
        ("refund_process", State.REFUNDING, Oddity.PAID_OVER),
        ("refund_paid", State.REFUNDED, Oddity.PAID_OVER),
    ]
    world.run()
    for status, state, oddity in story:
        world.vendor.set(status)
        world.reconcile()
        assert (world.only.state, world.only.exception) == (state, oddity)


def test_a_large_payment_waits_for_a_person_and_is_sent_once_agreed(world):
    asked = world.run(approval_above_cents=1000)
    assert asked.refusal.reason == Reason.AWAITING_APPROVAL
    assert world.run(approval_above_cents=1000).refusal.reason == Reason.AWAITING_APPROVAL
    assert world.ledger.controls("acc").reserved_cents == 0
    payment_id = asked.payment.payment_id
    for _ in range(2):  # a second click changes nothing
        people.approve(world.ledger, payment_id, "me", world.clock.now(), world.context.policy)
    world.vendor.cents -= 200
    done = world.run(approval_above_cents=1000)
    assert done.payment.payment_id == payment_id
    assert done.payment.amount_cents == 2500, "never more than what was agreed to"
    assert world.only.state == State.OPEN


def test_an_approval_that_nobody_gave_expires_and_backs_off(world):
    asked = world.run(mode="approve")
    world.clock.advance(hours=25)
    assert world.run(mode="approve").refusal.reason == Reason.BACKOFF
    assert world.only.state == State.RELEASED
    with pytest.raises(people.NotPossible):
        people.approve(world.ledger, asked.payment.payment_id, "me", world.clock.now(), world.context.policy)


def test_a_refused_approval_creates_nothing(world):
    asked = world.run(mode="approve")
    people.refuse(world.ledger, asked.payment.payment_id, "me", world.clock.now())
    assert world.run(mode="approve").refusal.reason == Reason.BACKOFF
    assert world.vendor.created == []


def test_a_stuck_payment_can_be_declared_finished_by_a_person(world):
    world.run()
    world.vendor.set("paid")
    world.reconcile()
    done = people.finish(world.ledger, world.only.payment_id, "me", world.clock.now())
    assert (done.state, done.exception, done.slot) == (State.CLOSED, Oddity.MANUAL_MARK, None)


@pytest.mark.parametrize("policy", [{"mode": "off"}, {"cap_week_cents": None}])
def test_switched_off_or_without_caps_nobody_even_asks_the_vendor(world, policy):
    world.vendor.balance_down = world.vendor.list_down = True
    assert world.run(**policy).refusal.reason in (Reason.DISABLED, Reason.NO_POLICY)
    assert world.ledger.payments() == []


def test_a_payment_of_another_amount_than_asked_for_is_opened_without_a_link_and_flagged(world):
    world.vendor.script = ["wrong_amount"]
    world.run()
    assert (world.only.state, world.only.exception, world.only.url) == (State.OPEN, Oddity.AMOUNT_MISMATCH, None)
    assert world.ledger.snapshot("acc", world.clock.now()).created_cents(world.clock.now() - timedelta(days=1)) == 2600


def test_a_link_to_a_foreign_host_is_never_kept_as_verified(world):
    world.vendor.host = "pay.cryptomus.com.evil.example"
    world.run()
    world.pass_time(minutes=20)
    assert world.only.state == State.OPEN
    assert world.only.url is None


def test_somebody_elses_payment_is_not_taken_for_ours_while_ours_may_still_come(world):
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


def test_a_payment_committed_after_it_was_given_up_is_found_counted_and_told(world):
    world.vendor.script = ["lost"]
    world.run()
    world.pass_time(minutes=20)
    assert world.only.state == State.NOT_CREATED
    world.vendor.bill(2500)
    world.reconcile()
    late = world.ledger.payments(states=[State.EXTERNAL])[0]
    assert late.exception == Oddity.DUPLICATE_SUSPECTED
    snapshot = world.ledger.snapshot("acc", world.clock.now())
    assert snapshot.created_cents(world.clock.now() - timedelta(days=1)) == 2500
    assert world.run().refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR


def test_with_unlike_cents_a_lost_payment_is_found_at_once(world):
    world.vendor.script = ["lost_after_commit"]
    world.run(fingerprint=True)
    assert world.vendor.created[0].amount_cents % 100 != 0
    world.clock.advance(minutes=1)
    world.reconcile(fingerprint=True)
    assert world.only.state == State.OPEN
    assert world.only.url, "its link comes from the vendor's own read"


def test_a_vendor_that_names_nothing_is_recognised_by_the_link_behind_the_row(world):
    """Neither ``sesid`` nor ``payId`` equals the last part of the link."""
    world.vendor.url = lambda row: f"https://pay.cryptomus.com/pay/uuid-of-{row.vendor_id}"
    create = world.vendor.create

    def nameless(order):
        answered = create(order)
        return replace(answered, claim=replace(answered.claim, session_id=answered.claim.url.rsplit("/", 1)[1]))

    world.vendor.create = nameless
    world.run()
    assert world.only.state == State.OPEN
    assert world.only.url == "https://pay.cryptomus.com/pay/uuid-of-order-1"


def test_every_decision_is_written_down_with_its_facts(world):
    world.vendor.cents = 5000
    world.run("quiet")
    found = world.ledger.observations("acc", "decision")[0]
    assert found.facts["reason"] == Reason.BALANCE_OK
    assert found.facts["decision_id"] == "quiet"
