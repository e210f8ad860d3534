"""The way of an answer into the warehouse: keep it raw, normalise it, load it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from duckdb import DuckDBPyConnection

from assets.assembly import Reading, assemble, told
from assets.errors import AnswerRefused
from assets.fetch import Fetched, Received
from warehouse.database.opening import open_warehouse
from warehouse.database.writer import Writer
from warehouse.failpoints import failpoint
from warehouse.loading import load_log
from warehouse.loading.batch import LoadContext, LoadResult
from warehouse.loading.merge import load_batch
from warehouse.raw.store import RawResponse, store_responses
from warehouse.sql import transaction


@dataclass(frozen=True)
class Ahead:
    """Work on answers that needs no warehouse: the bodies packed, by their hash, and the reading, which may go on."""

    packed: Mapping[str, bytes]
    reading: Future[Reading]


@dataclass
class Intake:
    """Takes the answers of one run into one warehouse file, opened late and once per dataset."""

    warehouse: Path
    run_id: str
    account_id: str
    writer: Writer | None = None
    _landed: set[str] = field(default_factory=set)

    def take(self, fetched: Fetched, place: str, load: LoadContext, ahead: Ahead | None = None) -> LoadResult:
        """Lands every answer of ``fetched``, then normalises and loads what differs from what is known.

        ``place`` is the dotted path of the records, ``ahead`` what was done of it before: nothing comes of a reading
        before the answers are kept. Returns the outcome that ``ops.loads`` has; refusals are outcomes. Raises
        ``WarehouseError`` when the file cannot be written.
        """
        if fetched.missing and not fetched.shares:
            return self.note(load, LoadResult("failed", error=told(fetched, fetched.missing)))
        failpoint("after fetching")
        with open_warehouse(self.warehouse, writer=self.writer) as connection:
            self._land(connection, fetched, ahead.packed if ahead else {})
            failpoint("after landing")
            marks = load_log.read_watermarks(connection, fetched.dataset.name)
            try:
                batch = assemble(fetched, place, marks, self.account_id, ahead.reading if ahead else None)
            except AnswerRefused as refusal:
                return _noted(connection, load, LoadResult("rejected", error=str(refusal)))
            _forget(fetched)
            return load_batch(connection, batch, load)

    def note(self, load: LoadContext, outcome: LoadResult) -> LoadResult:
        """Writes a load that changed no table into the books."""
        with open_warehouse(self.warehouse, writer=self.writer) as connection:
            return _noted(connection, load, outcome)

    def _land(self, connection: DuckDBPyConnection, fetched: Fetched, packed: Mapping[str, bytes]) -> None:
        new = [
            source
            for source in fetched.sources
            if isinstance(source, Received) and source.response_id not in self._landed
        ]
        store_responses(connection, [self._raw(received, packed) for received in new])
        self._landed |= {received.response_id for received in new}

    def _raw(self, received: Received, packed: Mapping[str, bytes]) -> RawResponse:
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


def _forget(fetched: Fetched) -> None:
    for source in fetched.sources:
        if isinstance(source, Received):
            source.forget()


def _noted(connection: DuckDBPyConnection, load: LoadContext, outcome: LoadResult) -> LoadResult:
    with transaction(connection):
        load_log.log_load(connection, load, outcome)
    return outcome
