"""Plausibility checks: a snapshot that fails one is refused, and no table changes."""

from collections.abc import Sequence

from warehouse.errors import SnapshotRefused
from warehouse.loading.batch import Batch, Partition

# A response that lacks more than this share of the current keys is taken for faulty.
MAX_SHRINK = 0.5


def reject_if_nothing_valid(batch: Batch, partitions: Sequence[Partition]) -> None:
    """Raises ``SnapshotRefused`` when every record breaks the contract."""
    fetched = sum(partition.fetched for partition in partitions)
    if fetched and fetched == sum(partition.rejected for partition in partitions):
        reasons = batch.rejects[0].reasons if batch.rejects else ["see ops.rejects"]
        raise SnapshotRefused(
            f"{batch.table.name}: every one of {fetched} records breaks the contract; the first: {reasons[0]}"
        )


def reject_if_shrunk(batch: Batch, partitions: Sequence[Partition], *, current: int, missing: int, new: int) -> None:
    """Raises ``SnapshotRefused`` when the response is empty although rows exist, or more than half of them are missing.

    ``current`` are the current rows of the account (or of everyone), ``missing`` those that the response does not list,
    ``new`` its rows with a new key. A list cut by a limit closes nothing, so only its emptiness is suspicious; in a
    ranking a row that another one replaced is not missing.
    """
    name = batch.table.name
    if not current:
        return
    if not sum(partition.fetched for partition in partitions):
        raise SnapshotRefused(f"{name}: the response is empty, {current} rows exist; {_advice(name)}")
    gone = missing - new if batch.table.high_churn else missing
    if batch.table.full_snapshot and gone > current * MAX_SHRINK:
        raise SnapshotRefused(f"{name}: {gone} of {current} rows are missing from the response; {_advice(name)}")


def _advice(name: str) -> str:
    return f"the table stays as it was. If it is right: smsonline sync {name} --accept-shrink"
