"""Refuses a snapshot that has lost too much to be believed."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from warehouse.batch import Batch, Part
from warehouse.connection import first_row
from warehouse.errors import SnapshotRefused

# More than this share of the known keys gone in one answer is taken for a fault of the answer.
LARGEST_LOSS = 0.5


def check_contract(batch: Batch, parts: Sequence[Part]) -> None:
    """Raises ``SnapshotRefused`` when not one record of the answer keeps the contract."""
    fetched = sum(part.fetched for part in parts)
    if fetched and fetched == sum(part.rejected for part in parts):
        reasons = batch.rejects[0].reasons if batch.rejects else ["see ops.rejects"]
        raise SnapshotRefused(
            f"{batch.table.name}: every one of {fetched} records breaks the contract; the first: {reasons[0]}"
        )


def check_loss(connection: duckdb.DuckDBPyConnection, batch: Batch, parts: Sequence[Part]) -> None:
    """Raises ``SnapshotRefused`` when the answer is empty although rows are known, or more than half of them are gone.

    Compares the temporary table ``absent`` with the rows of the account (or of everyone) in the current table. A list
    cut by a limit closes nothing, so only its emptiness is suspicious; in a ranking a row that another one replaced is
    not lost.
    """
    name = batch.table.name
    scope, parameters = ("WHERE account_id = ?", [batch.account_id]) if batch.table.per_account else ("", [])
    known = _count(connection, f'SELECT count(*) FROM store."{name}" {scope}', parameters)
    if not known:
        return
    if not sum(part.fetched for part in parts):
        raise SnapshotRefused(f"{name}: the answer is empty, {known} rows are known; {_advice(name)}")
    gone = _count(connection, "SELECT count(*) FROM absent", [])
    if batch.table.ranking:
        gone -= _count(connection, "SELECT count(*) FROM delta WHERE old_row IS NULL", [])
    if batch.table.complete and gone > known * LARGEST_LOSS:
        raise SnapshotRefused(f"{name}: {gone} of {known} known rows are missing from the answer; {_advice(name)}")


def _advice(name: str) -> str:
    return f"the table stays as it was. If it is right: smsonline sync {name} --accept-shrink"


def _count(connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[str]) -> int:
    row = first_row(connection, sql, parameters)
    return int(row[0]) if row else 0
