"""Staging of a batch: the rows that are to be merged, each key once, registered for SQL."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.loading.batch import Batch, Partition, RejectedRecord, Watermarks
from warehouse.loading.guard import recent_rows
from warehouse.schema.tables import Table, column_list, key_match
from warehouse.sql import quote_literal, render_all, scalar

Connection = duckdb.DuckDBPyConnection

CONFLICT = "conflicting duplicate"
PARTITIONS = pa.schema(
    [
        ("part", pa.string()),
        ("response_id", pa.string()),
        ("requested_at", pa.timestamp("us", "UTC")),
        ("body_sha256", pa.string()),
        ("contract", pa.string()),
        ("is_complete", pa.bool_()),
        ("fetched", pa.int64()),
        ("rejected", pa.int64()),
        ("duplicates", pa.int64()),
        ("server_date", pa.timestamp("us", "UTC")),
        ("recent_rows", pa.list_(pa.int64())),
    ]
)


@dataclass(frozen=True)
class Staged:
    """What of a batch is to be merged, registered as ``staging``, ``rejected_keys`` and ``partitions``.

    ``rows`` has each key once, with its number; ``conflicts`` are the records that lost to another one with their key.
    ``sql`` maps the name of each SQL file of the merge to its text. ``is_noop`` says that each response is byte for
    byte the one loaded last, and that no partition is gone.
    """

    batch: Batch
    partitions: Sequence[Partition]
    rows: pa.Table
    conflicts: Sequence[RejectedRecord]
    is_noop: bool
    sql: dict[str, str]


@contextmanager
def stage(
    connection: Connection, batch: Batch, fresh: Sequence[Partition], watermarks: Watermarks, *, accept_shrink: bool
) -> Iterator[Staged]:
    """Registers the rows of the partitions ``fresh``, without duplicates, until the body ends."""
    try:
        rows, numbers = _rows_of(batch.rows, fresh)
        rows, losers = _deduplicate(connection, batch.table, rows)
        conflicts = [
            _conflict(batch, int(numbers[row]), name, fresh) for row, name, is_conflict in losers if is_conflict
        ]
        partitions = [_with_losers(partition, losers) for partition in fresh]
        connection.register("rejected_keys", batch.rejected_keys)
        listed = [_partition_row(p, watermarks, accept_shrink=accept_shrink) for p in partitions]
        connection.register("partitions", pa.Table.from_pylist(listed, PARTITIONS))
        sql = render_all("loading/sql/merge", **_placeholders(batch, accept_shrink=accept_shrink))
        yield Staged(batch, partitions, rows, conflicts, _is_noop(connection, batch, fresh), sql)
    finally:
        for relation in ("staging", "changed_rows", "new_rows", "rejected_keys", "partitions"):
            connection.unregister(relation)


def _is_noop(connection: Connection, batch: Batch, fresh: Sequence[Partition]) -> bool:
    if not fresh or not all(partition.unchanged for partition in fresh):
        return False
    if batch.expected_partitions is None:
        return True
    stored = connection.execute(f'SELECT DISTINCT part FROM store."{batch.table.name}"').fetchall()
    return {partition for (partition,) in stored} <= batch.expected_partitions


def _rows_of(batch_rows: pa.Table, partitions: Sequence[Partition]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """The rows of those partitions that carry rows, and their numbers in ``batch_rows``."""
    wanted = {partition.name for partition in partitions if not partition.unchanged}
    if set(batch_rows["part"].unique().to_pylist()) <= wanted:
        return batch_rows, np.arange(batch_rows.num_rows)
    mask = pc.is_in(batch_rows["part"], pa.array(wanted, pa.string()))
    return batch_rows.filter(mask), np.flatnonzero(mask.to_numpy())


def _deduplicate(
    connection: Connection, table: Table, batch_rows: pa.Table
) -> tuple[pa.Table, list[tuple[int, str, bool]]]:
    """Registers one row of each key as ``staging``; of the others the number, the partition, and whether they differ.

    Of rows that differ the one with the greatest values wins, compared column by column in the table's order: a choice
    that does not depend on the order of the records.
    """
    numbered = _numbered(batch_rows)
    connection.register("staging", numbered)
    key = column_list(table.key)
    if scalar(connection, f"SELECT count(*) FROM (SELECT DISTINCT {key} FROM staging)") == batch_rows.num_rows:
        return numbered, []
    values = ", ".join(f'"{name}" DESC NULLS LAST' for name in table.tracked_columns) or "true"
    losers = connection.execute(f"""
        SELECT row_number, part, rank > 1 FROM (
            SELECT row_number, part, dense_rank() OVER (PARTITION BY {key} ORDER BY {values}) AS rank,
                   row_number() OVER (PARTITION BY {key} ORDER BY {values}, part DESC, row_number) AS place
            FROM staging i SEMI JOIN (SELECT {key} FROM staging GROUP BY ALL HAVING count(*) > 1) s
            ON {key_match(table, "i", "s")}
        ) WHERE place > 1 ORDER BY row_number
    """).fetchall()  # fmt: skip
    is_winner = np.ones(batch_rows.num_rows, dtype=bool)
    is_winner[[row for row, _, _ in losers]] = False
    unique_rows = _numbered(batch_rows.filter(pa.array(is_winner)))
    connection.register("staging", unique_rows)
    return unique_rows, losers


def _with_losers(partition: Partition, losers: Sequence[tuple[int, str, bool]]) -> Partition:
    """``partition`` with the counts of its duplicates: identical ones, and those in conflict, which are rejected."""
    counts = Counter(is_conflict for _, name, is_conflict in losers if name == partition.name)
    if not counts:
        return partition
    return replace(partition, duplicates=counts[False], rejected=partition.rejected + counts[True])


def _conflict(batch: Batch, row: int, name: str, partitions: Sequence[Partition]) -> RejectedRecord:
    """The reject of a row by its number in the batch."""
    if batch.original:
        return replace(batch.original(row), reasons=[CONFLICT])
    response_id = next(partition.response_id for partition in partitions if partition.name == name)
    record = msgspec.json.encode(batch.rows.slice(row, 1).to_pylist()[0]).decode()
    return RejectedRecord(response_id, row, record, [CONFLICT])


def _numbered(batch_rows: pa.Table) -> pa.Table:
    return batch_rows.append_column("row_number", pa.array(np.arange(batch_rows.num_rows)))


def _partition_row(partition: Partition, watermarks: Watermarks, *, accept_shrink: bool) -> dict[str, object]:
    """The row of ``partitions``; is_complete: a current row that the response does not list has vanished."""
    last = watermarks.get(partition.name)
    dates = [date for date in (partition.server_date, last.server_date if last else None) if date]
    return vars(partition) | {
        "part": partition.name,
        "is_complete": partition.keys_readable and not partition.unchanged,
        "server_date": max(dates, default=None),
        "recent_rows": recent_rows(partition, watermarks, accept_shrink=accept_shrink),
    }


def _placeholders(batch: Batch, *, accept_shrink: bool) -> dict[str, str]:
    """The ``$placeholders`` of the SQL files."""
    table = batch.table
    return {
        "table": table.name,
        "full_snapshot": "true" if table.full_snapshot else "false",
        "accept_shrink": "true" if accept_shrink else "false",
        "key": column_list(table.key),
        "columns_i": column_list(table.column_names, "i"),
        "typed_columns_i": ", ".join(f'i."{column.name}"::{column.type}' for column in table.columns),
        "columns_s": column_list(table.column_names, "s"),
        "key_match": key_match(table, "i", "s"),
        "key_match_e": key_match(table, "e", "i"),
        "changed": " OR ".join(f'i."{name}" IS DISTINCT FROM s."{name}"' for name in table.tracked_columns) or "false",
        "snapshot_at": f"TIMESTAMPTZ '{batch.snapshot_at.isoformat()}'" if batch.snapshot_at else "NULL::TIMESTAMPTZ",
        "account_filter": f"s.account_id = {quote_literal(batch.account_id)}" if table.per_account else "true",
        "partition_gone": _is_not_in("s.part", batch.expected_partitions),
        "watermark_gone": _is_not_in("w.part", batch.expected_partitions),
    }


def _is_not_in(column: str, partitions: frozenset[str] | None) -> str:
    """The condition that a partition is gone; false where it is not known which there are."""
    if partitions is None:
        return "false"
    listed = ", ".join(quote_literal(partition) for partition in sorted(partitions))
    return f"NOT list_contains([{listed}]::VARCHAR[], {column})"
