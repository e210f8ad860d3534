"""Checks the hash chain of the events, and whether events, payments and controls agree."""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from topups.ledger.ledger import FIRST_HASH, Ledger, event_hash
from topups.ledger.models import Event
from topups.ledger.schema import canonical_json
from topups.payment_states import SLOT_HOLDING, IllegalTransition, State, assert_transition

# Events of earlier versions do not have these columns.
COLUMNS_SINCE_0003 = {"final_cents": None, "instructions_problem": "", "unit_proof": ""}


def audit(ledger: Ledger) -> list[str]:
    """One line per contradiction. Reads everything.

    An empty list means: the events are complete, lead by legal transitions to the present payments, and the reserved
    money is that of the payments which hold a slot.
    """
    events, payments = ledger.events(), ledger.payments()
    problems = broken_links(events)
    try:
        replayed = replay_events(events)
    except IllegalTransition as error:
        return [*problems, f"the events make an illegal step: {error}"]
    stored = {payment.payment_id: json.loads(canonical_json(dataclasses.asdict(payment))) for payment in payments}
    problems += [f"payment {id_} differs from its events" for id_ in stored if replayed.get(id_) != stored[id_]]
    problems += [f"payment {id_} is missing" for id_ in replayed if id_ not in stored]
    reserved: dict[str, int] = {}
    for payment in payments:
        cents = payment.amount_cents if payment.slot else 0
        reserved[payment.account_id] = reserved.get(payment.account_id, 0) + cents
        if payment.slot and payment.state not in SLOT_HOLDING:
            problems.append(f"payment {payment.payment_id} is {payment.state} and still holds its slot")
    for account_id, cents in reserved.items():
        if ledger.controls(account_id).reserved_cents != cents:
            problems.append(f"account {account_id}: the reserved money is not that of its open payments")
    return problems


def broken_links(events: Iterable[Event]) -> list[str]:
    """One line per event that does not follow from the one before it, or was changed after it was written.

    ``events`` in order of ``seq``, from the first one. An empty list means that nothing was changed, removed, inserted
    or reordered. Events missing at the end, after a restored backup, leave no trace here.
    """
    problems: list[str] = []
    previous, seq = FIRST_HASH, 0
    for event in events:
        if event.seq != seq + 1:
            problems.append(f"event {seq + 1} is missing")
        if event.previous_hash != previous:
            problems.append(f"event {event.seq} does not follow event {seq}")
        if event_hash(event) != event.hash:
            problems.append(f"event {event.seq} was changed")
        previous, seq = event.hash, event.seq
    return problems


def replay_events(events: Iterable[Event]) -> dict[str, dict[str, Any]]:
    """The payments that result from the events: column values as plain JSON, by payment id.

    Raises ``IllegalTransition`` if an event makes a transition that the graph does not have.
    """
    rows: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.payment_id is None:
            continue
        if event.to_state is not None:
            assert_transition(State(event.from_state) if event.from_state else None, State(event.to_state))
        rows.setdefault(event.payment_id, dict(COLUMNS_SINCE_0003)).update(event.changes)
    return rows
