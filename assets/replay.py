"""Rebuilds datasets from their stored responses alone, without a request to the vendor."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from assets.datasets import Dataset
from assets.errors import ContractViolation
from assets.fetch import FetchResult, PartitionResponse, list_partitions, partition_name, records_path
from assets.loader import build_batch, log_violation
from assets.replay_times import correct_times
from assets.sync import SyncResult
from smsonline.client import utc_now
from smsonline.endpoints import Endpoints
from smsonline.json_decoding import decode
from warehouse.loading import load_log
from warehouse.loading.batch import LoadContext, LoadCounts, LoadResult
from warehouse.loading.merge import load_batch
from warehouse.loading.ordering import was_generated_before
from warehouse.loading.replay_target import LoggedResponse, ReplayTarget, open_replay_target

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class StoredSource:
    """A stored response as a source of rows."""

    response_id: str
    requested_at: datetime
    sha256: str
    target: ReplayTarget
    elapsed_ms: int = 0
    generated_at: datetime | None = None
    cache_age_seconds: int = 0

    @property
    def payload(self) -> Any:
        """The decoded body. Raises ``ValueError`` when it is not JSON."""
        return decode(self.target.read_body(self.sha256))


@dataclass(frozen=True)
class Replay:
    """Rebuilds datasets of one warehouse file."""

    warehouse: Path
    datasets: Mapping[str, Dataset]
    endpoints: Endpoints
    now: Callable[[], datetime] = utc_now

    def run(self, names: Sequence[str], since: datetime | None = None) -> Iterator[SyncResult]:
        """Rebuilds ``names`` one after the other, each swapped in when it is complete; versions before ``since`` stay.

        Where raw responses were pruned, versions from before the oldest one left stay too. A dataset without raw
        responses is left alone. Raises ``WarehouseError`` when the file cannot be written.
        """
        with open_replay_target(self.warehouse, [dataset.table for dataset in self.datasets.values()]) as target:
            for name in names:
                start = time.perf_counter()
                outcome = self._rebuild(target, self.datasets[name], since)
                yield SyncResult(name, "", outcome, time.perf_counter() - start)

    def _rebuild(self, target: ReplayTarget, dataset: Dataset, since: datetime | None) -> LoadResult:
        parent = self.datasets[dataset.fan_out.dataset] if dataset.fan_out else None
        endpoints = [dataset.endpoint, *([parent.endpoint] if parent else [])]
        stored = correct_times(target.logged_responses(dataset.name, endpoints), self.now())
        responses = [response for response in stored if response.endpoint == dataset.endpoint]
        if not responses:
            return LoadResult("ok")
        before_oldest = min(response.requested_at for response in responses) - MICROSECOND
        start = max(since or before_oldest, before_oldest)
        replayed = [response.response_id for response in responses if response.requested_at > start]
        target.restore_as_of(dataset.table, start, _accepted_until(start, dataset, responses), replayed)
        total = LoadCounts()
        for _, group in groupby(stored, key=lambda response: response.load_id):
            load_responses = list(group)
            if any(r.requested_at > start for r in load_responses if r.endpoint == dataset.endpoint):
                _add_counts(total, self._reload(target, dataset, parent, load_responses).counts)
        target.swap_in(dataset.table, replayed)
        return LoadResult("ok", total)

    def _reload(
        self, target: ReplayTarget, dataset: Dataset, parent: Dataset | None, stored: Sequence[LoggedResponse]
    ) -> LoadResult:
        """Repeats one load, with the operator's decision at that time about a shrunken response."""
        first = stored[0]
        load = LoadContext(
            first.run_id, first.load_id, dataset.name, first.account_id, first.started_at, first.accept_shrink
        )
        fetched = self._fetch_stored(target, dataset, parent, stored)
        watermarks = load_log.read_watermarks(target.connection, dataset.name)
        try:
            batch = build_batch(fetched, watermarks, first.account_id)
        except ContractViolation as error:
            return log_violation(target.connection, load, fetched, error)
        return load_batch(target.connection, batch, load)

    def _fetch_stored(
        self, target: ReplayTarget, dataset: Dataset, parent: Dataset | None, stored: Sequence[LoggedResponse]
    ) -> FetchResult:
        """The stored responses of one load as fetching returned them."""
        responses, parents = [], []
        for response in stored:
            source = StoredSource(
                response.response_id,
                response.requested_at,
                response.body_sha256,
                target,
                response.elapsed_ms,
                response.server_date,
                response.cache_age_seconds,
            )
            if response.endpoint == dataset.endpoint:
                responses.append(PartitionResponse(_partition_of(dataset, response), response.params, source))
            if parent and response.endpoint == parent.endpoint:
                parents.append(source)
        path, expected = records_path(dataset, self.endpoints), None
        if parent and parents:
            # A run that also syncs the parent dataset may have stored its list twice: the newest before the fan-out.
            first = min((response.source.requested_at for response in responses), default=parents[0].requested_at)
            listed = [source for source in parents if source.requested_at <= first] or parents
            _, expected = list_partitions(dataset, parent, listed[-1], self.endpoints, stored[0].account_id)
        return FetchResult(dataset, path, responses, (), expected, parents)


def _partition_of(dataset: Dataset, response: LoggedResponse) -> str:
    return partition_name(dataset, response.params, response.account_id)


def _accepted_until(
    moment: datetime, dataset: Dataset, stored: Sequence[LoggedResponse]
) -> dict[str, list[LoggedResponse]]:
    """The accepted responses of each partition until ``moment``, oldest first; its rows were last seen in the last one.

    A refused response is none: that of a rejected load, the one that a failed load's error is about, or one that a
    newer one had overtaken.
    """
    accepted: dict[str, list[LoggedResponse]] = {}
    for response in stored:
        is_refused = response.status == "rejected" or response.response_id == response.error_response_id
        if is_refused or response.requested_at > moment:
            continue
        earlier = accepted.setdefault(_partition_of(dataset, response), [])
        if not earlier or _supersedes(response, earlier[-1]):
            earlier.append(response)
    return accepted


def _supersedes(response: LoggedResponse, last: LoggedResponse) -> bool:
    is_stale = was_generated_before(response.server_date, response.cache_age_seconds, last.server_date)
    return response.requested_at >= last.requested_at and not is_stale


def _add_counts(total: LoadCounts, counts: LoadCounts) -> None:
    for field in fields(LoadCounts):
        setattr(total, field.name, getattr(total, field.name) + getattr(counts, field.name))
