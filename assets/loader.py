"""Loading of one dataset's responses: store them raw, build the batch, merge it."""

from dataclasses import dataclass, field
from pathlib import Path

from duckdb import DuckDBPyConnection

from assets.batch_builder import build_batch, error_summary
from assets.errors import ContractViolation
from assets.fetch import FetchedResponse, FetchResult
from warehouse.database.opening import Writer, open_warehouse
from warehouse.failpoints import failpoint
from warehouse.loading import load_log
from warehouse.loading.batch import LoadContext, LoadResult
from warehouse.loading.merge import load_batch
from warehouse.raw.store import RawResponse, store_responses
from warehouse.sql import transaction


@dataclass
class SnapshotLoader:
    """Loads the responses of one sync into one warehouse file, which is open only while a dataset is loaded."""

    warehouse: Path
    writer: Writer | None = None
    _stored: set[str] = field(default_factory=set)

    def load(self, fetched: FetchResult, load: LoadContext) -> LoadResult:
        """Stores every response, then normalises and merges those that differ from their watermark.

        Returns the result that ``ops.loads`` has; a response that breaks the contract is such a result too. Raises
        ``WarehouseError`` when the file cannot be written.
        """
        if fetched.failures and not fetched.responses:
            return self.log_failure(load, error_summary(fetched, fetched.failures))
        failpoint("after fetching")
        with open_warehouse(self.warehouse, writer=self.writer) as connection:
            self._store(connection, fetched, load)
            failpoint("after landing")
            watermarks = load_log.read_watermarks(connection, load.dataset)
            try:
                batch = build_batch(fetched, watermarks, load.account_id)
            except ContractViolation as error:
                return _log(connection, load, LoadResult("rejected", error=str(error)))
            return load_batch(connection, batch, load)

    def log_failure(self, load: LoadContext, error: str) -> LoadResult:
        """Logs a load that has no response."""
        with open_warehouse(self.warehouse, writer=self.writer) as connection:
            return _log(connection, load, LoadResult("failed", error=error))

    def _store(self, connection: DuckDBPyConnection, fetched: FetchResult, load: LoadContext) -> None:
        """Commits the responses; one that two datasets share is stored with the first."""
        new = [
            source
            for source in fetched.sources
            if isinstance(source, FetchedResponse) and source.response_id not in self._stored
        ]
        store_responses(connection, [_raw_response(source, load) for source in new])
        self._stored |= {source.response_id for source in new}


def _raw_response(source: FetchedResponse, load: LoadContext) -> RawResponse:
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


def _log(connection: DuckDBPyConnection, load: LoadContext, outcome: LoadResult) -> LoadResult:
    with transaction(connection):
        load_log.log_load(connection, load, outcome)
    return outcome
