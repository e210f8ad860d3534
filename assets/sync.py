"""One pass over the vendor. The command line and Dagster both sync through here."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assets.datasets import DATASETS
from assets.declaration import Dataset
from assets.errors import AnswerRefused
from assets.fetch import Fetched, Fetcher
from assets.intake import Intake
from assets.privacy import Privacy
from assets.pull import Known, Pulled, pull
from smsonline.catalogue import ENDPOINTS, Catalogue
from smsonline.client import Client
from smsonline.errors import VendorError
from warehouse.database.opening import open_warehouse
from warehouse.database.writer import Writer
from warehouse.errors import WarehouseError
from warehouse.loading import load_log
from warehouse.loading.batch import LoadContext, LoadResult, Watermarks
from warehouse.publishing.publish import is_published, publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate
from warehouse.schema.tables import Table

log = logging.getLogger("smsonline.sync")

# Datasets asked for at the same time; each may fan out on the client's own bounded threads.
DATASETS_AT_ONCE = 4


@dataclass(frozen=True)
class Result:
    """What became of one dataset, as ``sync --json`` and the asset's metadata tell it.

    ``failure`` is the vendor's error when there was no answer at all: it says whether trying again can help.
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


@dataclass
class DataPath:
    """Everything a sync needs, for one account and one warehouse file.

    ``unpublished`` says that the analysts' copy may lack something.
    """

    client: Client
    account_id: str
    warehouse: Path
    privacy: Privacy
    datasets: Mapping[str, Dataset] = field(default_factory=lambda: DATASETS)
    catalogue: Catalogue = field(default_factory=lambda: ENDPOINTS)
    accept_shrink: bool = False
    unpublished: bool = True
    _writer: Writer = field(default_factory=Writer)

    def sync(self, names: Sequence[str], run_id: str = "") -> Iterator[Result]:
        """Pulls the datasets ``names`` and yields each as it is done; one that fails does not stop the others.

        Raises ``WarehouseError`` when the warehouse cannot be opened at all.
        """
        known = Known(new=not self.warehouse.exists())
        fetcher = Fetcher(self.client, self.catalogue, self.datasets, self.account_id, self.privacy, known)
        intake = Intake(self.warehouse, run_id or uuid.uuid4().hex, self.account_id, self._writer)
        # One reader: reading is Python's work, of which one thing is done at a time anyway.
        with ThreadPoolExecutor(1, "reader") as readers, ThreadPoolExecutor(DATASETS_AT_ONCE, "dataset") as pool:
            asked = [pool.submit(pull, fetcher, self.datasets[name], self.account_id, known, readers) for name in names]
            try:
                known.tell(self._look(names))
            except BaseException as error:
                known.give_up(error)
                pool.shutdown(cancel_futures=True)
                raise
            while asked:
                done = next(as_completed(asked))
                asked.remove(done)
                yield self._finish(done.result(), fetcher, intake)

    def publish(self) -> bool:
        """Brings the analysts' copy up to date with what was loaded; false when nothing had changed."""
        if not self.unpublished:
            return False
        done = publish(self.warehouse, self._tables(), self._writer)
        self.unpublished = False
        return done

    def close(self) -> None:
        """Ends what was started to write the warehouse. A path can be used again afterwards."""
        self._writer.stop()

    def _tables(self) -> list[Table]:
        return [dataset.table for dataset in self.datasets.values()]

    def _look(self, names: Sequence[str]) -> dict[str, Watermarks]:
        """Brings the file up to date, while the first answers are on their way; what it holds of ``names``."""
        with open_warehouse(self.warehouse, writer=self._writer) as connection:
            migrate(connection)
            sync_schema(connection, self._tables())
            self.unpublished = not is_published(connection, self.warehouse)
            return {name: load_log.read_watermarks(connection, name) for name in names}

    def _finish(self, pulled: Pulled, fetcher: Fetcher, intake: Intake) -> Result:
        began = time.perf_counter()
        name = pulled.dataset.name
        load = LoadContext(
            intake.run_id, uuid.uuid4().hex, name, self.account_id, pulled.started_at, self.accept_shrink
        )
        try:
            if isinstance(pulled.brought, Fetched):
                outcome = intake.take(pulled.brought, fetcher.place(pulled.dataset), load, pulled.ahead)
            else:
                outcome = intake.note(load, LoadResult("failed", error=_line(pulled.brought)))
        except Exception as error:  # one dataset's defect must not stop the others
            outcome = LoadResult("failed", error=_line(error))
        counts = outcome.counts
        self.unpublished = self.unpublished or counts.inserted + counts.changed + counts.closed > 0
        seconds = pulled.seconds + time.perf_counter() - began
        failure = pulled.brought if isinstance(pulled.brought, Exception) else None
        return Result(name, self.account_id, outcome, seconds, failure)


def _line(error: Exception) -> str:
    """The error in one line; a defect of this program goes to the log with its traceback."""
    if isinstance(error, (VendorError, AnswerRefused, WarehouseError)):
        return str(error)
    log.error("unexpected error", exc_info=error)
    return f"unexpected {type(error).__name__}; smsonline.log has the traceback"
