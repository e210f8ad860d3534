"""What is read beside the warehouse counts only where the warehouse is still as it was looked up."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assets.assembly import Reading, read
from assets.datasets import DATASETS
from assets.fetch import Fetched, Fetcher, Share
from assets.intake import Ahead, Intake
from assets.privacy import Privacy
from assets.pull import Known, pull
from smsonline.catalogue import ENDPOINTS
from smsonline.client import Client
from tests.assets.test_intake import NOON, ROW, path, rows, share, take
from warehouse.database.opening import open_warehouse
from warehouse.errors import NotAWarehouse
from warehouse.loading import load_log
from warehouse.loading.batch import LoadContext, LoadResult, Watermark

__all__ = ["path"]
STATISTICS = DATASETS["statistics"]
OTHER = ROW | {"successRate": 12}


def looked_up(path: Path) -> dict[str, Watermark]:
    with open_warehouse(path, read_only=True) as connection:
        return dict(load_log.read_watermarks(connection, "statistics"))


def take_ahead(path: Path, given: Share, marks: dict[str, Watermark]) -> LoadResult:
    fetched = Fetched(STATISTICS, [given])
    reading: Future[Reading] = Future()
    reading.set_result(read(fetched, "body", marks, "7"))
    load = LoadContext("run", "load", "statistics", "7", NOON)
    return Intake(path, "run", "7").take(fetched, "body", load, Ahead({}, reading))


def test_an_answer_that_was_known_is_read_all_the_same_when_another_process_replaced_it(path: Path) -> None:
    take(path, share([ROW], 0))
    marks = looked_up(path)
    take(path, share([OTHER], 1))
    outcome = take_ahead(path, share([ROW], 2), marks)
    assert (outcome.counts.changed, outcome.counts.unchanged) == (1, 0)
    assert rows(path, "SELECT success_rate FROM sms.statistics") == [(0.87,)]


def test_an_answer_that_another_process_has_brought_meanwhile_changes_nothing(path: Path) -> None:
    take(path, share([ROW], 0))
    marks = looked_up(path)
    take(path, share([OTHER], 1))
    outcome = take_ahead(path, share([OTHER], 2), marks)
    assert (outcome.counts.changed, outcome.counts.unchanged) == (0, 1)
    assert rows(path, "SELECT count(*) FROM sms.statistics_history") == [(2,)]


def test_an_answer_that_cannot_be_read_is_kept_before_that_is_told(path: Path) -> None:
    reading: Future[Reading] = Future()
    reading.set_exception(ZeroDivisionError())
    load = LoadContext("run", "load", "statistics", "7", NOON)
    with pytest.raises(ZeroDivisionError):
        Intake(path, "run", "7").take(Fetched(STATISTICS, [share([ROW])]), "body", load, Ahead({}, reading))
    assert rows(path, "SELECT count(*) FROM raw.responses") == [(1,)]


def test_who_asks_what_is_known_waits_until_it_was_looked_up() -> None:
    known = Known(new=False)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(known.__contains__, "abc")
        assert not asked.done()
        known.tell({"statistics": {"": Watermark("r", "abc", "c", 1, 0, 0)}})
        assert asked.result()
    assert "xyz" not in known
    assert "abc" not in Known(new=True)  # at once: a new file has nothing


def test_a_warehouse_that_cannot_be_opened_ends_the_waiting(vendor_client: Client, sandbox: Any) -> None:
    known = Known(new=False)
    fetcher = Fetcher(vendor_client, ENDPOINTS, DATASETS, sandbox.user_id, Privacy(b"k"), known)
    with ThreadPoolExecutor(1) as readers, ThreadPoolExecutor(1) as pool:
        pulling = pool.submit(pull, fetcher, STATISTICS, sandbox.user_id, known, readers)
        known.give_up(NotAWarehouse("no warehouse"))
        assert isinstance(pulling.result().brought, NotAWarehouse)
