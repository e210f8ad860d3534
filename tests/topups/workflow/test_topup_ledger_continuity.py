"""A ledger that was lost or restored: caps hold, a pause stays, and what nobody can know stops payments."""

from dataclasses import replace
from datetime import timedelta

import pytest
from ledger_computer import Computer, lose
from topup_fakes import ACCOUNT, START

from topups import operator_actions
from topups.decision.evaluate import evaluate
from topups.decision.snapshot import Reason
from topups.ledger.companion_files import LedgerWatermark
from topups.ledger.schema import ALL_ACCOUNTS
from topups.payment_states import PaymentException
from topups.workflow.reconcile import preview_snapshot
from topups.workflow.watermarks import missing_request, pause_reason


@pytest.fixture
def computer(tmp_path, vendor, clock):
    return Computer(tmp_path / "one", vendor, clock)


@pytest.mark.promise("The vendor's list then carries the caps")
@pytest.mark.parametrize("how", ["deleted", "emptied", "container"])
def test_cap_outlives_a_lost_ledger(computer, how):
    for _ in range(4):
        computer.run()
        if computer.vendor.payable():
            computer.pay()
        lose(computer, how)
    assert len(computer.vendor.created) == 2
    assert computer.reason() == Reason.CAP_DAY
    assert set(computer.exceptions()) == {PaymentException.UNPROVEN}


@pytest.mark.promise("Until you say so, such payments (exception `unproven`) count like its own")
def test_cap_outlives_a_restored_folder(computer, tmp_path):
    computer.reconcile()
    computer.back_up(tmp_path / "backup")
    for _ in range(2):
        computer.run()
        computer.pay()
    computer.restore(tmp_path / "backup")
    assert computer.reason() == Reason.CAP_DAY
    assert computer.reason() == Reason.CAP_DAY
    assert computer.titles().count("The ledger may lack payments: those at the vendor count as its own") == 1
    assert computer.exceptions() == [PaymentException.UNPROVEN] * 2


@pytest.mark.parametrize("how", ["intact", "deleted", "restored", "container", "foreign"])
@pytest.mark.parametrize("paid_only", [False, True])
def test_preview_decides_as_the_run_after_it(computer, tmp_path, how, paid_only):
    computer.adopt()
    computer.back_up(tmp_path / "backup")
    for _ in range(2):
        computer.run()
        computer.pay()
    if how == "foreign":
        computer.vendor.bill(4800, "paid")
        computer.clock.advance(minutes=70)
    elif how == "restored":
        computer.restore(tmp_path / "backup")
    elif how != "intact":
        lose(computer, how)
    computer.policy = replace(computer.policy, list_shows_paid_only=paid_only)
    with computer.opened() as ledger:
        preview = evaluate(preview_snapshot(computer.context(ledger)), computer.policy, computer.clock.now())
    refusal = computer.run().refusal
    assert (preview.refusal and preview.refusal.reason) == (refusal and refusal.reason)


def test_count_of_the_day_outlives_the_ledger(computer):
    computer.policy = replace(computer.policy, creates_per_day=1)
    computer.run()
    computer.pay()
    computer.remove()
    assert computer.reason() == Reason.COUNT_CAP


@pytest.mark.parametrize(("hours", "reason"), [(30, Reason.CAP_DAY), (39, None)])
def test_foreign_time_counts_in_the_latest_zone(computer, hours, reason):
    """The row may have been made up to 14 h after the time that it names."""
    for _ in range(2):
        computer.run()
        computer.pay()
    computer.remove(".watermark")
    computer.clock.advance(hours=hours)
    assert computer.reason() == reason


@pytest.mark.parametrize("created_at", [None, START + timedelta(hours=10)])
def test_row_without_a_usable_time_counts_from_now(computer, created_at):
    computer.vendor.bill(4800, "paid")
    computer.vendor.rows[0] = replace(computer.vendor.rows[0], created_at=created_at)
    assert computer.reason() == Reason.CAP_DAY


def test_breaker_and_back_off_outlive_the_ledger(computer):
    computer.policy = replace(computer.policy, breaker_failures=2, backoff=(timedelta(hours=4),))
    computer.vendor.bill(2500, "cancel")
    assert computer.reason() == Reason.BACKOFF
    computer.remove()
    computer.vendor.bill(1000, "fail")
    assert computer.reason() == Reason.BREAKER_OPEN
    with computer.opened() as ledger:
        operator_actions.resume(ledger, "anna", computer.clock.now(), ACCOUNT)
    assert computer.reason() is None


def test_paid_row_ends_the_failures_before_it(computer):
    computer.policy = replace(computer.policy, breaker_failures=1)
    computer.vendor.bill(100, "cancel")
    computer.clock.advance(hours=20)
    computer.vendor.bill(100, "paid")
    assert computer.reason() is None


@pytest.mark.promise("They stop counting when they leave the windows, or with")
def test_adopt_ends_the_doubt(computer):
    for _ in range(2):
        computer.run()
        computer.pay()
    computer.remove()
    assert computer.reason() == Reason.CAP_DAY
    assert [payment.exception for payment in computer.adopt()] == [PaymentException.EXTERNAL] * 2
    assert computer.adopt() == []
    computer.clock.advance(minutes=1)
    assert computer.reason() is None
    with computer.opened() as ledger:
        adopted = [event for event in ledger.events() if event.kind == "adopted_ledger"]
    assert {event.changes["by"] for event in adopted} == {"anna"}


def test_adopt_waits_for_an_unknown_outcome(computer):
    computer.vendor.script = ["lost_after_commit"]
    computer.run()
    with pytest.raises(operator_actions.ActionNotAllowed, match=r"outcome of payment .* not known yet"):
        computer.adopt()


def test_intact_ledger_is_not_doubted(computer):
    computer.run()
    computer.pay()
    computer.adopt()
    computer.vendor.bill(1234, "paid")
    for _ in range(3):
        computer.clock.advance(minutes=5)
        computer.reconcile()
    with computer.opened() as ledger:
        assert ledger.controls(ALL_ACCOUNTS).unproven_until is None
    assert computer.exceptions() == [PaymentException.EXTERNAL]
    assert computer.titles() == []


def test_rows_after_a_gap_may_be_ours(computer):
    computer.adopt()
    computer.reconcile()
    computer.clock.advance(minutes=61)
    computer.vendor.bill(4800, "paid")
    assert computer.reason() == Reason.CAP_DAY
    assert computer.exceptions() == [PaymentException.UNPROVEN]


@pytest.mark.parametrize("problem", ["ahead", "other history", "other ledger", "damaged"])
@pytest.mark.parametrize("location", ["file", "warehouse"])
def test_watermark_that_does_not_fit_is_a_doubt(computer, problem, location):
    computer.run()
    computer.pay()
    computer.adopt()
    computer.reconcile()
    with computer.opened() as ledger:
        watermark = computer.context(ledger).companions.read_watermarks()[0]
    wrong = {
        "ahead": replace(watermark, seq=watermark.seq + 3),
        "other history": replace(watermark, hash="0" * 64),
        "other ledger": replace(watermark, ledger_id="another"),
        "damaged": LedgerWatermark("", 0, "", problem="the file cannot be read"),
    }[problem]
    if location == "warehouse":
        computer.further_watermarks = (wrong,)
    else:
        text = (
            "{"
            if problem == "damaged"
            else f'{{"ledger_id":"{wrong.ledger_id}","seq":{wrong.seq},"hash":"{wrong.hash}","requested_at":null}}'
        )
        (computer.state / "ledger-1.watermark").write_text(text)
    assert computer.reconcile().contradiction
    computer.vendor.bill(4800, "paid")
    assert computer.reason() == Reason.CAP_DAY
    computer.further_watermarks = ()
    assert computer.reconcile().contradiction == ""


def test_behind_is_not_a_doubt(computer):
    computer.run()
    with computer.opened() as ledger:
        first = ledger.events()[2]
        watermark = computer.context(ledger).companions.read_watermarks()[0]
    computer.further_watermarks = (replace(watermark, seq=first.seq, hash=first.hash),)
    assert computer.reconcile().contradiction == ""


@pytest.mark.promise("A request that left less than 15 minutes before the loss stops everything until these are over")
def test_request_that_only_the_watermark_knows_stops(computer, tmp_path):
    computer.reconcile()
    computer.adopt()
    computer.back_up(tmp_path / "backup")
    computer.vendor.script = ["lost"]
    computer.run()
    computer.restore(tmp_path / "backup")
    computer.clock.advance(minutes=14)
    refusal = computer.run().refusal
    assert refusal.reason == Reason.LEDGER_UNPROVEN
    assert "a request that left at 2026-03-02 09:00:00 UTC is not in this ledger" in refusal.figure
    computer.clock.advance(minutes=1)
    assert computer.reason() is None
    assert len(computer.vendor.created) == 2


def test_request_dated_ahead_waits_from_now_on(computer):
    """A lost ledger does not know the request that left while the clock was a year ahead."""
    computer.reconcile()
    computer.adopt()
    with computer.opened() as ledger:
        files = computer.context(ledger).companions
        future = replace(files.read_watermarks()[0], requested_at=START + timedelta(days=365))
        files.write_watermark(future)
    assert computer.reason() == Reason.LEDGER_UNPROVEN
    assert {watermark.requested_at for watermark in files.read_watermarks()} == {START}
    computer.clock.advance(minutes=14)
    assert computer.reason() == Reason.LEDGER_UNPROVEN
    computer.clock.advance(minutes=1)
    assert computer.reason() is None


def test_request_of_a_clock_ahead_is_that_of_its_payment(computer):
    computer.clock.advance(days=365)
    computer.run()
    computer.clock.at = START + timedelta(minutes=2)
    balance, payments, right = computer.vendor.balance, computer.vendor.payments, computer.clock.now()
    computer.vendor.balance = lambda: replace(balance(), vendor_at=right)
    computer.vendor.payments = lambda: replace(payments(), vendor_at=right)
    computer.reconcile()
    with computer.opened() as ledger:
        context = computer.context(ledger)
        assert {w.requested_at for w in context.companions.read_watermarks()} == {START + timedelta(minutes=2)}
        assert missing_request(ledger, context.companions, context.policy, computer.clock.now()) == ""


def test_list_of_paid_payments_cannot_tell(computer):
    computer.policy = replace(computer.policy, list_shows_paid_only=True)
    assert computer.reason() == Reason.LEDGER_UNPROVEN
    computer.adopt()
    assert computer.reason() is None


@pytest.mark.promise("A pause outlives the ledger")
@pytest.mark.parametrize("how", ["lost", "restored", "duplicated"])
def test_pause_outlives_the_ledger(computer, tmp_path, how):
    computer.reconcile()
    computer.back_up(tmp_path / "backup")
    with computer.opened() as ledger:
        computer.context(ledger).companions.pause("paused by anna")
        operator_actions.pause(ledger, "anna", "", computer.clock.now())
    if how == "lost":
        computer.remove(".paused")
    else:
        computer.restore(tmp_path / "backup")
    assert computer.reason() == Reason.KILL_SWITCH
    with computer.opened() as ledger:
        assert pause_reason(computer.context(ledger)) == "paused by anna"
    assert computer.vendor.created == []
