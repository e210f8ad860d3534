"""The graph of a payment's life as data."""

import pytest

from topups.payment_states import (
    COUNTS_AS_CREATED,
    FAILURES,
    INITIAL_STATES,
    MANUAL_CLOSE,
    SLOT_HOLDING,
    STATUS_TRANSITIONS,
    TRANSITIONS,
    IllegalTransition,
    State,
    assert_transition,
)

PROTOCOL = """
PLANNED SKIPPED AWAITING_APPROVAL RESERVED; AWAITING_APPROVAL RESERVED RELEASED; RESERVED SENDING RELEASED;
SENDING OPEN REJECTED NOT_SENT UNKNOWN; UNKNOWN OPEN NOT_CREATED NEEDS_HUMAN;
OPEN CONFIRMING UNDERPAID_WAITING PAID EXPIRED FAILED LOCKED; CONFIRMING PAID UNDERPAID OPEN;
UNDERPAID_WAITING PAID UNDERPAID OPEN; PAID CREDITED; EXPIRED LATE_CONFIRMING CLOSED; LATE_CONFIRMING PAID_LATE;
PAID_LATE CREDITED; REFUNDING REFUNDED
"""


def test_the_graph_has_every_step_of_the_protocol():
    for line in PROTOCOL.split(";"):
        before, *after = line.split()
        assert {State(name) for name in after} <= TRANSITIONS[State(before)]


def test_every_state_can_be_reached_and_nothing_leads_out_of_the_graph():
    reached, fresh = set(INITIAL_STATES), set(INITIAL_STATES)
    while fresh:
        fresh = {after for state in fresh for after in TRANSITIONS[state]} - reached
        reached |= fresh
    assert reached == set(State) == set(TRANSITIONS)


def test_only_reserved_takes_the_slot_and_never_again():
    """A late payment on an old intent must never collide with the slot of the next one."""
    for before, following in TRANSITIONS.items():
        for after in following:
            if after == State.SENDING:
                assert before == State.RESERVED
            if after == State.RESERVED:
                assert before in (State.PLANNED, State.AWAITING_APPROVAL)


def test_whatever_may_exist_at_the_vendor_counts_as_created():
    not_requested = {State.PLANNED, State.SKIPPED, State.AWAITING_APPROVAL, State.RELEASED, State.NOT_SENT}
    refused = {State.REJECTED, State.NOT_CREATED}
    assert set(State) - COUNTS_AS_CREATED == not_requested | refused | {State.EXTERNAL}
    assert SLOT_HOLDING <= COUNTS_AS_CREATED


def test_status_and_operator_transitions_are_legal():
    for before, rules in STATUS_TRANSITIONS.items():
        for _, after in rules:
            assert_transition(before, after)
    for before, after in MANUAL_CLOSE.items():
        assert_transition(before, after)
        assert after not in SLOT_HOLDING


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, State.SENDING), (State.UNKNOWN, State.SENDING), (State.RELEASED, State.RESERVED), (State.OPEN, State.OPEN)],
)
def test_an_illegal_step_is_a_bug_and_says_so(before, after):
    with pytest.raises(IllegalTransition):
        assert_transition(before, after)


def test_failures_free_the_slot():
    assert not FAILURES & SLOT_HOLDING
