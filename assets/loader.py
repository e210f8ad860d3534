"""Loading of one dataset's responses: store them raw, build the batch, merge it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from duckdb import DuckDBPyConnection

from assets.errors import ContractViolation
from assets.fetch import FailedPartition, FetchResult
from assets.normalise import ParsedResponse, ResponseSource, normalise, read_records
from smsonline.errors import VendorError
from smsonline.response import VendorResponse
from warehouse.database.opening import Writer, open_warehouse
from warehouse.failpoints import failpoint
from warehouse.loading import load_log
from warehouse.loading.batch import Batch, LoadContext, LoadResult, Partition, Watermarks
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
        errors = [failure.error for failure in fetched.failures]
        if fetched.failures and not fetched.responses:
            return self.log_failure(load, _error_summary(fetched, fetched.failures), errors, fetched.sources)
        failpoint("after fetching")
        with open_warehouse(self.warehouse, writer=self.writer) as connection:
            self._store(connection, load, fetched.sources, errors)
            failpoint("after landing")
            watermarks = load_log.read_watermarks(connection, load.dataset)
            try:
                batch = build_batch(fetched, watermarks, load.account_id)
            except ContractViolation as error:
                return _log(connection, load, LoadResult("rejected", error=str(error)))
            return load_batch(connection, batch, load)

    def log_failure(
        self,
        load: LoadContext,
        error: str,
        errors: Sequence[Exception] = (),
        sources: Sequence[ResponseSource] = (),
    ) -> LoadResult:
        """Stores ``sources`` and the responses that ``errors`` are about, and logs a load that has nothing to merge."""
        with open_warehouse(self.warehouse, writer=self.writer) as connection:
            failed_ids = self._store(connection, load, sources, errors)
            failpoint("after landing")
            return _log(connection, load, LoadResult("failed", error=error, response_id=next(iter(failed_ids), None)))

    def _store(
        self,
        connection: DuckDBPyConnection,
        load: LoadContext,
        sources: Sequence[ResponseSource],
        errors: Sequence[Exception],
    ) -> list[str]:
        """Commits the responses and those that ``errors`` have, whose ids it returns.

        One that two datasets share is stored with the first. The requests that are not sent because the vendor is down
        share one error.
        """
        failed = {
            error.response.response_id: _raw_response(error.response, load, type(error).__name__)
            for error in errors
            if isinstance(error, VendorError) and error.response
        }
        usable = [_raw_response(source, load) for source in sources if isinstance(source, VendorResponse)]
        new = [response for response in (*usable, *failed.values()) if response.response_id not in self._stored]
        store_responses(connection, new)
        self._stored |= {response.response_id for response in new}
        return list(failed)


def build_batch(fetched: FetchResult, watermarks: Watermarks, account_id: str) -> Batch:
    """The rows of ``fetched``, without those of responses that are identical to their partition's watermark.

    Raises ``ContractViolation`` when the numbers look wrong, or when no response can be read.
    """
    partitions = _partitions(fetched, watermarks)
    parsed: list[ParsedResponse] = []
    failures = [*fetched.failures]
    for response in fetched.responses:
        if partitions[response.partition].unchanged:
            continue
        try:
            records = read_records(response.source, fetched.dataset, fetched.records_path)
        except ContractViolation as error:
            failures.append(FailedPartition(response.partition, error))
            del partitions[response.partition]
        else:
            parsed.append(ParsedResponse(response.partition, response.source.response_id, response.params, records))
    if failures and not partitions:
        raise ContractViolation(_error_summary(fetched, failures))
    normalised = normalise(fetched.dataset, parsed, account_id)
    for read in parsed:
        partitions[read.partition] = replace(
            partitions[read.partition],
            fetched=len(read.records),
            rejected=normalised.reject_counts.get(read.partition, 0),
            keys_readable=read.partition not in normalised.unreadable_partitions,
        )
    return Batch(
        table=fetched.dataset.table,
        account_id=account_id,
        partitions=list(partitions.values()),
        rows=normalised.rows,
        rejected_keys=normalised.rejected_keys,
        expected_partitions=fetched.expected_partitions,
        rejects=normalised.rejects,
        drift=normalised.drift,
        partial_reason=_error_summary(fetched, failures) if failures else None,
        snapshot_at=max((source.requested_at for source in fetched.sources), default=None),
    )


def _partitions(fetched: FetchResult, watermarks: Watermarks) -> dict[str, Partition]:
    """The partition of each response by name; an unchanged one has the counts of its watermark."""
    contract = f"{fetched.dataset.contract_hash} {fetched.records_path}"
    partitions = {}
    for response in fetched.responses:
        name, source = response.partition, response.source
        partition = Partition(name, source.response_id, source.requested_at, source.sha256, contract)
        last = watermarks.get(name)
        if last and (last.body_sha256, last.contract) == (source.sha256, contract):
            partition = replace(
                partition, unchanged=True, fetched=last.fetched, rejected=last.rejected, duplicates=last.duplicates
            )
        partitions[name] = partition
    return partitions


def _error_summary(fetched: FetchResult, failures: Sequence[FailedPartition]) -> str:
    """One line for one failure, or for the first of many."""
    requests = len(fetched.responses) + len(fetched.failures)
    first = str(failures[0].error)
    return first if requests == 1 else f"{len(failures)} of {requests} requests failed; the first: {first}"


def _raw_response(response: VendorResponse, load: LoadContext, error: str | None = None) -> RawResponse:
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
        server_date=response.generated_at,
        cache_age_seconds=response.cache_age_seconds,
        error=error,
        response_id=response.response_id,
    )


def _log(connection: DuckDBPyConnection, load: LoadContext, outcome: LoadResult) -> LoadResult:
    with transaction(connection):
        load_log.log_load(connection, load, outcome)
    return outcome
