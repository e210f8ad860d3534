"""Rebuilds the snapshot of a past time from events and observations."""

from datetime import datetime
from typing import Any

from topups.decision.snapshot import AccountSnapshot, PaymentView, VendorListView, external_arriving_since
from topups.gateway import Balance
from topups.ledger.audit import replay_events
from topups.ledger.ledger import Ledger
from topups.ledger.models import Event, Observation
from topups.ledger.queries import MEMORY, UNFINISHED
from topups.payment_states import UNITS_DISAGREE, PaymentException, State
from topups.vendor.statuses import is_payable_or_pending


def replay_snapshot(ledger: Ledger, account_id: str, at: datetime) -> AccountSnapshot:
    """What the ledger knew of an account at ``at``, to be evaluated again under any policy.

    Kill switch, failures in a row, latest balance and latest list are those of that time. Reads all events.
    """
    events = [event for event in ledger.events() if event.at <= at]
    relevant = [event for event in events if event.account_id in (account_id, "*")]
    payments = tuple(_payment_view(row) for row in replay_events(relevant).values())
    switches = _controls(relevant, account_id)
    balance = next((o for o in ledger.observations(account_id, "balance") if o.at <= at), None)
    listing = next((o for o in ledger.observations(account_id, "payments") if o.at <= at), None)
    instants = [event.at for event in relevant[-1:]] + [o.at for o in (balance, listing) if o]
    return AccountSnapshot(
        account_id,
        balance=Balance(balance.figure, balance.at) if balance and balance.figure is not None else None,
        payments=tuple(fact for fact in payments if _is_relevant(fact, at)),
        listing=_vendor_list_view(listing, payments, at) if listing else None,
        ledger_at=max(instants, default=None),
        **switches,
    )


def _vendor_list_view(listing: Observation, payments: tuple[PaymentView, ...], at: datetime) -> VendorListView:
    """The rows of a list are not stored; external payments are in the ledger."""
    external = [fact for fact in payments if fact.state == State.EXTERNAL]
    blocking = tuple(
        fact.payment_id
        for fact in external
        if is_payable_or_pending(fact.vendor_status, fact.ends_at, at, fact.counted_at)
    )
    return VendorListView(listing.at, listing.complete, listing.payload.get("problem", ""), blocking)


def _controls(events: list[Event], account_id: str) -> dict[str, Any]:
    account_controls: dict[str, Any] = {}
    common_controls: dict[str, Any] = {}
    for event in events:
        if event.payment_id is None:
            (account_controls if event.account_id == account_id else common_controls).update(event.changes)
    failed = account_controls.get("last_failure_at")
    return {
        "failures": account_controls.get("failures", 0),
        "last_failure_at": datetime.fromisoformat(failed) if failed else None,
        "paused": account_controls.get("paused") or common_controls.get("paused") or "",
    }


def _payment_view(row: dict[str, Any]) -> PaymentView:
    return PaymentView(
        row["payment_id"],
        State(row["state"]),
        PaymentException(row["exception"]),
        max(row["amount_cents"], row.get("vendor_amount_cents") or 0),
        datetime.fromisoformat(row["counted_at"]),
        row["slot"] is not None,
        _timestamp(row["slot_freed_at"]),
        row["vendor_status"],
        _timestamp(row["ends_at"]),
        _timestamp(row["approved_at"]),
        external_arriving_since(
            *(State(row["state"]), row["vendor_status"], row["baseline"], row["credit"]),
            datetime.fromisoformat(row["state_since"]),
        ),
        row["rail"],
        row.get("instructions_problem", ""),
        row.get("unit_proof") == UNITS_DISAGREE,
    )


def _timestamp(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _is_relevant(fact: PaymentView, at: datetime) -> bool:
    return fact.counted_at > at - MEMORY or fact.state in UNFINISHED or fact.holds_slot
