"""The guard: refuses a snapshot that lacks too much to be true, as a whole or in single partitions.

It looks at the keys that are missing, and at the number of rows in comparison with the largest of the last accepted
responses: a vendor whose list halves again and again is refused too, a list that shrinks by a tenth at a time is not.
``--accept-shrink`` accepts what came and begins these numbers again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from warehouse.errors import SnapshotRefused
from warehouse.loading.batch import Batch, Partition, Watermarks

Connection = duckdb.DuckDBPyConnection

# A response that lacks more than this share of the rows is taken for faulty.
MAX_SHRINK = 0.5
# So many accepted responses are remembered.
RECENT_RESPONSES = 5


@dataclass(frozen=True)
class Diff:
    """Numbers of rows: current before the load (of all, and of the batch's account), and what differs."""

    before: int
    in_scope: int
    frozen: int
    new: int
    changed: int
    missing: int


def check_snapshot(batch: Batch, partitions: Sequence[Partition], diff: Diff) -> None:
    """Raises ``SnapshotRefused`` for a snapshot that is not plausible as a whole.

    Not plausible are no record although rows exist, and more than half of the rows missing. A list cut by a limit
    closes nothing, so only its emptiness is suspicious; in a ranking a row that is replaced by another is not missing.
    The rows of a table with accounts are those of the batch's account.
    """
    table = batch.table
    if not diff.in_scope:
        return
    if not sum(partition.fetched for partition in partitions):
        raise SnapshotRefused(
            f"{table.name}: the response is empty, {diff.in_scope} rows exist; "
            f"the table stays as it was. {advice(batch)}"
        )
    if not table.full_snapshot:
        return
    missing = diff.missing - (diff.new if table.high_churn else 0)
    if missing > diff.in_scope * MAX_SHRINK:
        raise SnapshotRefused(
            f"{table.name}: {missing} of {diff.in_scope} rows are missing from the response; "
            f"the table stays as it was. {advice(batch)}"
        )


def check_recent_size(batch: Batch, diff: Diff, watermarks: Watermarks) -> None:
    """Raises ``SnapshotRefused`` when the table would be less than half as large as after the last loads."""
    table = batch.table
    remaining, peak = diff.in_scope + diff.new - diff.missing, _peak_rows(batch, watermarks)
    if diff.in_scope and table.full_snapshot and remaining < peak * MAX_SHRINK:
        raise SnapshotRefused(
            f"{table.name}: {remaining} rows would remain of {peak} that the last loads had; "
            f"the table stays as it was. {advice(batch)}"
        )


def implausible_partitions(
    connection: Connection, batch: Batch, partitions: Sequence[Partition], diff: Diff, watermarks: Watermarks
) -> dict[str, str]:
    """Partitions of a fan-out that are not plausible by the same rules, each with its reason in a few words."""
    read = [partition for partition in partitions if not partition.unchanged]
    is_shrunken = any(_is_shrunken(p, _peak(watermarks, p.name)) for p in read)
    if not (diff.missing or is_shrunken) or len(batch.partitions) < 2:
        return {}
    current, missing = (
        _rows_by_partition(connection, f'store."{batch.table.name}"'),
        _rows_by_partition(connection, "missing"),
    )
    reasons = {p.name: _reason(batch, p, current, missing, _peak(watermarks, p.name)) for p in read}
    return {name: reason for name, reason in reasons.items() if reason}


def recent_rows(partition: Partition, watermarks: Watermarks, *, accept_shrink: bool) -> list[int]:
    """The numbers of rows that the next load of ``partition`` is compared with, newest first."""
    last = watermarks.get(partition.name)
    earlier = last.recent_rows if last and not accept_shrink else ()
    return [partition.listed - partition.rejected, *earlier][:RECENT_RESPONSES]


def advice(batch: Batch) -> str:
    """How to accept what the guard refuses."""
    return f"If it is right: smsonline sync {batch.table.name} --accept-shrink"


def _reason(
    batch: Batch, partition: Partition, current: Mapping[str, int], missing: Mapping[str, int], peak: int
) -> str | None:
    name, existing = partition.name, current.get(partition.name, 0)
    if existing and not partition.fetched:
        return f"{name}: the response is empty, {existing} rows exist"
    if not batch.table.full_snapshot:
        return None
    if missing.get(name, 0) > existing * MAX_SHRINK and not batch.table.high_churn:
        return f"{name}: {missing[name]} of {existing} rows are missing from the response"
    if _is_shrunken(partition, peak):
        return f"{name}: {partition.listed} rows came, the last loads had up to {peak}"
    return None


def _is_shrunken(partition: Partition, peak: int) -> bool:
    return partition.listed < peak * MAX_SHRINK


def _peak(watermarks: Watermarks, name: str) -> int:
    return watermarks[name].peak_rows if name in watermarks else 0


def _peak_rows(batch: Batch, watermarks: Watermarks) -> int:
    """The largest number of rows that the last loads can have had together."""
    requested = {partition.name for partition in batch.partitions}
    scope = [w for name, w in watermarks.items() if name in requested or not batch.table.per_account]
    return sum(watermark.peak_rows for watermark in scope)


def _rows_by_partition(connection: Connection, relation: str) -> dict[str, int]:
    return dict(connection.execute(f"SELECT part, count(*) FROM {relation} GROUP BY part").fetchall())
