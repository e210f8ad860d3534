"""What happens to a dataset beside the warehouse: it is asked for and read in other threads, while the file is busy."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, datetime

from assets.assembly import Reading, read
from assets.declaration import Dataset
from assets.fetch import Fetched, Fetcher
from assets.intake import Ahead
from warehouse.loading.batch import Watermarks
from warehouse.raw.store import compress


class Known:
    """What the warehouse held when the pass began, by dataset. Who asks before it has been looked up waits.

    As a container it holds the hashes of the bodies that were accepted last; a ``new`` file has none.
    """

    def __init__(self, *, new: bool) -> None:
        self._new = new
        self._hashes: frozenset[str] = frozenset()
        self._marks: Future[Mapping[str, Watermarks]] = Future()

    def tell(self, marks: Mapping[str, Watermarks]) -> None:
        """Lets everyone go on who waits."""
        self._hashes = frozenset(mark.body_sha256 for each in marks.values() for mark in each.values())
        self._marks.set_result(marks)

    def give_up(self, error: BaseException) -> None:
        """Raises ``error`` for everyone who waits: without a warehouse nobody needs an answer."""
        self._marks.set_exception(error)

    def marks(self, dataset: str) -> Watermarks:
        """The newest accepted answer of each part of ``dataset``."""
        return self._marks.result().get(dataset, {})

    def __contains__(self, sha256: object) -> bool:
        if self._new:
            return False
        self._marks.result()
        return sha256 in self._hashes


@dataclass(frozen=True)
class Pulled:
    """A dataset's answers, or why there are none, and what was done of them already."""

    dataset: Dataset
    started_at: datetime
    seconds: float
    brought: Fetched | Exception
    ahead: Ahead | None = None


def pull(fetcher: Fetcher, dataset: Dataset, account_id: str, known: Known, readers: Executor) -> Pulled:
    """Asks for ``dataset``, lets ``readers`` read what came and packs it. Raises nothing: an error is brought."""
    started_at, began = datetime.now(UTC), time.perf_counter()
    brought: Fetched | Exception
    ahead = None
    try:
        brought = fetcher.fetch(dataset)
        reading = readers.submit(_read, brought, fetcher.place(dataset), account_id, known)
        new = [source for source in brought.sources if source.sha256 not in known]
        ahead = Ahead({source.sha256: compress(source.body) for source in new}, reading)
    except Exception as error:  # told in the dataset's result
        brought = error
    return Pulled(dataset, started_at, time.perf_counter() - began, brought, ahead)


def _read(fetched: Fetched, place: str, account_id: str, known: Known) -> Reading:
    return read(fetched, place, known.marks(fetched.dataset.name), account_id)
