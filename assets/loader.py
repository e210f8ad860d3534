"""Loading of one dataset's responses: store them raw, build the batch, merge it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from duckdb import DuckDBPyConnection

from assets.batch_builder import build_batch, error_summary
from assets.errors import ContractViolation
from assets.fetch import FetchedResponse, FetchResult
from warehouse import books
from warehouse.batch import Load, Outcome
from warehouse.connection import opened, transaction
from warehouse.crashpoints import reach
from warehouse.instance import Instance
from warehouse.landing import RawResponse, land
from warehouse.loading import load_batch


@dataclass
class SnapshotLoader:
    """Loads the responses of one sync into one warehouse file, which is open only while a dataset is loaded."""

    warehouse: Path
    instance: Instance | None = None
    _stored: set[str] = field(default_factory=set)

    def load(self, fetched: FetchResult, load: Load) -> Outcome:
        """Stores every response, then normalises and merges those that differ from their watermark.

        Returns the result that ``ops.loads`` has; a response that breaks the contract is such a result too. Raises
        ``WarehouseError`` when the file cannot be written.
        """
        if fetched.failures and not fetched.responses:
            return self.log_failure(load, error_summary(fetched, fetched.failures))
        reach("after fetching")
        with opened(self.warehouse, instance=self.instance) as connection:
            self._store(connection, fetched, load)
            reach("after landing")
            watermarks = books.watermarks(connection, load.dataset)
            try:
                batch = build_batch(fetched, watermarks, load.account_id)
            except ContractViolation as error:
                return _log(connection, load, Outcome("rejected", error=str(error)))
            return load_batch(connection, batch, load)

    def log_failure(self, load: Load, error: str) -> Outcome:
        """Logs a load that has no response."""
        with opened(self.warehouse, instance=self.instance) as connection:
            return _log(connection, load, Outcome("failed", error=error))

    def _store(self, connection: DuckDBPyConnection, fetched: FetchResult, load: Load) -> None:
        """Commits the responses; one that two datasets share is stored with the first."""
        new = [
            source
            for source in fetched.sources
            if isinstance(source, FetchedResponse) and source.response_id not in self._stored
        ]
        land(connection, [_raw_response(source, load) for source in new])
        self._stored |= {source.response_id for source in new}


def _raw_response(source: FetchedResponse, load: Load) -> RawResponse:
    response = source.response
    return RawResponse(
        run_id=load.run_id,
        account_id=load.account_id,
        endpoint=response.endpoint,
        params=response.params,
        requested_at=response.requested_at,
        elapsed_ms=response.elapsed_ms,
        http_status=response.status,
        body_sha256=response.sha256,
        body=response.body,
        response_id=source.response_id,
    )


def _log(connection: DuckDBPyConnection, load: Load, outcome: Outcome) -> Outcome:
    with transaction(connection):
        books.record(connection, load, outcome)
    return outcome
