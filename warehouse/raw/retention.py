"""Deletes old raw responses."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from duckdb import DuckDBPyConnection

from warehouse.database.opening import open_warehouse
from warehouse.raw.store import body_table, drop_empty_body_tables, ensure_body_tables
from warehouse.schema.migrations import require_known_version
from warehouse.sql import transaction

EXPIRED = """
CREATE OR REPLACE TEMP TABLE expired AS
SELECT response_id, body_sha256, stores_body, (requested_at AT TIME ZONE 'UTC')::DATE AS day FROM raw.requests
WHERE requested_at < ? AND response_id NOT IN (SELECT response_id FROM ops.watermarks)
"""
# For each expired body that a younger response shares: the oldest response that stays and has the same one.
REASSIGNED_BODIES = """
CREATE OR REPLACE TEMP TABLE reassigned_bodies AS
SELECT e.body_sha256, e.response_id AS old_id, e.day AS old_day,
       arg_min(r.response_id, r.requested_at) AS new_id,
       (min(r.requested_at) AT TIME ZONE 'UTC')::DATE AS new_day
FROM expired e JOIN raw.requests r ON r.body_sha256 = e.body_sha256
WHERE e.stores_body AND r.response_id NOT IN (SELECT response_id FROM expired)
GROUP BY ALL
"""
SIZE = """
SELECT count(*), coalesce(sum(octet_length(r.body)) FILTER (b.old_id IS NULL), 0)
FROM expired e JOIN raw.responses r USING (response_id)
LEFT JOIN reassigned_bodies b ON b.old_id = e.response_id
"""


@dataclass(frozen=True)
class PruneResult:
    """How many raw responses were deleted, or would be, and the bytes of bodies with them."""

    responses: int
    body_bytes: int


def prune(warehouse: Path, before: datetime, *, dry_run: bool) -> PruneResult:
    """Deletes raw responses requested before ``before``, except the newest accepted one of each partition.

    A body that a younger response shares moves to that one. Tables and history are untouched; what a later replay
    cannot rebuild it leaves as it is. The file's free space is reused, it does not shrink.
    """
    with open_warehouse(warehouse) as connection:
        require_known_version(connection)
        connection.execute(EXPIRED, [before])
        connection.execute(REASSIGNED_BODIES)
        ((responses, body_bytes),) = connection.execute(SIZE).fetchall()
        if not dry_run:
            with transaction(connection):
                _delete_expired(connection)
        return PruneResult(int(responses), int(body_bytes))


def _delete_expired(connection: DuckDBPyConnection) -> None:
    reassigned = connection.execute("SELECT old_id, old_day, new_id, new_day FROM reassigned_bodies").fetchall()
    ensure_body_tables(connection, {new_day for _, _, _, new_day in reassigned})
    for old_id, old_day, new_id, new_day in reassigned:
        body = f"SELECT ?, body FROM raw.{body_table(old_day)} WHERE response_id = ?"
        connection.execute(f"INSERT INTO raw.{body_table(new_day)} {body}", [new_id, old_id])
        connection.execute("UPDATE raw.requests SET stores_body = true WHERE response_id = ?", [new_id])
    stored = connection.execute("SELECT DISTINCT day FROM expired WHERE stores_body").fetchall()
    days = {day for (day,) in stored}
    for table in (*(f"raw.{body_table(day)}" for day in days), "raw.requests", "ops.rejects"):
        connection.execute(f"DELETE FROM {table} WHERE response_id IN (SELECT response_id FROM expired)")
    drop_empty_body_tables(connection, days)
