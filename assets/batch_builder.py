"""The batch to merge, from a dataset's responses: fetched just now, or stored in raw (a replay)."""

from collections.abc import Sequence
from dataclasses import replace

from assets.errors import ContractViolation
from assets.fetch import FailedPartition, FetchResult, PartitionResponse, extract_source_records
from assets.normalise import NormalisedRecords, ParsedResponse, normalise
from warehouse.loading.batch import Batch, Partition, Watermarks


def build_batch(fetched: FetchResult, watermarks: Watermarks, account_id: str) -> Batch:
    """The rows of ``fetched``, without those of responses that are identical to their partition's watermark.

    Raises ``ContractViolation`` when the numbers look wrong, or when no response can be read.
    """
    contract = f"{fetched.dataset.contract_hash} {fetched.records_path}"
    partitions = {response.partition: _partition(response, contract, watermarks) for response in fetched.responses}
    parsed, unreadable = _parse(
        fetched, [response for response in fetched.responses if not partitions[response.partition].unchanged]
    )
    failures = [*fetched.failures, *unreadable]
    for failure in unreadable:
        del partitions[failure.partition]
    if failures and not partitions:
        raise ContractViolation(error_summary(fetched, failures))
    normalised = normalise(fetched.dataset, parsed, account_id)
    for response in parsed:
        partitions[response.partition] = _with_counts(partitions[response.partition], response, normalised)
    return Batch(
        table=fetched.dataset.table,
        account_id=account_id,
        partitions=list(partitions.values()),
        rows=normalised.rows,
        rejected_keys=normalised.rejected_keys,
        expected_partitions=fetched.expected_partitions,
        rejects=normalised.rejects,
        drift=normalised.drift,
        partial_reason=error_summary(fetched, failures) if failures else None,
        snapshot_at=max((source.requested_at for source in fetched.sources), default=None),
    )


def error_summary(fetched: FetchResult, failures: Sequence[FailedPartition]) -> str:
    """One line for one failure, or for the first of many."""
    requests = len(fetched.responses) + len(fetched.failures)
    first = str(failures[0].error)
    return first if requests == 1 else f"{len(failures)} of {requests} requests failed; the first: {first}"


def _partition(response: PartitionResponse, contract: str, watermarks: Watermarks) -> Partition:
    partition = Partition(
        name=response.partition,
        response_id=response.source.response_id,
        requested_at=response.source.requested_at,
        body_sha256=response.source.sha256,
        contract=contract,
    )
    watermark = watermarks.get(response.partition)
    if watermark is None or (watermark.body_sha256, watermark.contract) != (partition.body_sha256, contract):
        return partition
    return replace(
        partition,
        unchanged=True,
        fetched=watermark.fetched,
        rejected=watermark.rejected,
        duplicates=watermark.duplicates,
    )


def _parse(
    fetched: FetchResult, responses: Sequence[PartitionResponse]
) -> tuple[list[ParsedResponse], list[FailedPartition]]:
    parsed, unreadable = [], []
    for response in responses:
        try:
            records = extract_source_records(response.source, fetched.dataset, fetched.records_path)
        except ContractViolation as error:
            unreadable.append(FailedPartition(response.partition, error))
        else:
            parsed.append(ParsedResponse(response.partition, response.source.response_id, response.params, records))
    return parsed, unreadable


def _with_counts(partition: Partition, response: ParsedResponse, normalised: NormalisedRecords) -> Partition:
    return replace(
        partition,
        fetched=len(response.records),
        rejected=normalised.reject_counts.get(response.partition, 0),
        keys_readable=response.partition not in normalised.unreadable_partitions,
    )
