"""Lets go of old raw answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from duckdb import DuckDBPyConnection

from warehouse.bodies import drop_empty, make_tables, table_of
from warehouse.connection import opened
from warehouse.migrate import refuse_newer
from warehouse.sql_files import first_row, sql, transaction

DOOMED = """
CREATE OR REPLACE TEMP TABLE doomed AS
SELECT response_id, body_sha256, stores_body, (requested_at AT TIME ZONE 'UTC')::DATE AS day FROM raw.requests
WHERE requested_at < ? AND response_id NOT IN (SELECT response_id FROM ops.watermarks)
"""
SIZE = """
SELECT count(*), coalesce(sum(octet_length(r.body)) FILTER (h.response_id IS NULL), 0)
FROM doomed d JOIN raw.responses r USING (response_id)
LEFT JOIN heirs h ON d.stores_body AND h.body_sha256 = d.body_sha256
"""
HEIRS = "SELECT old_id, old_day, response_id, day FROM heirs"


@dataclass(frozen=True)
class Pruned:
    """How many raw answers went, or would go, and the bytes of bodies with them."""

    responses: int
    body_bytes: int


def prune(warehouse: Path, before: datetime, *, dry_run: bool) -> Pruned:
    """Removes raw answers that were asked for before ``before``; never the newest accepted one of any part.

    A body that a younger answer shares moves to that one. Tables and history are untouched; what a later replay cannot
    rebuild it leaves as it is. The file's free space is used again, it does not shrink.
    """
    with opened(warehouse) as connection:
        refuse_newer(connection)
        connection.execute(DOOMED, [before])
        connection.execute(sql("prune_heirs"))
        row = first_row(connection, SIZE)
        if not dry_run:
            with transaction(connection):
                _remove(connection)
        return Pruned(*map(int, row)) if row else Pruned(0, 0)


def _remove(connection: DuckDBPyConnection) -> None:
    for old_id, old_day, heir_id, heir_day in connection.execute(HEIRS).fetchall():
        make_tables(connection, {heir_day})
        move = f"INSERT INTO raw.{table_of(heir_day)} SELECT ?, body FROM raw.{table_of(old_day)} WHERE response_id = ?"
        connection.execute(move, [heir_id, old_id])
        connection.execute("UPDATE raw.requests SET stores_body = true WHERE response_id = ?", [heir_id])
    days = {row[0] for row in connection.execute("SELECT DISTINCT day FROM doomed WHERE stores_body").fetchall()}
    for table in (*(f"raw.{table_of(day)}" for day in days), "raw.requests", "ops.rejects"):
        connection.execute(f"DELETE FROM {table} WHERE response_id IN (SELECT response_id FROM doomed)")
    drop_empty(connection, days)
