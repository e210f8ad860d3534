"""The books of each load: ``ops.loads``, ``ops.rejects``, ``ops.drift``, and the watermarks of the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from warehouse.batch import Batch, Load, Outcome, Part, Watermark, Watermarks
from warehouse.sql_files import sql

Connection = duckdb.DuckDBPyConnection


def record(connection: Connection, load: Load, outcome: Outcome) -> None:
    """Writes the load's row in ``ops.loads``."""
    row = asdict(load) | {"finished_at": datetime.now(UTC), "status": outcome.status, "error": outcome.error}
    row |= asdict(outcome.counts)
    columns, marks = ", ".join(row), ", ".join("?" for _ in row)
    connection.execute(f"INSERT INTO ops.loads ({columns}) VALUES ({marks})", list(row.values()))


def watermarks(connection: Connection, dataset: str) -> Watermarks:
    """The newest accepted answer of each part of ``dataset``."""
    rows = connection.execute(
        "SELECT part, response_id, body_sha256, contract, fetched, rejected, duplicates "
        "FROM ops.watermarks WHERE dataset = ?",
        [dataset],
    ).fetchall()
    return {row[0]: Watermark(*row[1:]) for row in rows}


def rejects(
    connection: Connection, load: Load, batch: Batch, parts: Sequence[Part], at_most: int | None = None
) -> None:
    """Keeps every record that broke the contract, or the first ``at_most``, with its reasons."""
    live = {part.response_id for part in parts}
    rows = [
        {"load_id": load.load_id, "dataset": load.dataset} | asdict(reject)
        for reject in batch.rejects[:at_most]
        if reject.response_id in live
    ]
    if rows:
        connection.register("new_rejects", pa.Table.from_pylist(rows))
        connection.execute("INSERT INTO ops.rejects BY NAME SELECT * FROM new_rejects")
        connection.unregister("new_rejects")


def drift(connection: Connection, batch: Batch) -> None:
    """Notes fields that differ from the declaration: first seen, last seen, one example."""
    seen_at = max((part.requested_at for part in batch.parts), default=None)
    rows = [{"dataset": batch.table.name, "seen_at": seen_at} | asdict(drift) for drift in batch.drift]
    if rows:
        columns = [("dataset", pa.string()), ("field", pa.string()), ("kind", pa.string()), ("example", pa.string())]
        schema = pa.schema([*columns, ("seen_at", pa.timestamp("us", "UTC"))])
        connection.register("seen_drift", pa.Table.from_pylist(rows, schema))
        connection.execute(sql("drift"))
        connection.unregister("seen_drift")
