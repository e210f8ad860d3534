"""Merges one normalised snapshot into its table, with history, in one transaction.

``load_batch`` takes five steps: stage, diff, guard, write, reconcile. They commit together or not at all. The guard
comes after the diff because it needs the number of missing rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.errors import LoadMismatch, SnapshotRefused
from warehouse.failpoints import failpoint
from warehouse.loading.batch import Batch, LoadContext, LoadCounts, LoadResult, Partition
from warehouse.loading.load_log import log_details, log_load
from warehouse.schema.tables import Table, column_list, key_match
from warehouse.sql import quote_literal, render_all, rows, scalar, transaction

Connection = duckdb.DuckDBPyConnection

# A response that lacks more than this share of the current keys is taken for faulty.
MAX_SHRINK = 0.5
# Of a refused snapshot. raw.responses has it as a whole, and it may come again every few minutes.
MAX_REJECTS_OF_REFUSED = 100

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
    ]
)

ROW_NUMBERS = "SELECT row_number FROM changes WHERE current_rowid IS "
COUNT_CHANGES = "SELECT count(*) - count(current_rowid) AS new, count(current_rowid) AS changed FROM changes"


@dataclass(frozen=True)
class Staged:
    """What of a batch is to be merged, registered as ``staging``, ``rejected_keys`` and ``partitions``.

    ``partitions`` are those at least as new as what is loaded; the ``stale_records`` of the others only count.
    ``rows`` has each key once, with its number. ``sql`` maps the name of each SQL file of the merge to its text.
    ``is_noop`` says that each response is byte for byte the one loaded last, and that no partition is gone.
    """

    batch: Batch
    partitions: Sequence[Partition]
    rows: pa.Table
    stale_records: int
    is_noop: bool
    sql: dict[str, str]


@dataclass(frozen=True)
class Diff:
    """Numbers of rows: current before the load (of all, and of the batch's account), and what differs."""

    before: int
    in_scope: int
    frozen: int
    new: int
    changed: int
    missing: int


def load_batch(connection: Connection, batch: Batch, load: LoadContext) -> LoadResult:
    """Merges ``batch`` and returns what became of its records; a refused snapshot changes nothing but the load log.

    The result's status is ``ok``, ``failed`` when responses are missing, or ``rejected`` when a guard
    refused. A response older than what is loaded is ``ok`` and unchanged. Raises ``LoadMismatch`` when the number of
    rows disagrees with the counts; nothing is committed then.
    """
    try:
        with transaction(connection):
            with _stage(connection, batch) as staged:
                counts = _merge(connection, staged, load)
            result = LoadResult("failed" if batch.partial_reason else "ok", counts, batch.partial_reason)
            log_load(connection, load, result)
            failpoint("before committing a load")
        failpoint("after committing a load")
    except SnapshotRefused as refusal:
        fetched = sum(partition.fetched for partition in batch.partitions)
        result = LoadResult("rejected", LoadCounts(fetched=fetched, rejected=fetched), str(refusal))
        with transaction(connection):
            log_load(connection, load, result)
            log_details(connection, load, batch, batch.partitions, max_rejects=MAX_REJECTS_OF_REFUSED)
    return result


def _merge(connection: Connection, staged: Staged, load: LoadContext) -> LoadCounts:
    if staged.batch.partitions and not staged.partitions:  # every response is older than what is loaded
        return _counts(staged)
    if staged.is_noop:
        connection.execute(staged.sql["touch_drift"])
        connection.execute(staged.sql["advance_watermarks"])
        return _counts(staged)
    diff = _diff(connection, staged)
    _guard(staged, diff, load)
    _write(connection, staged, diff, load)
    return _reconcile(connection, staged, diff)


@contextmanager
def _stage(connection: Connection, batch: Batch) -> Iterator[Staged]:
    """Drops stale partitions and duplicate rows, and registers the rest for SQL."""
    fresh, stale_records = _drop_stale(connection, batch)
    is_noop = bool(fresh) and all(partition.unchanged for partition in fresh)
    if is_noop and batch.expected_partitions is not None:
        stored = connection.execute(f'SELECT DISTINCT part FROM store."{batch.table.name}"').fetchall()
        is_noop = {partition for (partition,) in stored} <= batch.expected_partitions
    try:
        unique_rows, partitions = _deduplicate(connection, batch.table, _rows_of(batch.rows, fresh), fresh)
        connection.register("rejected_keys", batch.rejected_keys)
        # is_complete: a current row of the partition that the response does not list has vanished.
        listed = [vars(p) | {"part": p.name, "is_complete": p.keys_readable and not p.unchanged} for p in partitions]
        connection.register("partitions", pa.Table.from_pylist(listed, PARTITIONS))
        sql = render_all("loading/sql/merge", **_placeholders(batch))
        yield Staged(batch, partitions, unique_rows, stale_records, is_noop, sql)
    finally:
        for relation in ("staging", "changed_rows", "new_rows", "rejected_keys", "partitions"):
            connection.unregister(relation)


def _diff(connection: Connection, staged: Staged) -> Diff:
    """Compares with the current rows: fills the temporary tables ``changes`` and ``missing``."""
    (before,) = rows(connection, staged.sql["count_current"])
    connection.execute(staged.sql["changes"])
    (compared,) = rows(connection, COUNT_CHANGES)
    is_any_missing = staged.rows.num_rows - compared["new"] < before["before"]
    connection.execute(staged.sql["missing"] + ("" if is_any_missing else "LIMIT 0"))  # spares the joins
    return Diff(**before, **compared, missing=scalar(connection, "SELECT count(*) FROM missing"))


def _guard(staged: Staged, diff: Diff, load: LoadContext) -> None:
    """Raises ``SnapshotRefused`` for a snapshot that is not plausible.

    Not plausible are records that all break the contract, no record although rows exist, and more than half of the rows
    missing. A list cut by a limit closes nothing, so only its emptiness is suspicious; in a ranking a row that another
    one replaced is not missing. The rows of a table with accounts are those of the batch's account.
    """
    table, rejects = staged.batch.table, staged.batch.rejects
    fetched = sum(partition.fetched for partition in staged.partitions)
    if fetched and fetched == sum(partition.rejected for partition in staged.partitions):
        reason = rejects[0].reasons[0] if rejects else "see ops.rejects"
        raise SnapshotRefused(f"{table.name}: every one of {fetched} records breaks the contract; the first: {reason}")
    if load.accept_shrink or not diff.in_scope:
        return
    advice = f"the table stays as it was. If it is right: smsonline sync {table.name} --accept-shrink"
    if not fetched:
        raise SnapshotRefused(f"{table.name}: the response is empty, {diff.in_scope} rows exist; {advice}")
    missing, current = diff.missing - (diff.new if table.high_churn else 0), diff.in_scope
    if table.full_snapshot and missing > current * MAX_SHRINK:
        raise SnapshotRefused(f"{table.name}: {missing} of {current} rows are missing from the response; {advice}")


def _write(connection: Connection, staged: Staged, diff: Diff, load: LoadContext) -> None:
    """Closes and inserts versions, moves the watermarks, and writes rejected records and drift into the load log."""
    if not staged.batch.table.full_snapshot:
        connection.execute(staged.sql["freeze_last_seen"])
    if diff.frozen or not staged.batch.table.full_snapshot:
        connection.execute(staged.sql["clear_last_seen"])
    if diff.changed or (diff.missing and staged.batch.table.full_snapshot):
        connection.execute(staged.sql["close_versions"])
    failpoint("while loading")
    if diff.changed:
        changed = connection.execute(f"{ROW_NUMBERS} NOT NULL").fetchnumpy()["row_number"]
        connection.register("changed_rows", staged.rows.take(changed))
        connection.execute(staged.sql["insert_new_versions"])
    if diff.new:
        is_all = diff.new == staged.rows.num_rows  # the first load: nothing to select
        new = None if is_all else connection.execute(f"{ROW_NUMBERS} NULL").fetchnumpy()["row_number"]
        connection.register("new_rows", staged.rows if new is None else staged.rows.take(new))
        connection.execute(staged.sql["insert_new_keys"])
    connection.execute(staged.sql["advance_watermarks"])
    log_details(connection, load, staged.batch, staged.partitions)


def _reconcile(connection: Connection, staged: Staged, diff: Diff) -> LoadCounts:
    """The counts of the load. Raises ``LoadMismatch`` when the table does not hold as many rows as they say."""
    table = staged.batch.table
    closed = diff.missing if table.full_snapshot else 0
    expected = diff.before + diff.new - closed
    actual = scalar(connection, f'SELECT count(*) FROM store."{table.name}"')
    if actual != expected:
        raise LoadMismatch(f"{table.name}: the table holds {actual} rows after the load, the counts say {expected}")
    counts = _counts(staged)
    unchanged = counts.unchanged + staged.rows.num_rows - diff.new - diff.changed
    return replace(counts, inserted=diff.new, changed=diff.changed, unchanged=unchanged, closed=closed)


def _counts(staged: Staged) -> LoadCounts:
    """The counts that need no comparison of rows."""
    partitions, stale = staged.partitions, staged.stale_records
    return LoadCounts(
        fetched=sum(partition.fetched for partition in partitions) + stale,
        unchanged=sum(p.fetched - p.rejected - p.duplicates for p in partitions if p.unchanged) + stale,
        rejected=sum(partition.rejected for partition in partitions),
        duplicates=sum(partition.duplicates for partition in partitions),
    )


def _drop_stale(connection: Connection, batch: Batch) -> tuple[list[Partition], int]:
    """The partitions that are not older than what is loaded, and the number of records in the others.

    Raises ``SnapshotRefused`` when what is loaded is from the future: then a clock is wrong, the response is not late.
    """
    name = batch.table.name
    query = "SELECT part, seen_at FROM ops.watermarks WHERE dataset = ? AND seen_at IS NOT NULL"
    seen: dict[str, datetime] = dict(connection.execute(query, [name]).fetchall())
    fresh: list[Partition] = []
    stale: list[Partition] = []
    for partition in batch.partitions:
        is_stale = partition.name in seen and partition.requested_at < seen[partition.name]
        (stale if is_stale else fresh).append(partition)
    if any(seen[partition.name] > datetime.now(UTC) for partition in stale):
        raise SnapshotRefused(f"{name}: what is loaded is from the future; set this machine's clock right")
    return fresh, sum(partition.fetched for partition in stale)


def _rows_of(batch_rows: pa.Table, partitions: Sequence[Partition]) -> pa.Table:
    """The rows of those partitions that carry rows."""
    wanted = {partition.name for partition in partitions if not partition.unchanged}
    if set(batch_rows["part"].unique().to_pylist()) <= wanted:
        return batch_rows
    return batch_rows.filter(pc.is_in(batch_rows["part"], pa.array(wanted, pa.string())))


def _deduplicate(
    connection: Connection, table: Table, batch_rows: pa.Table, partitions: list[Partition]
) -> tuple[pa.Table, list[Partition]]:
    """Registers the last row of each key as ``staging``; the others are counted as duplicates of their partition."""
    numbered = _numbered(batch_rows)
    connection.register("staging", numbered)
    key = column_list(table.key)
    if scalar(connection, f"SELECT count(*) FROM (SELECT DISTINCT {key} FROM staging)") == batch_rows.num_rows:
        return numbered, partitions
    last = f"SELECT max(row_number) AS row_number FROM staging GROUP BY {key} ORDER BY 1"
    unique_rows = _numbered(batch_rows.take(connection.execute(last).fetchnumpy()["row_number"]))
    connection.register("staging", unique_rows)
    before, after = _rows_by_partition(batch_rows), _rows_by_partition(unique_rows)
    return unique_rows, [
        partition
        if partition.unchanged
        else replace(partition, duplicates=before.get(partition.name, 0) - after.get(partition.name, 0))
        for partition in partitions
    ]


def _numbered(batch_rows: pa.Table) -> pa.Table:
    return batch_rows.append_column("row_number", pa.array(np.arange(batch_rows.num_rows)))


def _rows_by_partition(batch_rows: pa.Table) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in batch_rows["part"].value_counts().to_pylist()}


def _placeholders(batch: Batch) -> dict[str, str]:
    """The ``$placeholders`` of the SQL files."""
    table = batch.table
    return {
        "table": table.name,
        "full_snapshot": "true" if table.full_snapshot else "false",
        "key": column_list(table.key),
        "columns_i": column_list(table.column_names, "i"),
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
