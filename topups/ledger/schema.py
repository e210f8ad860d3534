"""The tables of the ledger. Migrations create them (``topups/ledger/migrations``); a test compares the two.

payments: one row per intent or external payment, its present state.

events: every change of it, append-only and hash-chained; the payments can be rebuilt from them.

outbox: notices, written with the change that causes them.

observations: every balance, list and decision.

controls: per account the kill switch, the breaker and the reserved money.

blocked: per account the reason that stops a due top-up.

identity: one row, made with the ledger; copies of the ledger name it.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Dialect, Enum, Index, Integer, MetaData, String, Table, Text, text
from sqlalchemy.types import TypeEngine, UserDefinedType

from topups.payment_states import PaymentException, State

TEXT_LENGTH = 32


class StoredText(UserDefinedType[Any]):
    """A value that is stored as text. ``column_type`` is its type in SQL."""

    cache_ok = True

    def __init__(self, column_type: str, encode: Callable[[Any], str], decode: Callable[[str], Any]) -> None:
        self.column_type, self.encode, self.decode = column_type, encode, decode

    def get_col_spec(self, **_: Any) -> str:
        """The type in SQL."""
        return self.column_type

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:  # noqa: ARG002
        """To text."""
        return lambda value: None if value is None else self.encode(value)

    def result_processor(self, dialect: Dialect, _: object) -> Callable[[str | None], Any]:  # noqa: ARG002
        """From text."""
        return lambda text: None if text is None else self.decode(text)


def unbounded(length: int) -> TypeEngine[str]:
    """Text from the vendor, a policy or a caller: PostgreSQL would refuse one that is longer; SQLite never does."""
    return String(length).with_variant(Text(), "postgresql")


# An aware ``datetime`` in UTC with microseconds, so that text sorts like time.
Timestamp = StoredText(
    f"VARCHAR({TEXT_LENGTH})",
    lambda at: datetime.astimezone(at, UTC).isoformat(timespec="microseconds"),
    datetime.fromisoformat,
)
# JSON with one spelling per value: plain values and timestamps.
canonical_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=Timestamp.encode).encode
Json = StoredText("TEXT", canonical_json, json.loads)


def enum_text(values: type[StrEnum]) -> Enum:
    """The values of a ``StrEnum``, stored as text."""
    return Enum(
        values,
        native_enum=False,
        length=TEXT_LENGTH,
        values_callable=lambda members: [str(member) for member in members],
    )


HEAD = "0003"  # the newest migration
ALL_ACCOUNTS = "*"  # the row of ``controls`` that stops all accounts

metadata = MetaData()
SLOT_TAKEN = text("slot IS NOT NULL")

payments = Table(
    "payments",
    metadata,
    Column("payment_id", String(36), primary_key=True),
    Column("account_id", unbounded(128), nullable=False),
    Column("decision_id", unbounded(160), nullable=False),
    Column("state", enum_text(State), nullable=False),
    Column("exception", enum_text(PaymentException), nullable=False),
    # The account while the payment holds its slot. Not derived from the state; unique where it is set.
    Column("slot", unbounded(128)),
    Column("rail", unbounded(32), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", unbounded(16), nullable=False),
    Column("network", unbounded(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("hours_to_empty", Text),
    Column("claim", Json),
    Column("vendor_payment_id", unbounded(128)),
    Column("session_id", unbounded(128)),
    Column("vendor_status", unbounded(64), nullable=False),
    Column("vendor_amount_cents", BigInteger),
    # Link, address and coins to send: set only once they were verified.
    Column("url", Text),
    Column("address", Text),
    Column("amount_in_crypto", Text),
    Column("ends_at", Timestamp),
    Column("created_at", Timestamp, nullable=False),
    Column("counted_at", Timestamp, nullable=False),
    Column("state_since", Timestamp, nullable=False),
    Column("sending_at", Timestamp),
    Column("deadline_at", Timestamp),
    Column("slot_freed_at", Timestamp),
    Column("approved_at", Timestamp),
    Column("approved_by", Text),
    Column("listed_at", Timestamp),
    Column("absences", Integer, nullable=False),
    Column("absent_at", Timestamp),
    # Numbers of balance observations: the last one before the money could arrive, and the one that proved its arrival.
    Column("baseline", BigInteger),
    Column("credit", BigInteger),
    Column("detail", Text, nullable=False),
    Column("version", Integer, nullable=False),
    # What the vendor's row says after the payment ended, where it differs from the amount that was listed first.
    Column("final_cents", BigInteger),
    # Why link or address cannot be shown, until that is resolved.
    Column("instructions_problem", Text, nullable=False, server_default=""),
    # What confirmed the unit of the amount: ``transaction``, ``page`` or ``balance``; empty while nothing did.
    Column("unit_proof", Text, nullable=False, server_default=""),
)
Index("one_slot_per_account", payments.c.slot, unique=True, sqlite_where=SLOT_TAKEN, postgresql_where=SLOT_TAKEN)
Index("one_row_per_vendor_payment", payments.c.account_id, payments.c.vendor_payment_id, unique=True)
Index("one_payment_per_decision", payments.c.account_id, payments.c.decision_id, unique=True)
Index("payments_by_time", payments.c.account_id, payments.c.counted_at)
Index("payments_by_state", payments.c.account_id, payments.c.state)

events = Table(
    "events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Timestamp, nullable=False),
    Column("account_id", unbounded(128), nullable=False),
    Column("payment_id", String(36)),
    Column("kind", String(32), nullable=False),
    Column("from_state", String(32)),
    Column("to_state", String(32)),
    Column("changes", Json, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
Index("events_by_time", events.c.account_id, events.c.at)
Index("events_by_payment", events.c.payment_id, events.c.seq)

outbox = Table(
    "outbox",
    metadata,
    # Identifies a notice, so that it is written once.
    Column("key", unbounded(160), primary_key=True),
    Column("account_id", unbounded(128), nullable=False),
    Column("payment_id", String(36)),
    Column("kind", String(32), nullable=False),
    Column("facts", Json, key="payload", nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("claimed_until", Timestamp),
    Column("attempts", Integer, nullable=False),
    Column("done_at", Timestamp),
    Column("outcome", Text, nullable=False),
)
Index("outbox_waiting", outbox.c.done_at, outbox.c.created_at)

observations = Table(
    "observations",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", unbounded(128), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("figure", BigInteger),
    Column("facts", Json, key="payload", nullable=False),
)
Index("observations_by_kind", observations.c.account_id, observations.c.kind, observations.c.seq)
Index("observations_by_time", observations.c.account_id, observations.c.at)

controls = Table(
    "controls",
    metadata,
    Column("account_id", unbounded(128), primary_key=True),
    Column("paused", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("last_failure_at", Timestamp),
    Column("reserved_cents", BigInteger, nullable=False),
    # Payments first seen before this time may be requests of ours that the ledger lost; and why that is doubted.
    Column("unproven_until", Timestamp),
    Column("unproven_reason", Text, nullable=False, server_default=""),
)

# What stops a due top-up at present; no row where nothing does.
blocked = Table(
    "blocked",
    metadata,
    Column("account_id", unbounded(128), primary_key=True),
    Column("reason", String(32), nullable=False),
    Column("since", Timestamp, nullable=False),
    Column("seen_at", Timestamp, nullable=False),
    Column("explanation", Text, nullable=False),
)

identity = Table(
    "identity",
    metadata,
    Column("ledger_id", String(36), primary_key=True),
    Column("created_at", Timestamp, nullable=False),
    Column("checked_at", Timestamp),
    Column("thinned_at", Timestamp),
)
