"""Writing the ledger: one transaction changes a row, its event, the controls and the notices together."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection

from topups.decision.snapshot import AccountSnapshot, Reason, Refusal
from topups.gateway import Balance, PaymentList
from topups.ledger.database.conflicts import Constraint, LedgerConflict
from topups.ledger.database.transactions import write_transaction
from topups.ledger.models import (
    AccountControls,
    Event,
    ExternalPayment,
    NewPayment,
    OutboxMessage,
    Payment,
    external_payment,
    new_payment,
)
from topups.ledger.queries import (
    CAS_UPDATE,
    INSERT_EVENT,
    INSERT_NOTICE,
    INSERT_OBSERVATION,
    INSERT_PAYMENT,
    LAST_EVENT,
    TRACKED_PAYMENTS,
    UPSERT_CONTROLS,
    VENDOR_IDS,
    LedgerReader,
    read_controls,
    read_max_list_size,
    read_snapshot,
)
from topups.ledger.schema import canonical_json
from topups.payment_states import FAILURES, INITIAL_STATES, SLOT_HOLDING, TRANSITIONS, IllegalTransition, State

Precondition = Callable[[AccountSnapshot], Refusal | None]
CompletenessCheck = Callable[[list[Payment], int], PaymentList]

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


class UnitOfWork:
    """One writing transaction at ``now``. Whoever opened it commits or rolls back all of it."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self._latest: tuple[int, str] | None = None

    def insert(self, payment: Payment, kind: str) -> None:
        """Inserts a row and its first event, which holds every column."""
        assert payment.state in INITIAL_STATES
        row = dict(payment.__dict__)
        self.connection.execute(INSERT_PAYMENT, row)
        self.append_event(payment.account_id, kind, row, payment.payment_id, (None, payment.state))

    def transition(
        self, payment: Payment, to: State, changes: Mapping[str, Any], is_failure: bool | None = None
    ) -> Payment | None:
        """The payment in its next state; None if it is no longer as ``payment`` says (lost compare-and-swap).

        ``is_failure`` says whether it counts for the breaker; None: as its states say.
        """
        if to not in TRANSITIONS[payment.state]:
            raise IllegalTransition(f"{payment.state} -> {to}")
        wanted = {**changes, "state": to, "state_since": self.now, **self._slot_columns(payment, to)}
        moved = self._compare_and_swap(payment, wanted)
        if moved:
            changed = {**wanted, "version": moved.version}
            self.append_event(payment.account_id, "moved", changed, payment.payment_id, (payment.state, to))
            self._update_counters(payment, moved, is_failure)
        return moved

    def update(self, payment: Payment, kind: str, changes: Mapping[str, Any]) -> Payment | None:
        """The payment with other columns in the same state; None after a lost compare-and-swap."""
        noted = self._compare_and_swap(payment, changes)
        if noted:
            changed = {**changes, "version": noted.version}
            self.append_event(payment.account_id, kind, changed, payment.payment_id)
        return noted

    def update_controls(self, account_id: str, kind: str, by: str = "", **changes: Any) -> AccountControls:
        """The account's controls with changes, and an event that names who made them."""
        return self._write_controls(read_controls(self.connection, account_id)[0], kind, by, changes)

    def enqueue_notices(self, account_id: str, notices: Iterable[OutboxMessage]) -> None:
        """Writes notices to the outbox; one that was written before is not written again."""
        for notice in notices:
            values = {
                **{"key": notice.key, "account_id": account_id, "payment_id": notice.payment_id, "kind": notice.kind},
                **{"payload": notice.payload, "created_at": self.now, "attempts": 0, "outcome": ""},
            }
            self.connection.execute(INSERT_NOTICE[self.connection.dialect.name], values)

    def append_event(
        self,
        account_id: str,
        kind: str,
        changes: Mapping[str, Any],
        payment_id: str | None = None,
        states: tuple[State | None, State | None] = (None, None),
    ) -> None:
        """Appends one event to the chain."""
        if self._latest is None:  # nobody else adds an event while this transaction lasts
            last = self.connection.execute(LAST_EVENT).one_or_none()
            self._latest = (last.seq, last.hash) if last else (0, FIRST_HASH)
        seq, previous = self._latest
        before, after = (str(state) if state else None for state in states)
        plain = json.loads(canonical_json(dict(changes)))
        event = Event(seq + 1, self.now, account_id, payment_id, kind, before, after, plain, previous, "")
        event = dataclasses.replace(event, hash=event_hash(event))
        self.connection.execute(INSERT_EVENT, dict(event.__dict__))
        self._latest = event.seq, event.hash

    def record_observation(self, account_id: str, kind: str, at: datetime, **seen: Any) -> None:
        """Records an observation under the next number."""
        self.connection.execute(INSERT_OBSERVATION, {"account_id": account_id, "kind": kind, "at": at, **seen})

    def _compare_and_swap(self, payment: Payment, changes: Mapping[str, Any]) -> Payment | None:
        identity = {"of_payment": payment.payment_id, "of_state": payment.state, "of_version": payment.version}
        values = {**changes, "version": payment.version + 1}
        result = self.connection.execute(CAS_UPDATE, identity | values)
        return dataclasses.replace(payment, **values) if result.rowcount == 1 else None

    def _slot_columns(self, payment: Payment, to: State) -> dict[str, Any]:
        if to == State.RESERVED:
            return {"slot": payment.account_id, "counted_at": self.now}
        if payment.slot and to not in SLOT_HOLDING:
            return {"slot": None, "slot_freed_at": self.now}
        return {}

    def _update_counters(self, before: Payment, after: Payment, is_failure: bool | None) -> None:
        """Updates reserved money and failures in a row together with the change that causes them."""
        reserved = (after.amount_cents if after.slot else 0) - (before.amount_cents if before.slot else 0)
        failed = after.state in FAILURES and before.state != State.LATE_CONFIRMING
        failed = failed if is_failure is None else is_failure
        if not (reserved or failed or after.state == State.CREDITED):
            return
        current = read_controls(self.connection, after.account_id)[0]
        changes: dict[str, Any] = {"reserved_cents": current.reserved_cents + reserved} if reserved else {}
        if failed:
            changes |= {"failures": current.failures + 1, "last_failure_at": self.now}
        if after.state == State.CREDITED:
            changes["failures"] = 0
        self._write_controls(current, "counted", "", changes)

    def _write_controls(
        self, current: AccountControls, kind: str, by: str, changes: Mapping[str, Any]
    ) -> AccountControls:
        updated = dataclasses.replace(current, **changes)
        self.connection.execute(UPSERT_CONTROLS[self.connection.dialect.name], dict(updated.__dict__))
        self.append_event(current.account_id, kind, {**changes, "by": by} if by else changes)
        return updated


LOST_RACES = {
    Constraint.SLOT: "another payment took the account's slot",
    Constraint.DECISION: "another run took this decision",
}


class Ledger(LedgerReader):
    """Payments, events, observations and controls of all accounts. Thread safe; close it after use.

    Raises ``LedgerUnavailable`` if it cannot be read or written.
    """

    def close(self) -> None:
        """Closes the connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def write_transaction(self, now: datetime) -> Iterator[UnitOfWork]:
        """A unit of work at ``now``; commits at its end, or rolls everything back."""
        with write_transaction(self.engine) as connection:
            yield UnitOfWork(connection, now)

    def insert_intent(
        self,
        draft: NewPayment,
        to: State,
        precondition: Precondition,
        now: datetime,
        notices: Iterable[OutboxMessage] = (),
    ) -> Payment | Refusal:
        """Inserts a payment in its second state (``RESERVED``, ``AWAITING_APPROVAL`` or ``SKIPPED``).

        ``precondition`` sees the ledger inside the transaction and may refuse. A taken slot, or a decision that already
        has a payment, is ``LOST_RACE``.
        """
        try:
            with self.write_transaction(now) as unit:
                refusal = precondition(read_snapshot(unit.connection, draft.account_id, now))
                if refusal:
                    return refusal
                payment = new_payment(draft, now)
                unit.insert(payment, "planned")
                entered = unit.transition(payment, to, {})
                unit.enqueue_notices(draft.account_id, notices)
                assert entered
                return entered
        except LedgerConflict as conflict:
            if conflict.constraint not in LOST_RACES:
                raise
            return Refusal(Reason.LOST_RACE, LOST_RACES[conflict.constraint])

    def transition(
        self,
        payment: Payment,
        to: State,
        now: datetime,
        changes: Mapping[str, Any] | None = None,
        notices: Iterable[OutboxMessage] = (),
        precondition: Precondition | None = None,
        unless_paused: bool = False,
        is_failure: bool | None = None,
    ) -> Payment | None:
        """One transition with its event and notices. Returns None after a lost compare-and-swap: then do nothing.

        ``precondition``, or the ledger's kill switch, may refuse inside the transaction (None then too).
        ``is_failure`` says whether it counts for the breaker; None: as its states say. Raises ``LedgerConflict`` for
        a vendor's id that another payment has.
        """
        try:
            with self.write_transaction(now) as unit:
                if unless_paused and any(c.paused for c in read_controls(unit.connection, payment.account_id)):
                    return None
                if precondition and precondition(read_snapshot(unit.connection, payment.account_id, now)):
                    return None
                moved = unit.transition(payment, to, changes or {}, is_failure)
                if moved:
                    unit.enqueue_notices(payment.account_id, notices)
                return moved
        except LedgerConflict as conflict:
            if conflict.constraint not in LOST_RACES:
                raise
            return None

    def update_payment(
        self,
        payment: Payment,
        kind: str,
        now: datetime,
        changes: Mapping[str, Any],
        notices: Iterable[OutboxMessage] = (),
    ) -> Payment | None:
        """Compare-and-swap update without a transition. Returns None if the row changed since it was read."""
        with self.write_transaction(now) as unit:
            updated = unit.update(payment, kind, changes)
            if updated:
                unit.enqueue_notices(payment.account_id, notices)
            return updated

    def insert_external(
        self, account_id: str, externals: Sequence[ExternalPayment], notices: Iterable[OutboxMessage], now: datetime
    ) -> list[Payment]:
        """Inserts payments that someone else made, as ``EXTERNAL``, with their notices. Returns those that were new."""
        with self.write_transaction(now) as unit:
            # A list may repeat a row: the first one counts.
            by_vendor_id = {external.row.vendor_id: external for external in reversed(externals)}
            parameters = {"account": account_id, "ids": sorted(by_vendor_id)}
            for vendor_id in unit.connection.execute(VENDOR_IDS, parameters).scalars():
                del by_vendor_id[vendor_id]
            inserted = [external_payment(account_id, external, now) for external in reversed(by_vendor_id.values())]
            for payment in inserted:
                unit.insert(payment, "adopted")
            new_ids = {payment.payment_id for payment in inserted}
            unit.enqueue_notices(account_id, [notice for notice in notices if notice.payment_id in new_ids])
            return inserted

    def enqueue_notices(self, account_id: str, notices: Iterable[OutboxMessage], now: datetime) -> None:
        """Writes notices that belong to no change."""
        with self.write_transaction(now) as unit:
            unit.enqueue_notices(account_id, notices)

    def record_balance(self, account_id: str, balance: Balance, now: datetime) -> None:
        """Records a balance."""
        also = {"vendor_at": balance.vendor_at, "charges_cents": balance.charges_cents}
        payload = {name: value for name, value in also.items() if value is not None}
        seen = {"complete": True, "figure": balance.cents, "payload": payload}
        with self.write_transaction(now) as unit:
            unit.record_observation(account_id, "balance", balance.at, **seen)

    def record_payment_list(
        self, account_id: str, since: datetime, lists_since: datetime, assess: CompletenessCheck, now: datetime
    ) -> tuple[PaymentList, list[Payment]]:
        """Records that the vendor's list was read and whether it was complete; returns it with the tracked payments.

        ``assess`` gets what the list is compared with, as it is inside the transaction: ``tracked_payments`` since
        then, and ``max_list_size``.
        """
        with self.write_transaction(now) as unit:
            rows = unit.connection.execute(TRACKED_PAYMENTS, {"account": account_id, "since": since})
            payments = [Payment(*row) for row in rows]
            listing = assess(payments, read_max_list_size(unit.connection, account_id, lists_since))
            payload = {"problem": listing.problem} if listing.problem else {}
            unit.record_observation(
                account_id, "payments", listing.at, complete=listing.complete, figure=len(listing.rows), payload=payload
            )
            return listing, payments

    def record_decision(self, account_id: str, payload: Mapping[str, Any], now: datetime) -> None:
        """Records what was decided and why."""
        with self.write_transaction(now) as unit:
            unit.record_observation(account_id, "decision", now, complete=True, figure=None, payload=dict(payload))

    def update_controls(
        self, account_id: str, kind: str, now: datetime, by: str = "", **changes: Any
    ) -> AccountControls:
        """Changes the controls of an account, or of all (``*``); ``by`` is recorded with it."""
        with self.write_transaction(now) as unit:
            return unit.update_controls(account_id, kind, by, **changes)
