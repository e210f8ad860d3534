"""``topups.payments`` and ``topups.events``: a replica of the payment ledger.

Every change of a payment has its event, and the hash of an event covers all events before it. The number and hash of
the last event are therefore the offset of the replica; with the ledger's identity they show whether it still belongs to
that ledger.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from warehouse.schema.migrations import schema_version
from warehouse.schema.system_tables import EVENTS, PAYMENTS
from warehouse.schema.tables import Column
from warehouse.sql import fetch_one, scalar, transaction

Connection = duckdb.DuckDBPyConnection
Row = Mapping[str, Any]

FIRST_SCHEMA = 2
SCHEMA_WITH_LEDGER_ID = 4
# One long JSON text takes DuckDB much longer than many of this many rows (measured: 80,000 rows in 0.3 s, not 6 s).
ROWS_AT_ONCE = 1000
PREVIEW_ROWS = 5
PREVIEWED = {
    "payments": ("created_at, state, exception, amount_cents, rail, credited_at", "created_at"),
    "events": ('seq, "at", kind, from_state, to_state', "seq"),
}

TABLES: Mapping[str, tuple[Column, ...]] = {"payments": PAYMENTS.columns, "events": EVENTS.columns}


class LedgerOffset(NamedTuple):
    """The last event in the replica, number 0 where there is none, and its ledger.

    ``ledger_id`` is empty where the replica was made before ledgers had one.
    """

    seq: int = 0
    hash: str = ""
    ledger_id: str = ""


@dataclass(frozen=True)
class LedgerChanges:
    """Changes since ``from_offset``: ``payments`` replace those with the same ids, ``events`` are appended.

    With ``full_refresh`` the replica is emptied first: it was of another ledger. Rows have exactly the columns of their
    table; timestamps are aware. ``to_offset`` is the offset of the last event.
    """

    from_offset: LedgerOffset
    to_offset: LedgerOffset
    payments: Sequence[Row]
    events: Sequence[Row]
    full_refresh: bool = False


def read_offset(connection: Connection) -> LedgerOffset:
    """The offset of the replica. Raises ``NotAWarehouse`` for a file of another program."""
    version = schema_version(connection)
    if version < FIRST_SCHEMA:
        return LedgerOffset()
    table = "ops.mirrored" if version == FIRST_SCHEMA else "ops.ledger_offset"  # its name before it is migrated
    ledger_id = "coalesce(ledger_id, '')" if version >= SCHEMA_WITH_LEDGER_ID else "''"
    row = fetch_one(connection, f"SELECT seq, hash, {ledger_id} FROM {table}")
    return LedgerOffset(*row) if row else LedgerOffset()


def apply_changes(connection: Connection, changes: LedgerChanges) -> bool:
    """Writes ``changes`` in one transaction; false, and nothing is written, when another process wrote since.

    Raises ``ValueError``, ``TypeError`` or ``duckdb.Error`` for a row whose names or values do not fit the table.
    """
    with transaction(connection):
        if read_offset(connection) != changes.from_offset:
            return False
        if changes.full_refresh:
            connection.execute("DELETE FROM topups.payments; DELETE FROM topups.events")
        elif changes.payments:
            replaced = [row["payment_id"] for row in changes.payments]
            connection.execute("DELETE FROM topups.payments WHERE payment_id IN (SELECT unnest(?))", [replaced])
        for table, rows in (("payments", changes.payments), ("events", changes.events)):
            _insert(connection, table, rows)
        connection.execute("DELETE FROM ops.ledger_offset")
        offset = [changes.to_offset.seq, changes.to_offset.hash, changes.to_offset.ledger_id or None]
        connection.execute("INSERT INTO ops.ledger_offset (seq, hash, ledger_id) VALUES (?, ?, ?)", offset)
    return True


def count_rows(connection: Connection) -> dict[str, int]:
    """Rows per table; 0 in a file without a replica."""
    if schema_version(connection) < FIRST_SCHEMA:
        return dict.fromkeys(TABLES, 0)
    return {name: int(scalar(connection, f"SELECT count(*) FROM topups.{name}")) for name in TABLES}


def previews(connection: Connection) -> dict[str, str]:
    """The newest rows of each table as Markdown: states, amounts and times."""
    if schema_version(connection) < FIRST_SCHEMA:
        return dict.fromkeys(TABLES, "")
    return {name: _preview(connection, name, *preview) for name, preview in PREVIEWED.items()}


def _preview(connection: Connection, table: str, columns: str, newest: str) -> str:
    query = f"SELECT {columns} FROM topups.{table} ORDER BY {newest} DESC LIMIT {PREVIEW_ROWS}"
    rows = connection.sql(query).project("COLUMNS(*)::VARCHAR").fetchall()
    names = [name.strip(' "') for name in columns.split(",")]
    lines = [names, ["---"] * len(names), *([cell or "" for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _insert(connection: Connection, table: str, rows: Sequence[Row]) -> None:
    types = {column.name: column.type for column in TABLES[table]}
    for row in rows:
        if row.keys() != types.keys():
            raise ValueError(f"topups.{table}: a row with unexpected columns: {sorted(row.keys() ^ types.keys())}")
    insert = f"INSERT INTO topups.{table} BY NAME SELECT unnest(from_json_strict(?, ?), recursive := true)"
    for start in range(0, len(rows), ROWS_AT_ONCE):
        document = json.dumps([dict(row) for row in rows[start : start + ROWS_AT_ONCE]], default=_text)
        connection.execute(insert, [document, json.dumps([types])])


def _text(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo:
        return value.isoformat()
    raise TypeError(f"{value!r} cannot be stored in the replica")
