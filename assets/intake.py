"""The way of an answer into the warehouse: keep it raw, normalise it, load it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from assets.declaration import Dataset
from assets.errors import AnswerRefused
from assets.fetch import Fetched, Missing, Received, Share
from assets.normalise import Normalised, Piece, normalise
from assets.records import records_in
from warehouse import books
from warehouse.batch import Batch, Load, Outcome, Part, Watermarks
from warehouse.connection import opened, transaction
from warehouse.landing import RawResponse, land
from warehouse.loading import load_batch


@dataclass
class Intake:
    """Takes the answers of one run into one warehouse file, opened late and for a short time at each step."""

    warehouse: Path
    run_id: str
    account_id: str
    accept_shrink: bool = False
    _landed: set[str] = field(default_factory=set)

    def take(self, fetched: Fetched, place: str, marks: Watermarks, load: Load) -> Outcome:
        """Lands every answer of ``fetched``, then normalises and loads what differs from ``marks``.

        ``place`` is the dotted path of the records. Returns the outcome that ``ops.loads`` has; refusals are outcomes.
        Raises ``WarehouseError`` when the file cannot be written.
        """
        if fetched.missing and not fetched.shares:
            return self.note(load, Outcome("failed", error=_told(fetched, fetched.missing)))
        self._land(fetched.shares)
        try:
            batch = self._batch(fetched, place, marks)
        except AnswerRefused as refusal:
            return self.note(load, Outcome("rejected", error=str(refusal)))
        with opened(self.warehouse) as connection:
            return load_batch(connection, batch, load, accept_shrink=self.accept_shrink)

    def note(self, load: Load, outcome: Outcome) -> Outcome:
        """Writes a load that changed no table into the books."""
        with opened(self.warehouse) as connection, transaction(connection):
            books.record(connection, load, outcome)
        return outcome

    def _land(self, shares: Sequence[Share]) -> None:
        new = {
            share.received.response_id: share.received
            for share in shares
            if share.received.response_id not in self._landed
        }
        with opened(self.warehouse) as connection:
            land(connection, [self._raw(received) for received in new.values()])
        self._landed |= new.keys()

    def _raw(self, received: Received) -> RawResponse:
        answer = received.answer
        return RawResponse(
            run_id=self.run_id,
            account_id=self.account_id,
            endpoint=answer.endpoint,
            params=answer.params,
            requested_at=answer.requested_at,
            elapsed_ms=answer.elapsed_ms,
            http_status=answer.status,
            body_sha256=received.sha256,
            body=received.body,
            response_id=received.response_id,
        )

    def _batch(self, fetched: Fetched, place: str, marks: Watermarks) -> Batch:
        dataset = fetched.dataset
        parts, pieces, missing = [], [], list(fetched.missing)
        for share in fetched.shares:
            part = _part(share, dataset.contract, marks)
            try:
                if not part.unchanged:
                    pieces.append(_piece(share, dataset, place))
                parts.append(part)
            except AnswerRefused as refusal:
                missing.append(Missing(share.part, refusal))
        if missing and not parts:
            raise AnswerRefused(_told(fetched, missing))
        found = normalise(dataset, pieces, self.account_id)
        return Batch(
            table=dataset.table,
            account_id=self.account_id,
            parts=_counted(parts, pieces, found),
            rows=found.rows,
            protected=found.protected,
            requested=fetched.requested,
            rejects=found.rejects,
            drift=found.drift,
            incomplete=_told(fetched, missing) if missing else None,
        )


def _part(share: Share, contract: str, marks: Watermarks) -> Part:
    part = Part(
        name=share.part,
        response_id=share.received.response_id,
        requested_at=share.received.answer.requested_at,
        body_sha256=share.received.sha256,
        contract=contract,
    )
    mark = marks.get(share.part)
    if mark is None or (mark.body_sha256, mark.contract) != (part.body_sha256, contract):
        return part
    return replace(part, unchanged=True, fetched=mark.fetched, rejected=mark.rejected, duplicates=mark.duplicates)


def _piece(share: Share, dataset: Dataset, place: str) -> Piece:
    records = records_in(share.received.document, dataset, place)
    return Piece(share.part, share.received.response_id, share.params, records)


def _counted(parts: Sequence[Part], pieces: Sequence[Piece], found: Normalised) -> list[Part]:
    fetched = {piece.part: len(piece.records) for piece in pieces}
    return [
        part
        if part.unchanged
        else replace(
            part,
            fetched=fetched[part.name],
            rejected=found.rejected.get(part.name, 0),
            readable_keys=part.name not in found.unreadable,
        )
        for part in parts
    ]


def _told(fetched: Fetched, missing: Sequence[Missing]) -> str:
    """One line for one failure, or for the first of many."""
    requests = len(fetched.shares) + len(fetched.missing)
    first = str(missing[0].error)
    return first if requests == 1 else f"{len(missing)} of {requests} requests failed; the first: {first}"
