"""The ledger: each method is one transaction. Raises ``LedgerUnavailable`` when it cannot be read or written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, select
from sqlalchemy.exc import IntegrityError

from topups.decision.reasons import Reason, Refusal
from topups.decision.snapshot import Snapshot
from topups.gateway import Balance, PaymentList, VendorPayment
from topups.ledger.models import Announcement, Controls, Draft, Event, Observation, Payment
from topups.ledger.queries import (
    ONE_PAYMENT,
    VENDOR_IDS,
    WATCHED_PAYMENTS,
    external,
    planned,
    read_largest_list,
    read_observations,
    read_snapshot,
    read_switches,
)
from topups.ledger.transactions import begun, guarded
from topups.ledger.unit_of_work import EVENTS, PAYMENTS, Writer
from topups.payment_states import Oddity, State

Check = Callable[[Snapshot], Refusal | None]
Judge = Callable[[list[Payment], int], PaymentList]


class Ledger:
    """Payments, events, observations and switches of all accounts. Thread safe; close it after use."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def close(self) -> None:
        """Closes the connections."""
        self.engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the ledger."""
        with guarded(), self.engine.connect() as connection, begun(connection):
            yield connection

    @contextmanager
    def writing(self, now: datetime) -> Iterator[Writer]:
        """The only writing transaction at this time, over all programs."""
        with guarded(), self.engine.connect() as connection, begun(connection, writes=True):
            yield Writer(connection, now)

    # Reading

    def snapshot(self, account_id: str, now: datetime) -> Snapshot:
        """What the ledger alone knows of an account: the latest balance it saw, no list. Reads a few hundred rows."""
        with self.reading() as connection:
            return read_snapshot(connection, account_id, now)

    def payment(self, payment_id: str) -> Payment | None:
        """One payment, by its id or the vendor's."""
        found = self._payments(ONE_PAYMENT, id=payment_id)
        return found[0] if found else None

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

    def under_watch(self, account_id: str, since: datetime) -> list[Payment]:
        """The payments that may still change, oldest first: all that hold the slot or are younger than ``since``."""
        return self._payments(WATCHED_PAYMENTS, account=account_id, since=since)

    def known_ids(self, account_id: str, vendor_ids: Iterable[str]) -> frozenset[str]:
        """Those of the vendor's ids that a payment of the account in the ledger has."""
        with self.reading() as connection:
            found = connection.execute(VENDOR_IDS, {"account": account_id, "ids": sorted(vendor_ids)})
            return frozenset(found.scalars())

    def largest_list(self, account_id: str, since: datetime) -> int:
        """Rows of the largest complete list since then."""
        with self.reading() as connection:
            return read_largest_list(connection, account_id, since)

    def events(self, payment_id: str | None = None) -> list[Event]:
        """Events in order, of one payment or of the whole ledger."""
        query = select(EVENTS).order_by(EVENTS.c.seq)
        if payment_id is not None:
            query = query.where(EVENTS.c.payment_id == payment_id)
        with self.reading() as connection:
            return [Event(**row._mapping) for row in connection.execute(query)]

    def observations(self, account_id: str, kind: str, since: int = 0, limit: int | None = None) -> list[Observation]:
        """Observations numbered ``since`` and later, newest first."""
        with self.reading() as connection:
            return read_observations(connection, account_id, kind, since, limit)

    def controls(self, account_id: str) -> Controls:
        """The switches of an account."""
        with self.reading() as connection:
            return read_switches(connection, account_id)[0]

    def paused(self, account_id: str) -> str:
        """Who stopped the account or all accounts and why; empty when nobody did."""
        with self.reading() as connection:
            own, everybody = read_switches(connection, account_id)
            return own.paused or everybody.paused

    # Writing

    def enter(
        self, draft: Draft, to: State, check: Check, now: datetime, tell: Iterable[Announcement] = ()
    ) -> Payment | Refusal:
        """A new payment in its second state (``RESERVED``, ``AWAITING_APPROVAL`` or ``SKIPPED``).

        ``check`` sees the ledger as it is inside the transaction and may still say no. A taken slot or a decision that
        already has a payment is ``LOST_RACE``.
        """
        try:
            with self.writing(now) as writer:
                refusal = check(read_snapshot(writer.connection, draft.account_id, now))
                if refusal:
                    return refusal
                payment = planned(draft, now)
                writer.insert(payment, "planned")
                entered = writer.move(payment, to, {})
                writer.announce(draft.account_id, tell)
                assert entered
                return entered
        except IntegrityError:
            return Refusal(Reason.LOST_RACE, "another run took this decision or the account's slot")

    def move(
        self,
        payment: Payment,
        to: State,
        now: datetime,
        changes: Mapping[str, Any] | None = None,
        tell: Iterable[Announcement] = (),
        check: Check | None = None,
        unless_paused: bool = False,
    ) -> Payment | None:
        """One step along the graph with its event and notices; None when somebody was quicker: then do nothing.

        ``check``, or the ledger's kill switch, may still say no inside the transaction (None then too).
        """
        try:
            with self.writing(now) as writer:
                if unless_paused and any(c.paused for c in read_switches(writer.connection, payment.account_id)):
                    return None
                if check and check(read_snapshot(writer.connection, payment.account_id, now)):
                    return None
                moved = writer.move(payment, to, changes or {})
                if moved:
                    writer.announce(payment.account_id, tell)
                return moved
        except IntegrityError:
            return None

    def note(
        self, payment: Payment, kind: str, now: datetime, changes: Mapping[str, Any], tell: Iterable[Announcement] = ()
    ) -> Payment | None:
        """Other facts in the same state; None when somebody was quicker."""
        with self.writing(now) as writer:
            noted = writer.note(payment, kind, changes)
            if noted:
                writer.announce(payment.account_id, tell)
            return noted

    def adopt(
        self, account_id: str, payment_id: str, row: VendorPayment, oddity: Oddity, now: datetime, baseline: int | None
    ) -> Payment | None:
        """A vendor's payment that nobody here asked for, as ``EXTERNAL``; None when it is already known."""
        adopted = external(account_id, payment_id, row, oddity, now, baseline)
        try:
            with self.writing(now) as writer:
                writer.insert(adopted, "adopted")
                return adopted
        except IntegrityError:
            return None

    def announce(self, account_id: str, notices: Iterable[Announcement], now: datetime) -> None:
        """Notices that come with no change."""
        with self.writing(now) as writer:
            writer.announce(account_id, notices)

    def saw_balance(self, account_id: str, balance: Balance, now: datetime) -> None:
        """Writes a balance down."""
        facts = {"vendor_at": balance.vendor_at} if balance.vendor_at else {}
        with self.writing(now) as writer:
            writer.observe(account_id, "balance", balance.at, complete=True, figure=balance.cents, facts=facts)

    def saw_payments(
        self, account_id: str, since: datetime, lists_since: datetime, judged: Judge, now: datetime
    ) -> tuple[PaymentList, list[Payment]]:
        """Writes down that the vendor's list was seen and whether it was complete; the list, and what is under watch.

        ``judged`` gets what it is held against, as it is inside the transaction: ``under_watch`` since then, and
        ``largest_list``.
        """
        with self.writing(now) as writer:
            rows = writer.connection.execute(WATCHED_PAYMENTS, {"account": account_id, "since": since})
            known = [Payment(*row) for row in rows]
            seen = judged(known, read_largest_list(writer.connection, account_id, lists_since))
            facts = {"problem": seen.problem} if seen.problem else {}
            writer.observe(account_id, "payments", seen.at, complete=seen.complete, figure=len(seen.rows), facts=facts)
            return seen, known

    def saw_decision(self, account_id: str, facts: Mapping[str, Any], now: datetime) -> None:
        """Writes down what was decided and why."""
        with self.writing(now) as writer:
            writer.observe(account_id, "decision", now, complete=True, figure=None, facts=dict(facts))

    def switch(self, account_id: str, kind: str, now: datetime, by: str = "", **changes: Any) -> Controls:
        """Changes the switches of an account, or of all (``*``); ``by`` is written down with it."""
        with self.writing(now) as writer:
            return writer.switch(account_id, kind, by, **changes)

    def _payments(self, query: Select[Any], **given: Any) -> list[Payment]:
        with self.reading() as connection:
            return [Payment(*row) for row in connection.execute(query, given)]
