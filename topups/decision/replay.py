"""The past as decisions saw it: a snapshot of any instant, rebuilt from events and observations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from topups.decision.snapshot import ListFact, PaymentFact, Snapshot, arriving
from topups.gateway import Balance
from topups.ledger.hash_chain import replayed
from topups.ledger.ledger import Ledger
from topups.ledger.models import Event, Observation
from topups.ledger.queries import REMEMBERED, UNFINISHED
from topups.payment_states import Oddity, State
from topups.vendor_statuses import blocks


def snapshot_at(ledger: Ledger, account_id: str, at: datetime) -> Snapshot:
    """What the ledger knew of an account at ``at``: decide on it again, under the policy of then or another one.

    The kill switch, the failures in a row and the latest balance and list are those of that instant. Reads all events.
    """
    events = [event for event in ledger.events() if event.at <= at]
    mine = [event for event in events if event.account_id in (account_id, "*")]
    payments = tuple(_fact(row) for row in replayed(mine).values())
    switches = _switches(mine, account_id)
    balance = next((o for o in ledger.observations(account_id, "balance") if o.at <= at), None)
    listing = next((o for o in ledger.observations(account_id, "payments") if o.at <= at), None)
    instants = [event.at for event in mine[-1:]] + [o.at for o in (balance, listing) if o]
    return Snapshot(
        account_id,
        balance=Balance(balance.figure, balance.at) if balance and balance.figure is not None else None,
        payments=tuple(fact for fact in payments if _counts(fact, at)),
        listing=_list_fact(listing, payments, at) if listing else None,
        ledger_at=max(instants, default=None),
        **switches,
    )


def _list_fact(listing: Observation, payments: tuple[PaymentFact, ...], at: datetime) -> ListFact:
    """The rows of a list are not kept; those of other people are in the ledger as payments."""
    foreign = [fact for fact in payments if fact.state == State.EXTERNAL]
    blocking = tuple(fact.payment_id for fact in foreign if blocks(fact.vendor_status, fact.ends_at, at))
    return ListFact(listing.at, listing.complete, listing.facts.get("problem", ""), blocking)


def _switches(events: list[Event], account_id: str) -> dict[str, Any]:
    own: dict[str, Any] = {}
    everybody: dict[str, Any] = {}
    for event in events:
        if event.payment_id is None:
            (own if event.account_id == account_id else everybody).update(event.changes)
    failed = own.get("last_failure_at")
    return {
        "failures": own.get("failures", 0),
        "last_failure_at": datetime.fromisoformat(failed) if failed else None,
        "paused": own.get("paused") or everybody.get("paused") or "",
    }


def _fact(row: dict[str, Any]) -> PaymentFact:
    return PaymentFact(
        row["payment_id"],
        State(row["state"]),
        Oddity(row["exception"]),
        max(row["amount_cents"], row.get("vendor_amount_cents") or 0),
        datetime.fromisoformat(row["counted_at"]),
        row["slot"] is not None,
        _instant(row["slot_freed_at"]),
        row["vendor_status"],
        _instant(row["ends_at"]),
        _instant(row["approved_at"]),
        arriving(
            *(State(row["state"]), row["vendor_status"], row["baseline"], row["credit"]),
            datetime.fromisoformat(row["state_since"]),
        ),
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _counts(fact: PaymentFact, at: datetime) -> bool:
    return fact.counted_at > at - REMEMBERED or fact.state in UNFINISHED or fact.holds_slot
