"""Lets go of old raw answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

from warehouse.connection import first_row, opened, transaction

DOOMED = """
CREATE OR REPLACE TEMP TABLE doomed AS
SELECT response_id, body_sha256, body FROM raw.responses
WHERE requested_at < ? AND response_id NOT IN (SELECT response_id FROM ops.watermarks)
"""
SIZE = """
SELECT count(*), coalesce(sum(octet_length(d.body)) FILTER (h.body_sha256 IS NULL), 0)
FROM doomed d LEFT JOIN heirs h ON h.body_sha256 = d.body_sha256
"""
INHERIT = "UPDATE raw.responses r SET body = h.body FROM heirs h WHERE r.response_id = h.response_id"


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
        connection.execute(DOOMED, [before])
        connection.execute(resources.files("warehouse").joinpath("sql", "prune_heirs.sql").read_text("utf-8"))
        row = first_row(connection, SIZE)
        if not dry_run:
            with transaction(connection):
                connection.execute(INHERIT)
                for table in ("raw.responses", "ops.rejects"):
                    connection.execute(f"DELETE FROM {table} WHERE response_id IN (SELECT response_id FROM doomed)")
        return Pruned(*map(int, row)) if row else Pruned(0, 0)
