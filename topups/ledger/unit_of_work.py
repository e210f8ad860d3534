"""What happens inside one writing transaction: the row, its event, the switches and the notices change together."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from topups.ledger import schema
from topups.ledger.hash_chain import FIRST_HASH, hash_of
from topups.ledger.models import Announcement, Controls, Event, Payment
from topups.ledger.queries import read_switches
from topups.ledger.schema import canonical
from topups.payment_states import FAILURES, SLOT_HOLDING, State, check_legal

EVENTS, PAYMENTS, CONTROLS, SEEN = schema.events, schema.payments, schema.controls, schema.observations
LAST_LINK = select(EVENTS.c.seq, EVENTS.c.hash).order_by(EVENTS.c.seq.desc()).limit(1)
ADD_EVENT, ADD_PAYMENT = EVENTS.insert(), PAYMENTS.insert()
ADD_SEEN = SEEN.insert().values(seq=select(func.coalesce(func.max(SEEN.c.seq), 0) + 1).scalar_subquery())
# What is to be set comes with the parameters.
SWAP = update(PAYMENTS).where(
    PAYMENTS.c.payment_id == bindparam("of_payment"),
    PAYMENTS.c.state == bindparam("of_state"),
    PAYMENTS.c.version == bindparam("of_version"),
)
# SQLite and PostgreSQL spell these alike, but SQLAlchemy has a statement for each.
_LITE, _POSTGRES = sqlite.insert(CONTROLS), postgresql.insert(CONTROLS)
SET_SWITCHES: dict[str, Insert] = {
    "sqlite": _LITE.on_conflict_do_update(index_elements=["account_id"], set_=dict(_LITE.excluded)),
    "postgresql": _POSTGRES.on_conflict_do_update(index_elements=["account_id"], set_=dict(_POSTGRES.excluded)),
}
ADD_NOTICE: dict[str, Insert] = {
    "sqlite": sqlite.insert(schema.outbox).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(schema.outbox).on_conflict_do_nothing(),
}


class Writer:
    """One transaction at one instant. Whoever opened it commits or rolls back all of it."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self._link: tuple[int, str] | None = None

    def insert(self, payment: Payment, kind: str) -> None:
        """A new row and its first event, which holds every column."""
        check_legal(None, payment.state)
        row = dict(payment.__dict__)
        self.connection.execute(ADD_PAYMENT, row)
        self._event(payment, kind, None, payment.state, row)

    def move(self, payment: Payment, to: State, changes: Mapping[str, Any]) -> Payment | None:
        """The payment in its next state; None when it is no longer as ``payment`` says (somebody was quicker)."""
        check_legal(payment.state, to)
        wanted = {**changes, "state": to, "state_since": self.now, **self._slot(payment, to)}
        moved = self._swap(payment, wanted)
        if moved:
            self._event(payment, "moved", payment.state, to, {**wanted, "version": moved.version})
            self._count(payment, moved)
        return moved

    def note(self, payment: Payment, kind: str, changes: Mapping[str, Any]) -> Payment | None:
        """The payment with other facts in the same state; None when somebody was quicker."""
        noted = self._swap(payment, changes)
        if noted:
            self._event(payment, kind, None, None, {**changes, "version": noted.version})
        return noted

    def switch(self, account_id: str, kind: str, by: str = "", **changes: Any) -> Controls:
        """The account's switches with changes, and an event that names who did it."""
        return self._switch(read_switches(self.connection, account_id)[0], kind, by, changes)

    def announce(self, account_id: str, notices: Iterable[Announcement]) -> None:
        """Notices for the outbox; one that was written before is not written again."""
        for notice in notices:
            values = {
                **{"key": notice.key, "account_id": account_id, "payment_id": notice.payment_id, "kind": notice.kind},
                **{"facts": notice.facts, "created_at": self.now, "attempts": 0, "outcome": ""},
            }
            self.connection.execute(ADD_NOTICE[self.connection.dialect.name], values)

    def append(
        self,
        account_id: str,
        kind: str,
        changes: Mapping[str, Any],
        payment_id: str | None = None,
        states: tuple[State | None, State | None] = (None, None),
    ) -> None:
        """One event at the end of the chain."""
        seq, previous = self._last_link()
        before, after = (str(state) if state else None for state in states)
        plain = json.loads(canonical(dict(changes)))
        event = Event(seq + 1, self.now, account_id, payment_id, kind, before, after, plain, previous, "")
        event = dataclasses.replace(event, hash=hash_of(event))
        self.connection.execute(ADD_EVENT, dict(event.__dict__))
        self._link = event.seq, event.hash

    def observe(self, account_id: str, kind: str, at: datetime, **seen: Any) -> None:
        """Writes an observation down, under the next number."""
        self.connection.execute(ADD_SEEN, {"account_id": account_id, "kind": kind, "at": at, **seen})

    def _last_link(self) -> tuple[int, str]:
        """Number and hash of the latest event; nobody else adds one while this transaction lasts."""
        if self._link is None:
            last = self.connection.execute(LAST_LINK).one_or_none()
            self._link = (last.seq, last.hash) if last else (0, FIRST_HASH)
        return self._link

    def _event(
        self, payment: Payment, kind: str, before: State | None, after: State | None, changes: Mapping[str, Any]
    ) -> None:
        self.append(payment.account_id, kind, changes, payment.payment_id, (before, after))

    def _swap(self, payment: Payment, changes: Mapping[str, Any]) -> Payment | None:
        known = {"of_payment": payment.payment_id, "of_state": payment.state, "of_version": payment.version}
        wanted = {**changes, "version": payment.version + 1}
        done = self.connection.execute(SWAP, known | wanted)
        return dataclasses.replace(payment, **wanted) if done.rowcount == 1 else None

    def _slot(self, payment: Payment, to: State) -> dict[str, Any]:
        if to == State.RESERVED:
            return {"slot": payment.account_id, "counted_at": self.now}
        if payment.slot and to not in SLOT_HOLDING:
            return {"slot": None, "slot_freed_at": self.now}
        return {}

    def _count(self, before: Payment, after: Payment) -> None:
        """Reserved money and failures in a row, kept with the change that makes them."""
        held = (after.amount_cents if after.slot else 0) - (before.amount_cents if before.slot else 0)
        # A person who refuses, or does not answer, is a failure too: asking again at once would not help.
        waited = before.state == State.AWAITING_APPROVAL and after.state == State.RELEASED
        unanswered = waited and before.approved_at is None
        failed = unanswered or (after.state in FAILURES and before.state != State.LATE_CONFIRMING)
        if not (held or failed or after.state == State.CREDITED):
            return
        known = read_switches(self.connection, after.account_id)[0]
        changes: dict[str, Any] = {"reserved_cents": known.reserved_cents + held} if held else {}
        if failed:
            changes |= {"failures": known.failures + 1, "last_failure_at": self.now}
        if after.state == State.CREDITED:
            changes["failures"] = 0
        self._switch(known, "counted", "", changes)

    def _switch(self, known: Controls, kind: str, by: str, changes: Mapping[str, Any]) -> Controls:
        switched = dataclasses.replace(known, **changes)
        self.connection.execute(SET_SWITCHES[self.connection.dialect.name], dict(switched.__dict__))
        self.append(known.account_id, kind, {**changes, "by": by} if by else changes)
        return switched
