"""What happens inside one writing transaction: the row, its event, the switches and the notices change together."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from topups.ledger import schema
from topups.ledger.chain import FIRST_HASH, hash_of
from topups.ledger.reading import read_switches
from topups.ledger.rows import Announcement, Controls, Event, Payment
from topups.ledger.types import canonical
from topups.states import FAILURES, SLOT_HOLDING, State, check_legal

EVENTS, PAYMENTS, CONTROLS, SEEN = schema.events, schema.payments, schema.controls, schema.observations
LAST_LINK = select(EVENTS.c.seq, EVENTS.c.hash).order_by(EVENTS.c.seq.desc()).limit(1)
ADD_EVENT, ADD_PAYMENT = EVENTS.insert(), PAYMENTS.insert()
NEXT_SEEN = select(func.coalesce(func.max(SEEN.c.seq), 0) + 1)
ADD_SEEN = SEEN.insert()


class Writer:
    """One transaction at one instant. Whoever opened it commits or rolls back all of it."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now

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
        known = read_switches(self.connection, account_id)[0]
        switched = dataclasses.replace(known, **changes)
        values = dataclasses.asdict(switched)
        insert = postgresql.insert if self.connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(CONTROLS).values(values)
        self.connection.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=changes))
        self.append(account_id, kind, {**changes, "by": by} if by else changes)
        return switched

    def announce(self, account_id: str, notices: Iterable[Announcement]) -> None:
        """Notices for the outbox; one that was written before is not written again."""
        insert = postgresql.insert if self.connection.dialect.name == "postgresql" else sqlite.insert
        for notice in notices:
            values = {
                **{"key": notice.key, "account_id": account_id, "payment_id": notice.payment_id, "kind": notice.kind},
                **{"facts": notice.facts, "created_at": self.now, "attempts": 0, "outcome": ""},
            }
            self.connection.execute(insert(schema.outbox).values(values).on_conflict_do_nothing())

    def append(
        self,
        account_id: str,
        kind: str,
        changes: Mapping[str, Any],
        payment_id: str | None = None,
        states: tuple[State | None, State | None] = (None, None),
    ) -> None:
        """One event at the end of the chain."""
        last = self.connection.execute(LAST_LINK).one_or_none()
        seq, previous = (last.seq + 1, last.hash) if last else (1, FIRST_HASH)
        before, after = (str(state) if state else None for state in states)
        plain = json.loads(canonical(dict(changes)))
        event = Event(seq, self.now, account_id, payment_id, kind, before, after, plain, previous, "")
        event = dataclasses.replace(event, hash=hash_of(event))
        self.connection.execute(ADD_EVENT, dict(event.__dict__))

    def observe(self, account_id: str, kind: str, at: datetime, **seen: Any) -> int:
        """Writes an observation down; its number."""
        seq: int = self.connection.execute(NEXT_SEEN).scalar_one()
        self.connection.execute(ADD_SEEN, {"seq": seq, "account_id": account_id, "kind": kind, "at": at, **seen})
        return seq

    def _event(
        self, payment: Payment, kind: str, before: State | None, after: State | None, changes: Mapping[str, Any]
    ) -> None:
        self.append(payment.account_id, kind, changes, payment.payment_id, (before, after))

    def _swap(self, payment: Payment, changes: Mapping[str, Any]) -> Payment | None:
        version = payment.version + 1
        unchanged = (
            PAYMENTS.c.payment_id == payment.payment_id,
            PAYMENTS.c.state == payment.state,
            PAYMENTS.c.version == payment.version,
        )
        done = self.connection.execute(update(PAYMENTS).where(*unchanged).values(**changes, version=version))
        return dataclasses.replace(payment, **changes, version=version) if done.rowcount == 1 else None

    def _slot(self, payment: Payment, to: State) -> dict[str, Any]:
        if to == State.RESERVED:
            return {"slot": payment.account_id, "counted_at": self.now}
        if payment.slot and to not in SLOT_HOLDING:
            return {"slot": None, "slot_freed_at": self.now}
        return {}

    def _count(self, before: Payment, after: Payment) -> None:
        """Reserved money and failures in a row, kept with the change that makes them."""
        known = read_switches(self.connection, after.account_id)[0]
        changes: dict[str, Any] = {}
        held = (after.amount_cents if after.slot else 0) - (before.amount_cents if before.slot else 0)
        if held:
            changes["reserved_cents"] = known.reserved_cents + held
        # A person who refuses, or does not answer, is a failure too: asking again at once would not help.
        unanswered = before.state == State.AWAITING_APPROVAL and after.state == State.RELEASED
        failed = after.state in FAILURES and before.state != State.LATE_CONFIRMING
        if failed or unanswered:
            changes |= {"failures": known.failures + 1, "last_failure_at": self.now}
        if after.state == State.CREDITED:
            changes["failures"] = 0
        if changes:
            self.switch(after.account_id, "counted", **changes)
