"""The ledger: each method is one transaction. Raises ``LedgerUnavailable`` if it cannot be read or written."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, Engine, Select, select
from sqlalchemy.exc import IntegrityError

from topups.decision.reasons import Reason, Refusal
from topups.decision.snapshot import AccountSnapshot
from topups.gateway import Balance, PaymentList, VendorPayment
from topups.ledger.models import AccountControls, Event, NewPayment, Observation, OutboxMessage, Payment
from topups.ledger.queries import (
    PAYMENT_BY_ID,
    TRACKED_PAYMENTS,
    VENDOR_IDS,
    external_payment,
    new_payment,
    read_controls,
    read_max_list_size,
    read_observations,
    read_snapshot,
)
from topups.ledger.unit_of_work import EVENTS, PAYMENTS, UnitOfWork, transaction, unit_of_work
from topups.payment_states import PaymentException, State

Precondition = Callable[[AccountSnapshot], Refusal | None]
CompletenessCheck = Callable[[list[Payment], int], PaymentList]


class Ledger:
    """Payments, events, observations and controls of all accounts. Thread safe; close it after use."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def close(self) -> None:
        """Closes the connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read_transaction(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of the ledger."""
        return transaction(self.engine)

    def write_transaction(self, now: datetime) -> AbstractContextManager[UnitOfWork]:
        """The only writing transaction at this time, over all programs."""
        return unit_of_work(self.engine, now)

    # Reading

    def snapshot(self, account_id: str, now: datetime) -> AccountSnapshot:
        """What the ledger alone knows of an account: the latest balance, no list. Reads a few hundred rows."""
        with self.read_transaction() as connection:
            return read_snapshot(connection, account_id, now)

    def payment(self, payment_id: str) -> Payment | None:
        """One payment, by its id or the vendor's."""
        payments = self._payments(PAYMENT_BY_ID, id=payment_id)
        return payments[0] if payments else None

    def payments(
        self, account_id: str | None = None, states: Iterable[State] | None = None, limit: int | None = None
    ) -> list[Payment]:
        """Payments, newest first."""
        wanted = select(PAYMENTS).order_by(PAYMENTS.c.counted_at.desc(), PAYMENTS.c.payment_id.desc()).limit(limit)
        if account_id is not None:
            wanted = wanted.where(PAYMENTS.c.account_id == account_id)
        if states is not None:
            wanted = wanted.where(PAYMENTS.c.state.in_(list(states)))
        return self._payments(wanted)

    def tracked_payments(self, account_id: str, since: datetime) -> list[Payment]:
        """The payments that may still change, oldest first: all with a slot, or younger than ``since``."""
        return self._payments(TRACKED_PAYMENTS, account=account_id, since=since)

    def existing_vendor_ids(self, account_id: str, vendor_ids: Iterable[str]) -> frozenset[str]:
        """Those of the vendor's ids that have a payment in the ledger."""
        with self.read_transaction() as connection:
            vendor_ids_found = connection.execute(VENDOR_IDS, {"account": account_id, "ids": sorted(vendor_ids)})
            return frozenset(vendor_ids_found.scalars())

    def max_list_size(self, account_id: str, since: datetime) -> int:
        """Rows of the largest complete list since then."""
        with self.read_transaction() as connection:
            return read_max_list_size(connection, account_id, since)

    def events(self, payment_id: str | None = None) -> list[Event]:
        """Events in order, of one payment or of the whole ledger."""
        query = select(EVENTS).order_by(EVENTS.c.seq)
        if payment_id is not None:
            query = query.where(EVENTS.c.payment_id == payment_id)
        with self.read_transaction() as connection:
            return [Event(**row._mapping) for row in connection.execute(query)]

    def observations(self, account_id: str, kind: str, since: int = 0, limit: int | None = None) -> list[Observation]:
        """Observations numbered ``since`` and later, newest first."""
        with self.read_transaction() as connection:
            return read_observations(connection, account_id, kind, since, limit)

    def controls(self, account_id: str) -> AccountControls:
        """The controls of an account."""
        with self.read_transaction() as connection:
            return read_controls(connection, account_id)[0]

    def pause_reason(self, account_id: str) -> str:
        """Who paused the account or all accounts, and why; empty if it is not paused."""
        with self.read_transaction() as connection:
            account_controls, common_controls = read_controls(connection, account_id)
            return account_controls.paused or common_controls.paused

    # Writing

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
        except IntegrityError:
            return Refusal(Reason.LOST_RACE, "another run took this decision or the account's slot")

    def transition(
        self,
        payment: Payment,
        to: State,
        now: datetime,
        changes: Mapping[str, Any] | None = None,
        notices: Iterable[OutboxMessage] = (),
        precondition: Precondition | None = None,
        unless_paused: bool = False,
    ) -> Payment | None:
        """One transition with its event and notices. Returns None after a lost compare-and-swap: then do nothing.

        ``precondition``, or the ledger's kill switch, may refuse inside the transaction (None then too).
        """
        try:
            with self.write_transaction(now) as unit:
                if unless_paused and any(c.paused for c in read_controls(unit.connection, payment.account_id)):
                    return None
                if precondition and precondition(read_snapshot(unit.connection, payment.account_id, now)):
                    return None
                moved = unit.transition(payment, to, changes or {})
                if moved:
                    unit.enqueue_notices(payment.account_id, notices)
                return moved
        except IntegrityError:
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
        self,
        account_id: str,
        payment_id: str,
        row: VendorPayment,
        exception: PaymentException,
        now: datetime,
        baseline: int | None,
    ) -> Payment | None:
        """Inserts a payment that someone else made, as ``EXTERNAL``; None if it is there already."""
        adopted = external_payment(account_id, payment_id, row, exception, now, baseline)
        try:
            with self.write_transaction(now) as unit:
                unit.insert(adopted, "adopted")
                return adopted
        except IntegrityError:
            return None

    def enqueue_notices(self, account_id: str, notices: Iterable[OutboxMessage], now: datetime) -> None:
        """Writes notices that belong to no change."""
        with self.write_transaction(now) as unit:
            unit.enqueue_notices(account_id, notices)

    def record_balance(self, account_id: str, balance: Balance, now: datetime) -> None:
        """Records a balance."""
        payload = {"vendor_at": balance.vendor_at} if balance.vendor_at else {}
        with self.write_transaction(now) as unit:
            unit.record_observation(
                account_id, "balance", balance.at, complete=True, figure=balance.cents, payload=payload
            )

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

    def _payments(self, query: Select[Any], **given: Any) -> list[Payment]:
        with self.read_transaction() as connection:
            return [Payment(*row) for row in connection.execute(query, given).all()]
