"""``topups.payments`` and ``topups.events``: the mirror of the ledger of payments. It writes what it is given.

Every change of a payment has its event, and the hash of the last event covers all before it. One mark, the last event's
number and hash, therefore says exactly what the mirror holds, and whether it still is a mirror of that ledger.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from warehouse.migrate import schema_version
from warehouse.schema.system_tables import EVENTS, PAYMENTS
from warehouse.sql_files import first_row, transaction
from warehouse.tables import Column

Connection = duckdb.DuckDBPyConnection
Row = Mapping[str, Any]

FIRST_SCHEMA = 2
# One long JSON text takes DuckDB much longer than many of this many rows (measured: 80,000 rows in 0.3 s, not 6 s).
ROWS_AT_ONCE = 1000
PREVIEW_ROWS = 5
SHOWN = {
    "payments": ("created_at, state, exception, amount_cents, rail, credited_at", "created_at"),
    "events": ('seq, "at", kind, from_state, to_state', "seq"),
}

TABLES: Mapping[str, tuple[Column, ...]] = {"payments": PAYMENTS.columns, "events": EVENTS.columns}


class Mark(NamedTuple):
    """The last event that the mirror holds; number 0 where it holds none."""

    seq: int = 0
    hash: str = ""


@dataclass(frozen=True)
class Delta:
    """What to write. ``payments`` replace those with the same ids, ``events`` come after ``after``.

    With ``anew`` the mirror is emptied first: it was of another ledger. Rows name exactly the columns of their table;
    instants are aware. ``upto`` is the mark of the last event.
    """

    after: Mark
    upto: Mark
    payments: Sequence[Row]
    events: Sequence[Row]
    anew: bool = False


def mark_of(connection: Connection) -> Mark:
    """What the mirror holds. Raises ``NotAWarehouse`` for a file of another program."""
    version = schema_version(connection)
    if version < FIRST_SCHEMA:
        return Mark()
    table = "ops.mirrored" if version == FIRST_SCHEMA else "ops.ledger_offset"  # its name before it is migrated
    row = first_row(connection, f"SELECT seq, hash FROM {table}")
    return Mark(*row) if row else Mark()


def write(connection: Connection, delta: Delta) -> bool:
    """Writes ``delta`` in one transaction; false, and nothing is written, when another program was quicker.

    Raises ``ValueError``, ``TypeError`` or ``duckdb.Error`` for a row whose names or values do not fit the table.
    """
    with transaction(connection):
        if mark_of(connection) != delta.after:
            return False
        if delta.anew:
            connection.execute("DELETE FROM topups.payments; DELETE FROM topups.events")
        elif delta.payments:
            replaced = [row["payment_id"] for row in delta.payments]
            connection.execute("DELETE FROM topups.payments WHERE payment_id IN (SELECT unnest(?))", [replaced])
        for table, rows in (("payments", delta.payments), ("events", delta.events)):
            _insert(connection, table, rows)
        connection.execute("DELETE FROM ops.ledger_offset")
        connection.execute("INSERT INTO ops.ledger_offset VALUES (?, ?)", [*delta.upto])
    return True


def count(connection: Connection) -> dict[str, int]:
    """Rows per table; 0 in a file that has no mirror yet."""
    if schema_version(connection) < FIRST_SCHEMA:
        return dict.fromkeys(TABLES, 0)
    found = {name: first_row(connection, f"SELECT count(*) FROM topups.{name}") for name in TABLES}
    return {name: int(row[0]) if row else 0 for name, row in found.items()}


def previews(connection: Connection) -> dict[str, str]:
    """The newest rows of each table as Markdown: states, amounts and instants."""
    if schema_version(connection) < FIRST_SCHEMA:
        return dict.fromkeys(TABLES, "")
    return {name: _preview(connection, name, *shown) for name, shown in SHOWN.items()}


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
            raise ValueError(f"topups.{table}: a row with other columns: {sorted(row.keys() ^ types.keys())}")
    insert = f"INSERT INTO topups.{table} BY NAME SELECT unnest(from_json_strict(?, ?), recursive := true)"
    for start in range(0, len(rows), ROWS_AT_ONCE):
        document = json.dumps([dict(row) for row in rows[start : start + ROWS_AT_ONCE]], default=_text)
        connection.execute(insert, [document, json.dumps([types])])


def _text(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo:
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in the mirror")
