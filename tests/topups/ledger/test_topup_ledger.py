"""The ledger on a real SQLite and a real PostgreSQL: one slot, one winner, and a past that nobody can change."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from topup_fakes import ACCOUNT, START, CountingIds

from topups import operator_actions
from topups.decision.replay import replay_snapshot
from topups.decision.snapshot import Reason, Refusal
from topups.gateway import Balance, VendorPayment, uuid7
from topups.ledger import Ledger, LedgerUnavailable, open_ledger
from topups.ledger.audit import audit, broken_links
from topups.ledger.engine import MIGRATIONS
from topups.ledger.models import ExternalPayment, NewPayment, Payment
from topups.ledger.schema import HEAD, metadata
from topups.payment_states import SLOT_HOLDING, PaymentException, State

IDS = CountingIds()


def yes(_: object) -> None:
    return None


def draft(account: str = ACCOUNT, cents: int = 500) -> NewPayment:
    return NewPayment(IDS.new(START), account, IDS.new(START), "v3_invoice", cents)


def reserved(ledger: Ledger, account: str = ACCOUNT) -> Payment:
    payment = ledger.insert_intent(draft(account), State.RESERVED, yes, START)
    assert isinstance(payment, Payment)
    return payment


def at_once(*calls):
    """Runs the calls in threads that start together; their results in order."""
    gate, results = threading.Barrier(len(calls)), [None] * len(calls)

    def work(number):
        gate.wait()
        results[number] = calls[number]()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_programs_race_for_the_slot_and_one_wins(any_ledger):
    for _ in range(5):
        results = at_once(*[lambda: any_ledger.insert_intent(draft(), State.RESERVED, yes, START)] * 4)
        won = [problems for problems in results if isinstance(problems, Payment)]
        lost = [problems for problems in results if isinstance(problems, Refusal)]
        assert len(won) == 1
        assert [refusal.reason for refusal in lost] == [Reason.LOST_RACE] * 3
        any_ledger.transition(won[0], State.RELEASED, START)
    assert audit(any_ledger) == []


def test_two_programs_race_for_a_step_and_one_wins(any_ledger):
    payment = reserved(any_ledger)
    results = at_once(*[lambda: any_ledger.transition(payment, State.SENDING, START)] * 4)
    assert sum(moved is not None for moved in results) == 1
    assert len(any_ledger.events(payment.payment_id)) == 3
    assert audit(any_ledger) == []


def test_each_account_has_its_own_slot_column(any_ledger):
    payment = reserved(any_ledger)
    reserved(any_ledger, "another")
    for state in (State.SENDING, State.OPEN, State.EXPIRED):
        payment = any_ledger.transition(payment, state, START)
    following = reserved(any_ledger)
    late = any_ledger.transition(payment, State.LATE_CONFIRMING, START)
    assert (late.slot, following.slot) == (None, ACCOUNT)


def test_decision_and_vendor_payment_are_unique(any_ledger):
    first = draft()
    any_ledger.insert_intent(first, State.SKIPPED, yes, START)
    again = any_ledger.insert_intent(replace(first, payment_id=IDS.new(START)), State.RESERVED, yes, START)
    assert isinstance(again, Refusal)
    row = VendorPayment("o1", "s1", "cryptomus", 700, "check", START, None)
    external = [ExternalPayment(IDS.new(START), row, PaymentException.EXTERNAL, None)]
    assert [payment.vendor_payment_id for payment in any_ledger.insert_external(ACCOUNT, external, [], START)] == ["o1"]
    assert any_ledger.insert_external(ACCOUNT, [external[0]._replace(payment_id=IDS.new(START))], [], START) == []
    assert audit(any_ledger) == []


@pytest.mark.parametrize("change", ["UPDATE events SET account_id = 'x'", "DELETE FROM events"])
def test_invariant_8_the_database_itself_refuses_to_change_the_past(any_ledger, change):
    reserved(any_ledger)
    with any_ledger.engine.begin() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text(change))


@pytest.mark.parametrize(
    ("change", "replayed"),
    [
        ("UPDATE events SET changes = '{}' WHERE seq = 2", "event 2 was changed"),
        ("DELETE FROM events WHERE seq = 2", "event 2 is missing"),
        ("UPDATE payments SET amount_cents = 1", "differs from its events"),
        ("DELETE FROM payments", "is missing"),
        ("UPDATE controls SET reserved_cents = 7", "reserved money"),
    ],
)
def test_invariant_8_a_past_that_was_changed_all_the_same_is_noticed(ledger, change, replayed):
    reserved(ledger)
    with ledger.engine.begin() as connection:
        for trigger in ("events_no_update", "events_no_delete"):
            connection.execute(text(f"DROP TRIGGER {trigger}"))
        connection.execute(text(change))
    assert replayed in "; ".join(audit(ledger))


def test_invariant_8_events_replay_to_the_present_and_their_chain_holds(any_ledger):
    payment = reserved(any_ledger)
    payment = any_ledger.transition(payment, State.SENDING, START, {"sending_at": START})
    payment = any_ledger.update_payment(payment, "answered", START, {"claim": {"url": "https://x"}})
    any_ledger.transition(payment, State.UNKNOWN, START)
    assert broken_links(any_ledger.events()) == []
    assert audit(any_ledger) == []


def test_invariant_18_reserved_money_is_that_of_the_open_intents(any_ledger):
    payment = reserved(any_ledger)
    for state in (State.SENDING, State.OPEN, State.PAID, State.CREDITED):
        assert any_ledger.controls(ACCOUNT).reserved_cents == (500 if payment.state in SLOT_HOLDING else 0)
        payment = any_ledger.transition(payment, state, START)
    assert any_ledger.controls(ACCOUNT).reserved_cents == 0


def test_the_check_inside_the_transaction_can_still_say_no(any_ledger):
    operator_actions.pause(any_ledger, "me", "", START)

    def check(snapshot):
        return Refusal(Reason.KILL_SWITCH, snapshot.paused) if snapshot.paused else None

    refused = any_ledger.insert_intent(draft(), State.RESERVED, check, START)
    assert refused.reason == Reason.KILL_SWITCH
    assert any_ledger.payments() == []
    assert any_ledger.controls(ACCOUNT).reserved_cents == 0


def test_common_pause_outlasts_resuming_one_account(any_ledger):
    operator_actions.pause(any_ledger, "me", "leak", START)
    assert "leak" in any_ledger.pause_reason(ACCOUNT)
    operator_actions.resume(any_ledger, "me", START, ACCOUNT)
    assert any_ledger.snapshot(ACCOUNT, START).paused
    operator_actions.resume(any_ledger, "me", START)
    assert not any_ledger.snapshot(ACCOUNT, START).paused


def test_invariant_14_failures_are_counted_durably_and_forgotten_after_a_credit(any_ledger):
    for _ in range(2):
        payment = any_ledger.transition(reserved(any_ledger), State.SENDING, START)
        any_ledger.transition(payment, State.REJECTED, START)
    assert any_ledger.snapshot(ACCOUNT, START + timedelta(days=900)).failures == 2
    payment = any_ledger.transition(reserved(any_ledger), State.SENDING, START)
    for state in (State.OPEN, State.PAID, State.CREDITED):
        payment = any_ledger.transition(payment, state, START)
    assert any_ledger.controls(ACCOUNT).failures == 0


def test_the_past_can_be_seen_as_it_was(any_ledger):
    any_ledger.record_balance(ACCOUNT, Balance(700, START), START)
    payment = reserved(any_ledger)
    later = START + timedelta(hours=1)
    any_ledger.transition(payment, State.RELEASED, later)
    any_ledger.record_balance(ACCOUNT, Balance(300, later), later)
    then = replay_snapshot(any_ledger, ACCOUNT, START + timedelta(minutes=1))
    assert (then.balance.cents, then.payments[0].state) == (700, State.RESERVED)
    now = replay_snapshot(any_ledger, ACCOUNT, later)
    live = any_ledger.snapshot(ACCOUNT, later)
    assert replace(now, listing=None) == live


def test_the_migrations_make_what_the_schema_says(any_ledger):
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD
    with any_ledger.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_ledger_that_was_opened_before_is_opened_again_with_its_rows(tmp_path):
    url = f"sqlite:///{tmp_path / 'new folder' / 'ledger.db'}"
    with open_ledger(url) as ledger:
        reserved(ledger)
    with open_ledger(url, check=True) as ledger:
        assert len(ledger.payments()) == 1


def test_sqlite_writes_ahead_and_to_the_disk(ledger):
    with ledger.engine.connect() as connection:
        problems = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert problems == ["wal", 2]


def test_ids_sort_by_time_and_are_uuids_of_version_7():
    first, second = uuid7(START, 2**74 - 1), uuid7(START + timedelta(milliseconds=1), 0)
    assert first < second
    assert first[14] == "7"
    assert first[19] in "89ab"


@pytest.mark.parametrize(
    "url", ["nonsense", "sqlite:////proc/no/such/ledger.db", "postgresql+psycopg://@127.0.0.1:1/x"]
)
def test_an_address_that_leads_nowhere_is_one_clear_line(url):
    with pytest.raises(LedgerUnavailable) as replayed:
        open_ledger(url, busy_seconds=0.1)
    assert "\n" not in str(replayed.value)
    assert "SMSONLINE_LEDGER" in str(replayed.value)


def test_reader_sees_one_state_during_writes(any_ledger):
    """The mirror reads the last event first and then all of them: an event in between would be mirrored twice."""
    count = "SELECT count(*) FROM events"
    with any_ledger.read_transaction() as connection:
        before = connection.exec_driver_sql(count).scalar()
        operator_actions.pause(any_ledger, "me", "", START)
        assert connection.exec_driver_sql(count).scalar() == before
    with any_ledger.read_transaction() as connection:
        assert connection.exec_driver_sql(count).scalar() == before + 1
