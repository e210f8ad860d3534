"""A clock that is wrong for one pass, or longer, with and without the vendor's ``Date``: nothing changes by time alone,
and nothing of it is left once the clock is right.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from topup_fakes import ACCOUNT, POLICY, START, Inbox, World, run_killed_at

from topups import operator_actions
from topups.decision.snapshot import Reason
from topups.ledger.companion_files import LedgerWatermark
from topups.ledger.schema import ALL_ACCOUNTS
from topups.notifications.delivery import deliver_outbox
from topups.payment_states import PaymentException, State
from topups.vendor.http_gateway import _vendor_time
from topups.workflow.context import Checkpoint

YEAR, FORTY_DAYS, TWO_HOURS = timedelta(days=365), timedelta(days=40), timedelta(hours=2)


def send_dates(world: World) -> dict[str, timedelta]:
    """The vendor's responses have a ``Date``, which is right whatever our clock does. Returns our clock's error."""
    error = {"ahead": timedelta()}
    balance, payments = world.vendor.balance, world.vendor.payments

    def dated(read):
        response = read()
        return replace(response, vendor_at=response.at - error["ahead"])

    world.vendor.balance, world.vendor.payments = lambda: dated(balance), lambda: dated(payments)
    return error


class Jumping:
    """The world's clock with an error, for as long as ``wrong`` lasts."""

    def __init__(self, world: World, *, dates: bool) -> None:
        self.world, self.error = world, send_dates(world) if dates else {}

    def jump(self, span: timedelta) -> None:
        self.world.clock.at += span
        self.error["ahead"] = self.error.get("ahead", timedelta()) + span

    def one_wrong_pass(self, span: timedelta) -> None:
        """The next pass has the wrong time; the one after it, two minutes later, the right one."""
        self.world.clock.advance(minutes=2)
        self.jump(span)
        self.world.run()
        self.jump(-span)
        self.world.clock.advance(minutes=2)


@pytest.fixture(params=[True, False], ids=["with Date", "without Date"])
def jumping(world, request) -> Jumping:
    return Jumping(world, dates=request.param)


def settle(world: World) -> None:
    """Paid and credited, and the cooldown is over."""
    world.vendor.set("paid")
    world.vendor.cents += 2500
    world.pass_time(minutes=40)
    assert world.ledger.payments()[0].state == State.CREDITED


@pytest.mark.parametrize("span", [YEAR, FORTY_DAYS, -FORTY_DAYS, -YEAR])
def test_one_wrong_pass_changes_nothing_by_time(world, jumping, span):
    world.run()
    jumping.one_wrong_pass(span)
    assert world.only.state == State.OPEN
    world.pass_time(minutes=4)
    assert world.only.state == State.OPEN
    assert all(at <= world.clock.now() for at in instants(world))


@pytest.mark.parametrize("span", [YEAR, FORTY_DAYS, TWO_HOURS])
def test_next_low_balance_is_served_after_a_wrong_pass(world, jumping, span):
    """Neither CLOCK_SUSPECT nor COOLDOWN nor BACKOFF outlives the wrong time."""
    world.run()
    settle(world)
    jumping.one_wrong_pass(span)
    world.pass_time(minutes=4)
    world.vendor.cents = 500
    assert world.run().payment.state == State.OPEN


@pytest.mark.parametrize("status", ["check", "process", "cancel"])
def test_wrong_pass_sends_no_notice_of_the_end(world, jumping, status):
    world.run()
    world.vendor.set(status)
    deliver_outbox(world.ledger, Inbox(), ACCOUNT, world.clock)
    jumping.one_wrong_pass(YEAR)
    inbox = Inbox()
    deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock)
    assert not [title for title in inbox.titles if "expired" in title or "time" in title]


def test_unknown_outcome_stays_open_after_a_jump(world, jumping):
    """Not "not created" after three lists, one of them a year later; no "needs a person" by age."""
    world.vendor.script = ["lost_after_commit"]
    world.vendor.hidden = {"order-1"}
    world.run()
    jumping.one_wrong_pass(YEAR)
    assert world.only.state == State.UNKNOWN
    world.vendor.hidden = set()
    world.pass_time(minutes=20)
    assert world.only.state == State.OPEN


def test_approval_does_not_expire_by_a_jump(world, jumping):
    requested = world.run(mode="approve")
    jumping.world = World(world.with_policy(mode="approve"), world.vendor, world.clock, world.ledger)
    jumping.one_wrong_pass(FORTY_DAYS)
    operator_actions.approve(world.ledger, requested.payment.payment_id, "me", world.clock.now(), POLICY)
    assert world.run(mode="approve").payment.state == State.OPEN


@pytest.mark.parametrize("span", [YEAR, FORTY_DAYS, -FORTY_DAYS])
def test_wrong_pass_requests_nothing(world, jumping, span):
    """A jump past the windows would empty the caps."""
    world.reconcile()
    world.clock.advance(minutes=2)
    jumping.jump(span)
    assert world.run().refusal.reason == Reason.CLOCK_SUSPECT
    assert world.vendor.created == []


def test_time_passes_by_the_vendors_clock_while_ours_is_ahead(world):
    """For days: the invoice ends when it ends, and nothing in the ledger lies ahead."""
    jumping = Jumping(world, dates=True)
    world.run()
    jumping.jump(YEAR)
    world.pass_time(minutes=20)
    assert world.only.state == State.OPEN
    world.vendor.set("cancel")
    world.pass_time(minutes=100)
    assert world.only.state == State.EXPIRED
    jumping.jump(-YEAR)
    assert all(at <= world.clock.now() for at in instants(world))


def test_failure_dated_ahead_gives_way(world, jumping):
    """What an earlier version wrote while the clock was ahead: back-off and cooldown of a year."""
    world.vendor.script = ["declined"]
    world.run()
    next_year = world.clock.now() + YEAR
    world.ledger.update_controls(ACCOUNT, "test", world.clock.now(), last_failure_at=next_year)
    world.ledger.update_payment(
        world.only, "test", world.clock.now(), {"slot_freed_at": next_year, "counted_at": next_year}
    )
    world.pass_time(minutes=64)
    assert world.run().payment.state == State.OPEN


def test_operator_confirms_the_clock(world):
    """Without a Date nobody but a person can tell which of two long histories is right."""
    world.pass_time(hours=1)
    world.clock.at -= FORTY_DAYS
    assert world.run().refusal.reason == Reason.CLOCK_SUSPECT
    assert "smsonline topup resume" in world.run().refusal.explanation
    operator_actions.resume(world.ledger, "me", world.clock.now(), ACCOUNT)
    assert world.run().payment.state == State.OPEN


def test_request_that_died_in_a_wrong_first_pass_times_out(world):
    """Its deadline was next year's too: until then it would have held the slot."""
    world.clock.at += YEAR
    run_killed_at(world.context, Checkpoint.SENDING)
    world.clock.at -= YEAR
    operator_actions.resume(world.ledger, "me", world.clock.now(), ACCOUNT)
    world.pass_time(minutes=40)
    assert world.only.state == State.NOT_CREATED


def test_long_sleep_costs_one_pass(world):
    """Without a Date and without a row of these days, the first pass after them only looks."""
    world.reconcile()
    world.clock.advance(days=40)
    assert world.run().refusal.reason == Reason.CLOCK_SUSPECT
    world.clock.advance(minutes=2)
    assert world.run().payment.state == State.OPEN


def test_row_of_today_confirms_a_long_sleep(world):
    world.reconcile()
    world.clock.advance(days=40)
    world.vendor.bill(900, "paid")
    assert world.run().payment.state == State.OPEN


@pytest.mark.parametrize(
    ("date", "vendor_at"), [(0, 0), (170, 0), (300, 120), (-90, -90), (-YEAR.total_seconds(), -YEAR.total_seconds())]
)
def test_slow_response_is_no_clock_error(date, vendor_at):
    """A ``Date`` between request and response, three minutes later, agrees with ours."""
    seconds = [timedelta(seconds=value) for value in (date, vendor_at)]
    assert _vendor_time(START, START + timedelta(minutes=3), START + seconds[0]) == START + seconds[1]


def test_implausible_date_is_none():
    assert _vendor_time(START, START, datetime(1, 1, 1, tzinfo=UTC)) is None
    assert _vendor_time(START, START, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) is None


def instants(world: World) -> list:
    payments = world.ledger.payments()
    seen = [o.at for kind in ("balance", "payments", "decision") for o in world.ledger.observations(ACCOUNT, kind)]
    return [*seen, *(at for p in payments for at in (p.created_at, p.counted_at, p.state_since, p.listed_at) if at)]


def test_wrong_pass_extends_no_doubt_about_the_ledger(world, jumping):
    unlike = LedgerWatermark("another-ledger", 7, "hash")
    world.context = replace(world.context, other_watermarks=lambda: [unlike])
    world.reconcile()
    world.context = replace(world.context, other_watermarks=tuple)
    world.pass_time(minutes=40)
    before = world.ledger.controls(ALL_ACCOUNTS).unproven_until
    jumping.one_wrong_pass(YEAR)
    world.pass_time(minutes=4)
    assert before < world.clock.now()
    assert world.ledger.controls(ALL_ACCOUNTS).unproven_until == before


def test_payment_seen_first_in_a_wrong_pass_is_attributed_in_the_next(world, jumping):
    world.reconcile()
    world.vendor.bill(1500)
    jumping.one_wrong_pass(YEAR)
    assert world.ledger.payments() == []
    world.reconcile()
    assert world.only.exception == PaymentException.UNPROVEN
    assert world.only.counted_at <= world.clock.now()
