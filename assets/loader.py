"""Loading of one dataset's responses: store them raw, build the batch, merge it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

from duckdb import DuckDBPyConnection

from assets.errors import ContractViolation
from assets.fetch import FailedPartition, FetchResult, PartitionResponse
from assets.normalise import NormalisedRecords, ParsedResponse, ResponseSource, normalise, read_records
from assets.normalise.storable_json import storable_json
from assets.response_clock import MAX_CLOCK_SKEW, ClockSkewed, check_clock, clock_skew, is_clock_confirmed
from smsonline.client import utc_now
from smsonline.errors import VendorError
from smsonline.response import VendorResponse
from warehouse.database.opening import Writer, open_warehouse
from warehouse.failpoints import failpoint
from warehouse.loading import load_log
from warehouse.loading.batch import (
    MAX_EXAMPLES,
    Batch,
    LoadContext,
    LoadCounts,
    LoadResult,
    Partition,
    RejectedRecord,
    Watermarks,
)
from warehouse.loading.merge import load_batch
from warehouse.loading.ordering import was_generated_before
from warehouse.loading.source import Source, claim_source
from warehouse.raw.store import RawResponse, mark_failed, store_responses
from warehouse.sql import transaction


@dataclass(frozen=True)
class LoadClock:
    """The clock that responses were stamped by: how far it may differ from the vendor's, and the present time.

    ``now`` is ``None`` in a replay, where the past is loaded; ``is_confirmed`` says that the vendor's clock agrees.
    """

    max_skew: timedelta = MAX_CLOCK_SKEW
    now: datetime | None = None
    is_confirmed: bool = False


# A replay repeats no response that was refused for the clock.
REPLAY_CLOCK = LoadClock(max_skew=timedelta.max)


@dataclass
class SnapshotLoader:
    """Loads the responses of one sync into one warehouse file, which is open only while a dataset is loaded.

    ``source`` says where the responses come from, ``now`` is the clock that they were stamped by; it may differ from
    the vendor's by ``max_clock_skew``.
    """

    warehouse: Path
    writer: Writer | None = None
    source: Source = "vendor"
    max_clock_skew: timedelta = MAX_CLOCK_SKEW
    now: Callable[[], datetime] = utc_now
    _stored: set[str] = field(default_factory=set)

    def load(self, fetched: FetchResult, load: LoadContext) -> LoadResult:
        """Stores every response, then normalises and merges those that differ from their watermark.

        Returns the result that ``ops.loads`` has; a response that breaks the contract is such a result too. Raises
        ``WarehouseError`` when the file cannot be written, or holds the data of another source.
        """
        failures, sources = fetched.failures, fetched.sources
        if failures and not fetched.responses:
            return self.log_failure(load, _error_summary(fetched, failures), failures, sources)
        failpoint("after fetching")
        with open_warehouse(self.warehouse, writer=self.writer) as connection:
            claim_source(connection, self.source)
            self._store(connection, load, sources, failures)
            failpoint("after landing")
            watermarks, clock = load_log.read_watermarks(connection, load.dataset), self._clock(fetched)
            mark_failed(connection, _skewed_responses(fetched, watermarks, clock), ClockSkewed.__name__)
            try:
                batch = build_batch(fetched, watermarks, load.account_id, clock)
            except ContractViolation as error:
                return log_violation(connection, load, fetched, error)
            return load_batch(connection, batch, load)

    def log_failure(
        self,
        load: LoadContext,
        error: str,
        failures: Sequence[FailedPartition] = (),
        sources: Sequence[ResponseSource] = (),
    ) -> LoadResult:
        """Logs a load that has nothing to merge, after storing ``sources`` and the responses of ``failures``."""
        response_id = next((failure.response_id for failure in failures if failure.response_id), None)
        with open_warehouse(self.warehouse, writer=self.writer) as connection:
            self._store(connection, load, sources, failures)
            failpoint("after landing")
            return _log(connection, load, LoadResult("failed", error=error, response_id=response_id))

    def _clock(self, fetched: FetchResult) -> LoadClock:
        """The clock, whose present is the machine's where that is later and the vendor does not confirm this one."""
        is_confirmed = is_clock_confirmed(fetched.sources, self.max_clock_skew)
        return LoadClock(self.max_clock_skew, self.now() if is_confirmed else max(self.now(), utc_now()), is_confirmed)

    def _store(
        self,
        connection: DuckDBPyConnection,
        load: LoadContext,
        sources: Sequence[ResponseSource],
        failures: Sequence[FailedPartition],
    ) -> None:
        """Commits the responses and the failed ones that errors of the vendor have, each once.

        Two datasets may share a response, and all requests that were not sent because the vendor is down one error.
        """
        errors = [failure.error for failure in failures if isinstance(failure.error, VendorError)]
        usable = [_raw_response(source, load) for source in sources if isinstance(source, VendorResponse)]
        failed = [_raw_response(error.response, load, type(error).__name__) for error in errors if error.response]
        by_id = {response.response_id: response for response in (*usable, *failed)}
        new = [response for response_id, response in by_id.items() if response_id not in self._stored]
        store_responses(connection, new)
        self._stored |= by_id.keys()


def build_batch(
    fetched: FetchResult, watermarks: Watermarks, account_id: str, clock: LoadClock = REPLAY_CLOCK
) -> Batch:
    """The rows of ``fetched``, without those of responses that are identical to their partition's watermark.

    Raises ``ContractViolation``, with the number of records and examples of them, when no response can be used: it
    cannot be read, its numbers look wrong, or the vendor's clock contradicts ours.
    """
    partitions = _partitions(fetched, watermarks)
    parsed, failures = _read_responses(fetched, partitions, watermarks, clock)
    violations = [failure.error for failure in failures if isinstance(failure.error, ContractViolation)]
    refused_records = sum(error.fetched for error in violations)
    examples = [reject for error in violations for reject in error.rejects][:MAX_EXAMPLES]
    if failures and not partitions:
        raise ContractViolation(_error_summary(fetched, failures), refused_records, examples)
    normalised = _normalise(fetched, parsed, partitions, account_id, refused_records)
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
        expected_partitions=_expected_partitions(fetched, watermarks),
        rejects=[*normalised.rejects, *examples],
        drift=normalised.drift,
        partial_reason=_error_summary(fetched, failures) if failures else None,
        snapshot_at=max((source.requested_at for source in fetched.sources), default=None),
        refused_records=refused_records,
        error_response_id=next((failure.response_id for failure in failures if failure.response_id), None),
        now=clock.now,
        is_clock_confirmed=clock.is_confirmed,
        original=partial(_original, parsed, normalised),
    )


def _read_responses(
    fetched: FetchResult, partitions: dict[str, Partition], watermarks: Watermarks, clock: LoadClock
) -> tuple[list[ParsedResponse], list[FailedPartition]]:
    """The records of the responses that are to be read, and every failure, whose partition is removed."""
    parsed: list[ParsedResponse] = []
    failures = [*fetched.failures]
    for response in fetched.responses:
        try:
            partition, source = partitions[response.partition], response.source
            records = [] if partition.unchanged else read_records(source, fetched.dataset, fetched.records_path)
            if not _is_stale(response, watermarks):
                check_clock(fetched.dataset.name, source, partition.fetched or len(records), clock.max_skew)
        except ContractViolation as error:
            failures.append(FailedPartition(response.partition, error, response.source.response_id))
            del partitions[response.partition]
        else:
            if partition.unchanged:
                continue
            parsed.append(ParsedResponse(response.partition, response.source.response_id, response.params, records))
    return parsed, failures


def _expected_partitions(fetched: FetchResult, watermarks: Watermarks) -> frozenset[str] | None:
    """Unknown where the list of partitions was generated before something that is loaded: a cache sent it."""
    newest = max((last.server_date for last in watermarks.values() if last.server_date), default=None)
    for parent in fetched.parent_responses:
        if was_generated_before(parent.generated_at, parent.cache_age_seconds, newest):
            return None
    return fetched.expected_partitions


def _is_stale(response: PartitionResponse, watermarks: Watermarks) -> bool:
    """Whether a cache sent something older than what is loaded."""
    source, last = response.source, watermarks.get(response.partition)
    return bool(last and was_generated_before(source.generated_at, source.cache_age_seconds, last.server_date))


def _skewed_responses(fetched: FetchResult, watermarks: Watermarks, clock: LoadClock) -> list[str]:
    """The ids of the responses that are refused for the clock."""
    fresh = [response.source for response in fetched.responses if not _is_stale(response, watermarks)]
    return [source.response_id for source in fresh if abs(clock_skew(source) or timedelta()) > clock.max_skew]


def _normalise(
    fetched: FetchResult,
    parsed: Sequence[ParsedResponse],
    partitions: Mapping[str, Partition],
    account_id: str,
    refused_records: int,
) -> NormalisedRecords:
    """Raises ``ContractViolation`` with the records of every response, those that need no reading among them."""
    try:
        return normalise(fetched.dataset, parsed, account_id)
    except ContractViolation as error:
        unread = sum(partition.fetched for partition in partitions.values() if partition.unchanged)
        records = sum(len(response.records) for response in parsed)
        error.fetched = max(error.fetched, records) + unread + refused_records
        raise


def _original(parsed: Sequence[ParsedResponse], normalised: NormalisedRecords, row: int) -> RejectedRecord:
    """The record that became the ``row``-th row: rows are in the order of the records, without the rejected ones."""
    rejected = {(reject.response_id, reject.row_index) for reject in normalised.rejects}
    records = ((response, index) for response in parsed for index in range(len(response.records)))
    accepted = (record for record in records if (record[0].response_id, record[1]) not in rejected)
    response, index = next(islice(accepted, row, None))
    return RejectedRecord(response.response_id, index, storable_json(response.records[index]), [])


def _partitions(fetched: FetchResult, watermarks: Watermarks) -> dict[str, Partition]:
    """The partition of each response by name; an unchanged one has the counts of its watermark."""
    contract = f"{fetched.dataset.contract_hash} {fetched.records_path}"
    partitions = {}
    for response in fetched.responses:
        name, source = response.partition, response.source
        partition = Partition(
            name,
            source.response_id,
            source.requested_at,
            source.sha256,
            contract,
            server_date=source.generated_at,
            cache_age_seconds=source.cache_age_seconds,
        )
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


def log_violation(
    connection: DuckDBPyConnection, load: LoadContext, fetched: FetchResult, error: ContractViolation
) -> LoadResult:
    """Logs a load whose responses were refused, with their number of records and examples."""
    response_id = next((response.source.response_id for response in fetched.responses), None)
    counts = LoadCounts(fetched=error.fetched, rejected=error.fetched)
    result = LoadResult("rejected", counts, str(error), response_id)
    with transaction(connection):
        load_log.log_load(connection, load, result)
        load_log.log_rejects(connection, load, error.rejects[:MAX_EXAMPLES])
    return result


def _log(connection: DuckDBPyConnection, load: LoadContext, outcome: LoadResult) -> LoadResult:
    with transaction(connection):
        load_log.log_load(connection, load, outcome)
    return outcome
