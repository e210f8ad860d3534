"""A ledger that was lost, restored or doubled: caps hold, a pause stays, and what nobody can know stops payments."""

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, LOOSE, POLICY, START, CountingIds, Inbox

from topups import operator_actions
from topups.decision.evaluate import evaluate
from topups.decision.snapshot import Reason
from topups.ledger import open_ledger
from topups.ledger.companion_files import CompanionFiles, LedgerWatermark
from topups.ledger.schema import ALL_ACCOUNTS
from topups.notifications.delivery import deliver_outbox
from topups.payment_states import PaymentException, State
from topups.workflow.context import TopUpContext
from topups.workflow.reconcile import preview_snapshot, reconcile_account
from topups.workflow.topup_run import run_topup
from topups.workflow.watermarks import adopt_ledger, missing_request, pause_reason


class Computer:
    """A ledger in a file, with a folder for its state, that runs one pass after another."""

    def __init__(self, folder, vendor, clock):
        self.data, self.state = folder / "data", folder / "state"
        self.vendor, self.clock, self.ids = vendor, clock, CountingIds()
        self.further_watermarks = ()
        self.policy = replace(POLICY, **LOOSE, cap_day_cents=5000)

    def context(self, ledger):
        companions = CompanionFiles([self.data / "ledger.db", self.state / "ledger-1"])
        context = TopUpContext(ledger, self.vendor, self.policy, self.clock, self.ids, {}, companions=companions)
        return replace(context, other_watermarks=lambda: self.further_watermarks)

    def opened(self):
        return open_ledger(f"sqlite:///{self.data / 'ledger.db'}")

    def run(self):
        with self.opened() as ledger:
            return run_topup(self.context(ledger))

    def reason(self):
        refusal = self.run().refusal
        return refusal and refusal.reason

    def reconcile(self):
        with self.opened() as ledger:
            return reconcile_account(self.context(ledger))

    def adopt(self):
        with self.opened() as ledger:
            return adopt_ledger(self.context(ledger), "anna")

    def exceptions(self):
        with self.opened() as ledger:
            return [payment.exception for payment in ledger.payments(ACCOUNT, (State.EXTERNAL,))]

    def titles(self):
        inbox = Inbox()
        with self.opened() as ledger:
            deliver_outbox(ledger, inbox, ACCOUNT, self.clock)
        return [notice.title for notice in inbox.notices if notice.urgent]

    def pay(self, minutes=8):
        """The owner pays and spends at once."""
        self.vendor.set("paid")
        self.vendor.cents += 2500
        self.clock.advance(minutes=minutes)
        self.reconcile()
        self.vendor.cents = 500
        self.clock.advance(minutes=minutes)

    def back_up(self, to):
        shutil.copytree(self.data, to)

    def remove(self, *endings):
        for ending in ("", "-wal", "-shm", *endings):
            (self.data / f"ledger.db{ending}").unlink(missing_ok=True)

    def restore(self, backup):
        """The copied folder, in place of the present one."""
        shutil.rmtree(self.data)
        shutil.copytree(backup, self.data)


@pytest.fixture
def computer(tmp_path, vendor, clock):
    return Computer(tmp_path / "one", vendor, clock)


def lose(computer, how):
    computer.remove(".watermark", ".paused")
    if how == "emptied":
        (computer.data / "ledger.db").write_bytes(b"")
    if how == "container":
        shutil.rmtree(computer.state)


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


# Two ledgers of one account


@pytest.fixture
def computers(tmp_path, vendor, clock):
    both = [Computer(tmp_path / name, vendor, clock) for name in ("one", "two")]
    for computer in both:
        computer.reconcile()
    return both


def race(left, right):
    """Both read an empty list, and both create."""
    second = []

    class Late:
        """The vendor as the first computer sees it: the other one creates just before its request."""

        def __getattr__(self, name):
            return getattr(right.vendor, name)

        def create(self, *request):
            second.append(right.run())
            return right.vendor.create(*request)

    left.vendor, vendor = Late(), left.vendor
    first = left.run()
    left.vendor = vendor
    return first, second[0]


@pytest.mark.promise("is reported urgently (exception `other_ledger`), and nothing is created until `topup adopt`")
def test_two_ledgers_that_raced_both_stop(computers):
    left, right = computers
    assert [result.refusal for result in race(left, right)] == [None, None]
    assert len(left.vendor.rows) == 2
    for computer in computers:
        computer.clock.advance(minutes=1)
        computer.reconcile()
        assert computer.exceptions() == [PaymentException.OTHER_LEDGER]
        assert any(
            title.startswith("A second ledger seems to ask for payments: 25.00 USD") for title in computer.titles()
        )
    left.vendor.set("paid", 0)
    left.vendor.set("paid", 1)
    left.clock.advance(minutes=40)
    left.vendor.cents += 5000
    left.reconcile()
    left.vendor.cents = 500
    left.policy = replace(left.policy, cap_day_cents=10_000)
    assert left.reason() == Reason.LEDGER_UNPROVEN
    with left.opened() as ledger:
        in_two_months = ledger.snapshot(ACCOUNT, START + timedelta(days=60)).payments
    assert PaymentException.OTHER_LEDGER in [payment.exception for payment in in_two_months]
    left.adopt()
    assert left.reason() is None


def test_other_ledger_is_known_by_the_balance(computers):
    left, right = computers
    left.run()
    right.clock.advance(minutes=1)
    right.reconcile()
    assert right.exceptions() == [PaymentException.OTHER_LEDGER]
    assert left.exceptions() == []


@pytest.mark.parametrize(("cents", "exception"), [(2400, "external"), (2499, "external"), (2500, "other_ledger")])
def test_another_amount_is_a_persons(computers, cents, exception):
    left, _ = computers
    left.adopt()
    left.clock.advance(minutes=16)
    left.reconcile()
    left.vendor.bill(cents)
    left.clock.advance(minutes=1)
    left.reconcile()
    assert left.exceptions() == [exception]


def test_amount_between_two_balances_is_ours(computers):
    left, _ = computers
    left.vendor.cents = 540
    left.clock.advance(minutes=1)
    left.reconcile()
    left.vendor.bill(2481)
    left.clock.advance(minutes=1)
    left.reconcile()
    assert left.exceptions() == [PaymentException.OTHER_LEDGER]


@pytest.mark.parametrize("how", ["lost", "lost_after_commit", "declined"])
def test_own_payment_is_never_another_ledgers(computer, how):
    computer.adopt()
    computer.reconcile()
    computer.clock.advance(minutes=1)
    computer.vendor.script = [how]
    computer.run()
    for _ in range(7):
        computer.clock.advance(minutes=5)
        computer.reconcile()
    assert PaymentException.OTHER_LEDGER not in computer.exceptions()


def test_rule_names_the_payment_of_another_ledger(computers):
    left, right = computers
    left.run()
    right.clock.advance(minutes=1)
    right.reconcile()
    with right.opened() as ledger:
        external = ledger.payments(ACCOUNT, (State.EXTERNAL,))[0]
        snapshot = ledger.snapshot(ACCOUNT, right.clock.now())
    results = evaluate(snapshot, right.policy, right.clock.now()).results
    rule = next(result for result in results if result.reason == Reason.LEDGER_UNPROVEN)
    assert not rule.passed
    assert external.payment_id in rule.figure
