"""Deletes old raw responses: usable ones after the raw retention, failed ones after their own, shorter one."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from duckdb import DuckDBPyConnection

from warehouse.database.opening import open_warehouse
from warehouse.raw.store import body_table, drop_empty_body_tables, ensure_body_tables
from warehouse.schema.migrations import migrate
from warehouse.sql import fetch_one, transaction

EXPIRED = """
CREATE OR REPLACE TEMP TABLE expired AS
SELECT response_id, body_sha256, stores_body, (requested_at AT TIME ZONE 'UTC')::DATE AS day, error FROM raw.requests
WHERE requested_at < CASE WHEN error IS NULL THEN $before ELSE $failed_before END
  AND response_id NOT IN (SELECT response_id FROM ops.watermarks WHERE response_id IS NOT NULL)
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
# Rejected records go with their response; a response that is no longer stored at all has none to show either.
REJECTS = """
FROM ops.rejects WHERE response_id IN (SELECT response_id FROM expired)
   OR response_id NOT IN (SELECT response_id FROM raw.requests)
"""
SIZE = f"""
SELECT count(*), count(e.error), (SELECT count(*) {REJECTS}),
       coalesce(sum(octet_length(r.body)) FILTER (b.old_id IS NULL), 0)
FROM expired e JOIN raw.responses r USING (response_id)
LEFT JOIN reassigned_bodies b ON b.old_id = e.response_id
"""


@dataclass(frozen=True)
class PruneResult:
    """What was deleted, or would be: raw responses, how many of them had failed, rejected records, bytes of bodies."""

    responses: int
    failed_responses: int
    rejects: int
    body_bytes: int


def prune(warehouse: Path, before: datetime, failed_before: datetime, *, dry_run: bool) -> PruneResult:
    """Deletes raw responses requested before ``before``, except the newest accepted one of each partition.

    Failed responses are deleted before ``failed_before``; rejected records go with their response. A body that a
    younger response shares moves to that one. Tables and history are untouched; what a later replay cannot rebuild it
    leaves as it is. The file's free space is reused, it does not shrink.
    """
    with open_warehouse(warehouse) as connection:
        migrate(connection)
        connection.execute(EXPIRED, {"before": before, "failed_before": failed_before})
        connection.execute(REASSIGNED_BODIES)
        result = PruneResult(*(int(count) for count in fetch_one(connection, SIZE) or ()))
        if not dry_run:
            with transaction(connection):
                _delete_expired(connection)
        return result


def _delete_expired(connection: DuckDBPyConnection) -> None:
    reassigned = connection.execute("SELECT old_id, old_day, new_id, new_day FROM reassigned_bodies").fetchall()
    ensure_body_tables(connection, {new_day for _, _, _, new_day in reassigned})
    for old_id, old_day, new_id, new_day in reassigned:
        body = f"SELECT ?, body FROM raw.{body_table(old_day)} WHERE response_id = ?"
        connection.execute(f"INSERT INTO raw.{body_table(new_day)} {body}", [new_id, old_id])
        connection.execute("UPDATE raw.requests SET stores_body = true WHERE response_id = ?", [new_id])
    connection.execute(f"DELETE {REJECTS}")
    stored = connection.execute("SELECT DISTINCT day FROM expired WHERE stores_body").fetchall()
    days = {day for (day,) in stored}
    for table in (*(f"raw.{body_table(day)}" for day in days), "raw.requests"):
        connection.execute(f"DELETE FROM {table} WHERE response_id IN (SELECT response_id FROM expired)")
    drop_empty_body_tables(connection, days)
