"""The load log: ``ops.loads``, ``ops.rejects``, ``ops.drift``, and the watermarks that the next load starts from."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from warehouse.loading.batch import (
    Batch,
    LoadContext,
    LoadResult,
    RejectedRecord,
    SchemaDrift,
    Watermark,
    Watermarks,
)
from warehouse.sql import render

Connection = duckdb.DuckDBPyConnection

INSERT_REJECTS = "INSERT INTO ops.rejects BY NAME SELECT * FROM logged"
DRIFT = pa.schema(
    [
        ("dataset", pa.string()),
        ("field", pa.string()),
        ("kind", pa.string()),
        ("example", pa.string()),
        ("seen_at", pa.timestamp("us", "UTC")),
    ]
)


def log_load(connection: Connection, load: LoadContext, result: LoadResult) -> None:
    """Writes the load's row in ``ops.loads``."""
    row = asdict(load) | {"finished_at": datetime.now(UTC), "status": result.status, "error": result.error}
    row |= asdict(result.counts) | {"response_id": result.response_id}
    columns, values = ", ".join(row), ", ".join("?" for _ in row)
    connection.execute(f"INSERT INTO ops.loads ({columns}) VALUES ({values})", list(row.values()))


def read_watermarks(connection: Connection, dataset: str) -> Watermarks:
    """The newest accepted response of each partition of ``dataset``."""
    rows = connection.execute(
        "SELECT part, response_id, seen_at, body_sha256, contract, fetched, rejected, duplicates, server_date, "
        "coalesce(recent_rows, []) FROM ops.watermarks WHERE dataset = ?",
        [dataset],
    ).fetchall()
    return {row[0]: Watermark(*row[1:]) for row in rows}


def log_rejects(connection: Connection, load: LoadContext, rejects: Sequence[RejectedRecord]) -> None:
    """Writes rejected records with their reasons into ``ops.rejects``."""
    if rejects:
        head = {"load_id": load.load_id, "dataset": load.dataset}
        _execute_with(connection, INSERT_REJECTS, pa.Table.from_pylist([head | asdict(reject) for reject in rejects]))


def log_drift(connection: Connection, batch: Batch, drift: Sequence[SchemaDrift]) -> None:
    """Writes schema drift into ``ops.drift``, as seen with the newest response of ``batch``."""
    seen_at = max((partition.requested_at for partition in batch.partitions), default=None)
    rows = [{"dataset": batch.table.name, "seen_at": seen_at} | asdict(difference) for difference in drift]
    if rows:
        _execute_with(connection, render("loading/sql/log_drift"), pa.Table.from_pylist(rows, DRIFT))


def _execute_with(connection: Connection, statements: str, rows: pa.Table) -> None:
    """Runs SQL that reads ``rows`` under the name ``logged``."""
    connection.register("logged", rows)
    connection.execute(statements)
    connection.unregister("logged")
