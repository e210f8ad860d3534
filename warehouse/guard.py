"""Refuses a snapshot that has lost too much to be believed."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.batch import Batch, Part
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


def check_loss(batch: Batch, parts: Sequence[Part], *, known: int, missing: int, new: int) -> None:
    """Raises ``SnapshotRefused`` when the response is empty although rows exist, or more than half of them are missing.

    ``known`` are the current rows of the account (or of everyone), ``missing`` those that the response does not list,
    ``new`` its rows with a new key. A list cut by a limit closes nothing, so only its emptiness is suspicious; in a
    ranking a row that another one replaced is not missing.
    """
    name = batch.table.name
    if not known:
        return
    if not sum(part.fetched for part in parts):
        raise SnapshotRefused(f"{name}: the answer is empty, {known} rows are known; {_advice(name)}")
    gone = missing - new if batch.table.ranking else missing
    if batch.table.complete and gone > known * LARGEST_LOSS:
        raise SnapshotRefused(f"{name}: {gone} of {known} known rows are missing from the answer; {_advice(name)}")


def _advice(name: str) -> str:
    return f"the table stays as it was. If it is right: smsonline sync {name} --accept-shrink"
