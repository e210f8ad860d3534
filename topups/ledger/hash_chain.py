"""The hash chain of events: the hash of one event, verification of the chain, and replay of the payments."""

import hashlib
from collections.abc import Iterable
from typing import Any

from topups.ledger.models import Event
from topups.ledger.schema import canonical_json
from topups.payment_states import TRANSITIONS, State, assert_transition

FIRST_HASH = "0" * 64


def event_hash(event: Event) -> str:
    """SHA-256 over the content of the event and the hash of the one before it."""
    content = [
        event.seq,
        event.at,
        event.account_id,
        event.payment_id,
        event.kind,
        event.from_state,
        event.to_state,
        event.changes,
        event.previous_hash,
    ]
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


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
        rows.setdefault(event.payment_id, {}).update(event.changes)
    return rows


assert set(TRANSITIONS) == set(State), "every state has its line in the graph"
