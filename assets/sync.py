"""One sync: read the watermarks, fetch the datasets, load each as it completes, publish.

The command line and Dagster both sync through ``SyncPipeline``.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assets.datasets import DATASETS, Dataset
from assets.errors import ContractViolation
from assets.fetch import Fetcher, FetchResult, failed_partition
from assets.loader import SnapshotLoader
from assets.pii_policy import PiiPolicy
from assets.response_clock import MAX_CLOCK_SKEW
from smsonline.client import Client
from smsonline.endpoints import ENDPOINTS, Endpoints
from smsonline.errors import VendorError
from warehouse.database.opening import Writer, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.loading import load_log
from warehouse.loading.batch import LoadContext, LoadResult
from warehouse.loading.source import Source
from warehouse.publishing.publish import is_published, publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate
from warehouse.schema.tables import Table

log = logging.getLogger("smsonline.sync")

# Datasets fetched at the same time; each may fan out on the client's own bounded threads.
MAX_PARALLEL_DATASETS = 4


@dataclass(frozen=True)
class SyncResult:
    """The result of one dataset's sync, as ``sync --json`` and the asset's metadata report it.

    ``failure`` is the vendor's error when there was no response at all: it tells whether a retry can help.
    """

    dataset: str
    account_id: str
    outcome: LoadResult
    seconds: float
    failure: Exception | None = None

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON object."""
        head = {"dataset": self.dataset, "account_id": self.account_id, "status": self.outcome.status}
        return head | asdict(self.outcome.counts) | {"seconds": round(self.seconds, 3), "error": self.outcome.error}


@dataclass(frozen=True)
class CompletedFetch:
    """The head of a dataset's load, and what fetching it gave."""

    load: LoadContext
    seconds: float
    result: FetchResult | Exception


@dataclass
class SyncPipeline:
    """Everything a sync needs, for one account and one warehouse file.

    ``needs_publish`` says that the analysts' copy may lack something, ``max_clock_skew`` how far this machine's clock
    may differ from the vendor's.
    """

    client: Client
    account_id: str
    warehouse: Path
    pii_policy: PiiPolicy
    datasets: Mapping[str, Dataset] = field(default_factory=lambda: DATASETS)
    endpoints: Endpoints = field(default_factory=lambda: ENDPOINTS)
    accept_shrink: bool = False
    needs_publish: bool = True
    max_clock_skew: timedelta = MAX_CLOCK_SKEW
    _writer: Writer = field(default_factory=Writer)

    def sync(self, names: Sequence[str], run_id: str = "") -> Iterator[SyncResult]:
        """Syncs the datasets ``names`` and yields each result as it is loaded; a failure does not stop the others.

        Raises ``WarehouseError`` when the warehouse cannot be opened at all.
        """
        run_id = run_id or uuid.uuid4().hex
        known_hashes = self._prepare_warehouse(names)
        fetcher = Fetcher(self.client, self.endpoints, self.datasets, self.account_id, self.pii_policy, known_hashes)
        source = source_of(self.client.base_url)
        loader = SnapshotLoader(self.warehouse, self._writer, source, self.max_clock_skew, self.client.now)
        pool = ThreadPoolExecutor(MAX_PARALLEL_DATASETS, "dataset")
        try:
            for future in as_completed([pool.submit(self._fetch, fetcher, name, run_id) for name in names]):
                yield self._load(loader, future.result())
        finally:
            pool.shutdown(cancel_futures=True)

    def publish(self) -> bool:
        """Brings the analysts' copy up to date with what was loaded; false when nothing had changed."""
        if not self.needs_publish:
            return False
        published = publish(self.warehouse, self._tables(), self._writer)
        self.needs_publish = False
        return published

    def close(self) -> None:
        """Closes the database that stays open between loads. The pipeline can be used again afterwards."""
        self._writer.stop()

    def _tables(self) -> list[Table]:
        return [dataset.table for dataset in self.datasets.values()]

    def _prepare_warehouse(self, names: Sequence[str]) -> frozenset[str]:
        """Brings the file's schema up to date; the hashes of the bodies that were accepted last for ``names``."""
        with open_warehouse(self.warehouse, writer=self._writer) as connection:
            migrate(connection)
            sync_schema(connection, self._tables())
            self.needs_publish = not is_published(connection, self.warehouse)
            watermarks = [load_log.read_watermarks(connection, name) for name in names]
        return frozenset(watermark.body_sha256 for partitions in watermarks for watermark in partitions.values())

    def _fetch(self, fetcher: Fetcher, name: str, run_id: str) -> CompletedFetch:
        """Raises nothing: an error is the result."""
        load = LoadContext(run_id, uuid.uuid4().hex, name, self.account_id, datetime.now(UTC), self.accept_shrink)
        start = time.perf_counter()
        result: FetchResult | Exception
        try:
            result = fetcher.fetch(self.datasets[name])
        except Exception as error:  # reported in the dataset's result
            result = error
        return CompletedFetch(load, time.perf_counter() - start, result)

    def _load(self, loader: SnapshotLoader, fetch: CompletedFetch) -> SyncResult:
        start = time.perf_counter()
        failure = fetch.result if isinstance(fetch.result, Exception) else None
        try:
            if isinstance(fetch.result, FetchResult):
                outcome = loader.load(fetch.result, fetch.load)
            else:
                outcome = loader.log_failure(
                    fetch.load, _error_line(fetch.result), [failed_partition("", fetch.result)]
                )
        except Exception as error:  # a defect of one dataset must not stop the others
            outcome = LoadResult("failed", error=_error_line(error))
        counts = outcome.counts
        is_changed = counts.inserted + counts.changed + counts.closed > 0 or outcome.warning is not None
        self.needs_publish = self.needs_publish or is_changed
        seconds = fetch.seconds + time.perf_counter() - start
        return SyncResult(fetch.load.dataset, self.account_id, outcome, seconds, failure)


def source_of(base_url: str) -> Source:
    """The kind of server at ``base_url``: local for one on this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        is_local = ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost" or host.endswith(".localhost")
    return "local" if is_local else "vendor"


def _error_line(error: Exception) -> str:
    """The error in one line; a defect of this program goes to the log with its traceback."""
    if isinstance(error, (VendorError, ContractViolation, WarehouseError)):
        return str(error)
    log.error("unexpected error", exc_info=error)
    return f"unexpected {type(error).__name__}; smsonline.log has the traceback"
