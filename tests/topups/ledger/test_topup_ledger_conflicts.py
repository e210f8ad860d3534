"""A broken constraint is reported as what it is: a lost race, a vendor's id that another payment has, or a defect."""

from dataclasses import replace

import pytest
from topup_fakes import ACCOUNT, START, Inbox

from topups.decision.snapshot import Reason, Refusal
from topups.gateway import CreateResponse
from topups.ledger import LedgerUnavailable
from topups.ledger.audit import audit
from topups.ledger.database.conflicts import Constraint, LedgerConflict
from topups.ledger.models import NewPayment
from topups.notifications.delivery import deliver_outbox
from topups.payment_states import State

UNSETTLED = (State.SENDING, State.UNKNOWN, State.NEEDS_HUMAN)


def draft(name: str) -> NewPayment:
    return NewPayment(f"payment-{name}", ACCOUNT, f"decision-{name}", "v3_invoice", 2500)


def insert(ledger, name: str, state: State = State.SKIPPED, **columns: object):
    return ledger.insert_intent(replace(draft(name), **columns), state, lambda _: None, START)


def test_slot_and_decision_are_lost_races(any_ledger):
    insert(any_ledger, "a", State.RESERVED)
    slot = insert(any_ledger, "b", State.RESERVED)
    decision = insert(any_ledger, "c", decision_id="decision-a")
    assert slot == Refusal(Reason.LOST_RACE, "another payment took the account's slot")
    assert decision == Refusal(Reason.LOST_RACE, "another run took this decision")
    waiting = insert(any_ledger, "d", State.AWAITING_APPROVAL)
    assert any_ledger.transition(waiting, State.RESERVED, START) is None
    assert audit(any_ledger) == []


def test_id_of_another_payment_is_no_lost_race(any_ledger):
    first, second = insert(any_ledger, "a"), insert(any_ledger, "b")
    any_ledger.update_payment(first, "seen", START, {"vendor_payment_id": "v1"})
    with pytest.raises(LedgerConflict) as conflict:
        any_ledger.update_payment(second, "seen", START, {"vendor_payment_id": "v1"})
    assert conflict.value.constraint == Constraint.VENDOR_ID
    assert audit(any_ledger) == []


@pytest.mark.parametrize("columns", [{"payment_id": "payment-a"}, {"rail": None}])
def test_other_constraint_is_one_line_of_its_own(any_ledger, columns):
    insert(any_ledger, "a")
    with pytest.raises(LedgerConflict, match="report this defect") as conflict:
        insert(any_ledger, "b", **columns)
    assert conflict.value.constraint is None
    assert isinstance(conflict.value, LedgerUnavailable)
    assert "\n" not in str(conflict.value)
    assert "decision-b" not in str(conflict.value)
    assert audit(any_ledger) == []


def test_other_accounts_may_have_the_same_vendor_id(any_ledger):
    for account in (ACCOUNT, "other"):
        payment = insert(any_ledger, account, account_id=account)
        assert any_ledger.update_payment(payment, "seen", START, {"vendor_payment_id": "v1"})
        assert any_ledger.payment_with_vendor_id(account, "v1").account_id == account


def conflicting(world, state: State) -> None:
    """A request without a known outcome, whose response names a payment that the ledger has as external."""
    row = world.vendor.bill(2500)
    world.reconcile()
    now = world.clock.now()
    claim = CreateResponse(url=world.vendor.url(row), order_id=row.vendor_id, session_id="unlisted").as_json()
    now = world.clock.now()
    current = insert(world.ledger, "a", State.RESERVED)
    for step in {State.UNKNOWN: UNSETTLED[:2], State.NEEDS_HUMAN: UNSETTLED}[state]:
        current = world.ledger.transition(current, step, now, {"claim": claim, "sending_at": now})


@pytest.mark.parametrize("state", [State.UNKNOWN, State.NEEDS_HUMAN])
def test_taken_vendor_id_needs_a_person(world, state):
    conflicting(world, state)
    world.clock.advance(minutes=2)
    for _ in range(3):
        report = world.reconcile()
        assert report.ledger_problem == ""
    payment = world.ledger.payment("payment-a")
    external = world.ledger.payment("order-1")
    assert payment.state == State.NEEDS_HUMAN
    assert external.payment_id in payment.detail
    assert "order-1" in payment.detail
    assert len([e for e in world.ledger.events("payment-a") if "is already payment" in str(e.changes)]) == 1
    inbox = Inbox()
    deliver_outbox(world.ledger, inbox, ACCOUNT, world.clock, lambda _: None)
    assert [title for title in inbox.titles if "cannot be explained" in title]
