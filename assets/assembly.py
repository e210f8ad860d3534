"""Makes a batch for the warehouse out of a dataset's answers, fresh from the vendor or kept in raw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from assets.declaration import Dataset
from assets.errors import AnswerRefused
from assets.exact import exact_records, normalise_exactly
from assets.fetch import Fetched, Missing, Share, records_of
from assets.normalise import Normalised, Piece, normalise
from warehouse.loading.batch import Batch, Partition, Watermarks


@dataclass(frozen=True)
class Reading:
    """What the answers of some parts hold: how many records each, and the rows of all.

    ``unread`` are the parts whose answer could not be read.
    """

    records: Mapping[str, int]
    found: Normalised
    unread: Sequence[Missing]

    @property
    def parts(self) -> set[str]:
        """The parts whose answers were looked at."""
        return {*self.records, *(each.part for each in self.unread)}


def read(fetched: Fetched, place: str, marks: Watermarks, account_id: str) -> Reading:
    """What the answers of ``fetched`` hold, but for those that are identical to their part's mark.

    ``place`` is the dotted path of the records. Raises ``AnswerRefused`` when the numbers of one look wrong.
    """
    return _read(fetched.dataset, place, _new(fetched, _parts(fetched, place, marks)), account_id)


def assemble(
    fetched: Fetched, place: str, marks: Watermarks, account_id: str, ahead: Future[Reading] | None = None
) -> Batch:
    """The batch of ``fetched``: answers identical to their part's mark carry no rows, the others are normalised.

    ``ahead`` is a reading that began before ``marks`` were looked up. Raises as ``read``, also when no answer can be
    read.
    """
    dataset = fetched.dataset
    parts = _parts(fetched, place, marks)
    new = _new(fetched, parts)
    reading = ahead.result() if ahead else None
    if reading is None or reading.parts != {share.part for share in new}:  # another process has loaded meanwhile
        reading = _read(dataset, place, new, account_id)
    found = reading.found
    missing = [*fetched.missing, *reading.unread]
    kept = [part for name, part in parts.items() if name not in {each.part for each in reading.unread}]
    if missing and not kept:
        raise AnswerRefused(told(fetched, missing))
    return Batch(
        table=dataset.table,
        account_id=account_id,
        partitions=_counted(kept, reading),
        rows=found.rows,
        rejected_keys=found.protected,
        expected_partitions=fetched.requested,
        rejects=found.rejects,
        drift=found.drift,
        partial_reason=told(fetched, missing) if missing else None,
        snapshot_at=max((source.requested_at for source in fetched.sources), default=None),
    )


def told(fetched: Fetched, missing: Sequence[Missing]) -> str:
    """One line for one failure, or for the first of many."""
    requests = len(fetched.shares) + len(fetched.missing)
    first = str(missing[0].error)
    return first if requests == 1 else f"{len(missing)} of {requests} requests failed; the first: {first}"


def _parts(fetched: Fetched, place: str, marks: Watermarks) -> dict[str, Partition]:
    contract = f"{fetched.dataset.contract} {place}"
    return {share.part: _part(share, contract, marks) for share in fetched.shares}


def _new(fetched: Fetched, parts: Mapping[str, Partition]) -> list[Share]:
    return [share for share in fetched.shares if not parts[share.part].unchanged]


def _part(share: Share, contract: str, marks: Watermarks) -> Partition:
    part = Partition(
        name=share.part,
        response_id=share.source.response_id,
        requested_at=share.source.requested_at,
        body_sha256=share.source.sha256,
        contract=contract,
    )
    mark = marks.get(share.part)
    if mark is None or (mark.body_sha256, mark.contract) != (part.body_sha256, contract):
        return part
    return replace(part, unchanged=True, fetched=mark.fetched, rejected=mark.rejected, duplicates=mark.duplicates)


def _read(dataset: Dataset, place: str, shares: Sequence[Share], account_id: str) -> Reading:
    """The short way where every answer is as declared, the general one for all otherwise."""
    pieces = _exact(dataset, place, shares)
    found = normalise_exactly(dataset, pieces, account_id) if pieces else None
    unread = []
    if found is None:
        pieces = []
        for share in shares:
            try:
                pieces.append(_piece(share, records_of(share.source, dataset, place)))
            except AnswerRefused as refusal:
                unread.append(Missing(share.part, refusal))
        found = normalise(dataset, pieces, account_id)
    return Reading({piece.part: len(piece.records) for piece in pieces}, found, unread)


def _exact(dataset: Dataset, place: str, shares: Sequence[Share]) -> list[Piece]:
    """Every answer in typed columns, one after the other, or nothing when one is not exactly as declared."""
    pieces = []
    for share in shares:
        records = exact_records(share.source.body, dataset, place)
        if records is None:
            return []
        pieces.append(_piece(share, records))
    return pieces


def _piece(share: Share, records: Any) -> Piece:
    return Piece(share.part, share.source.response_id, share.params, records)


def _counted(parts: Sequence[Partition], reading: Reading) -> list[Partition]:
    found = reading.found
    return [
        part
        if part.unchanged
        else replace(
            part,
            fetched=reading.records[part.name],
            rejected=found.rejected.get(part.name, 0),
            keys_readable=part.name not in found.unreadable,
        )
        for part in parts
    ]
