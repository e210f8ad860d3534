"""What relations and columns mean, as comments in the database: in the analysts' copy, which is where people read.

The warehouse has them for what it alone holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import duckdb

from warehouse.connection import unoptimised
from warehouse.mart_views import mart_comments
from warehouse.mirror import TABLES as MIRROR
from warehouse.sql_files import first_row, sql, transaction
from warehouse.tables import Table, comments

LINEAGE = {
    "response_id": "The answer that brought this version, as in raw.responses.",
    "first_seen_at": "First answer that ever listed the row, UTC.",
    "last_seen_at": "Newest answer that listed the row, UTC.",
}
HISTORY = {
    **LINEAGE,
    "last_seen_at": "Newest answer that listed the row as this version, UTC.",
    "valid_from": "The answer that brought this version, UTC.",
    "valid_to": "The answer that changed the row or no longer listed it, UTC; null for the current version.",
}


def describe(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Comments on everything that is published, unless these very comments were made since ``shape`` made the views."""
    statements = [sql("comments"), *mart_comments()]
    for table in tables:
        meanings = {column.name: column.comment for column in table.columns}
        statements += comments(f'sms."{table.name}"', meanings | LINEAGE)
        statements += comments(f'sms."{table.name}_history"', meanings | HISTORY)
    for name, columns in MIRROR.items():
        statements += comments(f"topups.{name}", {column.name: column.comment for column in columns})
    fingerprint = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    if first_row(connection, "SELECT 1 FROM ops.shape WHERE fingerprint = ?", [fingerprint]):
        return
    with unoptimised(connection), transaction(connection):
        connection.execute(";\n".join(statements))
        connection.execute("INSERT INTO ops.shape VALUES (?)", [fingerprint])
