"""Requests of a dataset: one, or one per row of its parent dataset (a fan-out), each at most once per sync."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from assets.datasets import Dataset
from assets.errors import ContractViolation
from assets.normalise import ParsedResponse, ResponseSource, normalise, read_records
from assets.pii_policy import PiiPolicy
from assets.response_clock import TimedResponse
from smsonline.client import Client
from smsonline.endpoints import Endpoints
from smsonline.errors import InvalidResponse, VendorError
from smsonline.request import ReadRequest
from smsonline.response import VendorResponse


class StampedSource(ResponseSource, TimedResponse, Protocol):
    """A response that can be loaded and whose times are known."""


@dataclass(frozen=True)
class PartitionResponse:
    """The response to one request of a dataset, and the partition of the dataset that it holds."""

    partition: str
    params: Mapping[str, str]
    source: StampedSource


@dataclass(frozen=True)
class FailedPartition:
    """A partition without a usable response, and why; ``response_id`` is that of a response that cannot be used."""

    partition: str
    error: Exception
    response_id: str | None = None


@dataclass(frozen=True)
class FetchResult:
    """A dataset's responses; ``records_path`` is the dotted path of the records in each.

    ``expected_partitions`` names all partitions that exist now, or is ``None`` where that is not known.
    ``parent_responses`` are those of the parent dataset that list them.
    """

    dataset: Dataset
    records_path: str
    responses: Sequence[PartitionResponse]
    failures: Sequence[FailedPartition] = ()
    expected_partitions: frozenset[str] | None = None
    parent_responses: Sequence[StampedSource] = ()

    @property
    def sources(self) -> list[StampedSource]:
        """Every response, those of the parent dataset first."""
        return [*self.parent_responses, *(response.source for response in self.responses)]


def failed_partition(name: str, error: Exception) -> FailedPartition:
    """The partition ``name``, whose request ended with ``error``; its response is that of the error, if any."""
    response = error.response if isinstance(error, VendorError) else None
    return FailedPartition(name, error, response.response_id if response else None)


def partition_name(dataset: Dataset, params: Mapping[str, str], account_id: str) -> str:
    """The values that the fan-out varies; without a fan-out the account where rows have one, otherwise empty."""
    if dataset.fan_out:
        return "/".join(quote(params[name], safe="") for name in dataset.fan_out.params)
    return account_id if "account_id" in dataset.key else ""


def records_path(dataset: Dataset, endpoints: Endpoints) -> str:
    """The dotted path of the dataset's records: its own, or that of its endpoint."""
    return dataset.records_path or endpoints[dataset.endpoint].records_path


def list_partitions(
    dataset: Dataset, parent: Dataset, source: ResponseSource, endpoints: Endpoints, account_id: str
) -> tuple[Mapping[str, Mapping[str, str]], frozenset[str] | None]:
    """The request parameters of each partition, one per row of the parent's response, and the names of all partitions.

    The names are ``None`` when a record of the parent was rejected: then there may be more. Raises
    ``ContractViolation`` when the response cannot be read.
    """
    assert dataset.fan_out
    records = read_records(source, parent, records_path(parent, endpoints))
    listed = normalise(parent, [ParsedResponse("", source.response_id, parent.params, records)], account_id)
    columns = dataset.fan_out.params
    rows = listed.rows.select(list(dict.fromkeys(columns.values()))).to_pylist()
    requests = [{**dataset.params, **{name: row[column] for name, column in columns.items()}} for row in rows]
    partitions = {partition_name(dataset, params, account_id): params for params in requests}
    return partitions, None if listed.rejects else frozenset(partitions)


class Fetcher:
    """Fetches the datasets of one sync; a response that two of them read is requested once. Thread safe.

    ``known_hashes`` are the hashes of the bodies accepted last: such a body is not decoded.
    """

    def __init__(
        self,
        client: Client,
        endpoints: Endpoints,
        datasets: Mapping[str, Dataset],
        account_id: str,
        pii_policy: PiiPolicy,
        known_hashes: Set[str] = frozenset(),
    ) -> None:
        self._client = client
        self._endpoints = endpoints
        self._datasets = datasets
        self._account_id = account_id
        self._pii_policy = pii_policy
        self._known_hashes = known_hashes
        self._shared_endpoints = _shared_endpoints(datasets.values())
        self._lock = threading.Lock()
        self._shared: dict[tuple[str, str], Future[VendorResponse]] = {}

    def fetch(self, dataset: Dataset) -> FetchResult:
        """All responses of ``dataset``; of a fan-out also the partitions that failed.

        The only failure is the parent's response where that cannot be read. Raises ``VendorError`` when the only
        request, or the parent's, fails.
        """
        path = records_path(dataset, self._endpoints)
        if dataset.fan_out:
            return self._fan_out(dataset, path, self._datasets[dataset.fan_out.dataset])
        partition = partition_name(dataset, dataset.params, self._account_id)
        source = self._fetch_one(dataset.endpoint, dataset.params)
        return FetchResult(dataset, path, [PartitionResponse(partition, dataset.params, source)])

    def _fan_out(self, dataset: Dataset, path: str, parent: Dataset) -> FetchResult:
        source = self._fetch_one(parent.endpoint, parent.params)
        try:
            partitions, expected = list_partitions(dataset, parent, source, self._endpoints, self._account_id)
        except ContractViolation as error:  # a result, so that the response is stored
            return FetchResult(dataset, path, [], [FailedPartition("", error, source.response_id)], None, [source])
        names = {_cache_key(params): name for name, params in partitions.items()}
        calls = [ReadRequest(dataset.endpoint, params) for params in partitions.values()]
        responses, failures = [], []
        for call, result in self._client.get_many(calls, known_hashes=self._known_hashes):
            name = names[_cache_key(call.params)]
            if isinstance(result, VendorResponse):
                responses.append(PartitionResponse(name, call.params, self._redacted(result)))
            else:
                failures.append(failed_partition(name, result))
        responses.sort(key=lambda response: response.partition)
        return FetchResult(dataset, path, responses, failures, expected, [source])

    def _fetch_one(self, endpoint: str, params: Mapping[str, str]) -> VendorResponse:
        if endpoint not in self._shared_endpoints:  # not cached, so that it is freed once it is loaded
            return self._redacted(self._client.get(endpoint, params, known_hashes=self._known_hashes))
        key = (endpoint, _cache_key(params))
        with self._lock:
            is_first = key not in self._shared
            future = self._shared.setdefault(key, Future())
        if is_first:
            try:
                future.set_result(self._redacted(self._client.get(endpoint, params, known_hashes=self._known_hashes)))
            except BaseException as error:  # raised for every dataset that waits for this response
                future.set_exception(error)
        return future.result()

    def _redacted(self, response: VendorResponse) -> VendorResponse:
        if not self._endpoints[response.endpoint].contains_pii:
            return response
        try:
            return self._pii_policy.redact_response(response)
        except ValueError as error:
            raise InvalidResponse(response.endpoint, str(error), status=response.status) from None


def _shared_endpoints(datasets: Iterable[Dataset]) -> set[str]:
    """Endpoints that more than one dataset reads, as its own or as its parent's."""
    by_name = {dataset.name: dataset for dataset in datasets}
    parents = {dataset.fan_out.dataset for dataset in by_name.values() if dataset.fan_out}
    uses = Counter([dataset.endpoint for dataset in by_name.values()] + [by_name[name].endpoint for name in parents])
    return {endpoint for endpoint, count in uses.items() if count > 1}


def _cache_key(params: Mapping[str, str]) -> str:
    return repr(sorted(params.items()))
