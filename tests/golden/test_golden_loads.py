"""Golden loads: what the vendor sends, byte for byte, and the tables that must come of it.

Each file in ``cases`` tells one story. ``answers`` come one minute after the other, unless they say which minute; their
bodies are sent as they stand in the file, so odd spellings survive, and ``<<x*1000>>`` stands for a thousand x. A
fan-out has a body per end of a path, and any other path is answered by HTTP 404. ``versions`` is the history: the
minute each version began and ended at (null: current), then ``columns``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from assets.datasets import DATASETS
from assets.overrides import with_overrides
from assets.privacy import privacy_of
from assets.replay import Replay
from assets.sync import DataPath
from smsonline.account import Account
from smsonline.catalogue import ENDPOINTS
from smsonline.client import CallPolicy, Client
from warehouse.database.opening import open_warehouse
from warehouse.loading.batch import LoadCounts, LoadResult
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

CASES = sorted(Path(__file__).with_name("cases").glob("*.json"))
START = datetime(2026, 3, 4, 12, tzinfo=UTC)
REPEATED = re.compile(rb"<<(.)\*(\d+)>>")
UNHURRIED = CallPolicy(attempts=1, requests_per_second=100_000, requests_per_minute=1_000_000)


class Told(msgspec.Struct, forbid_unknown_fields=True):
    """One sync: what the vendor answers and what becomes of it; counts that are not named are 0."""

    body: msgspec.Raw = msgspec.Raw(b"")
    bodies: dict[str, msgspec.Raw] = {}
    minute: int | None = None
    account: str = "7"
    accept_shrink: bool = False
    status: str = "ok"
    error: str | None = None
    counts: dict[str, int] = {}


class Case(msgspec.Struct, forbid_unknown_fields=True):
    dataset: str
    columns: list[str]
    answers: list[Told]
    versions: list[list[Any]]
    settings: dict[str, Any] = {}
    rejects: list[tuple[int, list[str]]] = []
    drift: list[tuple[str, str, str | None]] = []


@dataclass(frozen=True)
class Tables:
    """What the warehouse holds for a case's dataset; each list is in an order of its own."""

    versions: list[list[Any]]
    current: list[list[Any]]
    as_of: list[list[list[Any]]]
    rejects: list[list[Any]]
    drift: list[list[Any]]


class Story:
    """A case, and the warehouse that its answers go into by way of the real client."""

    def __init__(self, case: Case, warehouse: Path) -> None:
        self.case = case
        self.warehouse = warehouse
        self.datasets = with_overrides(DATASETS, {case.dataset: case.settings})

    def sync(self, told: Told, minute: float, respell: Callable[[bytes], bytes] = bytes) -> LoadResult:
        def answer(request: httpx.Request) -> httpx.Response:
            bodies = {"": told.body} | told.bodies if told.body else told.bodies
            found = next((body for end, body in bodies.items() if request.url.path.endswith(end)), None)
            return httpx.Response(404) if found is None else httpx.Response(200, content=respell(bytes(found)))

        account = Account(told.account, "a-key-of-tests")
        instant = START + timedelta(minutes=minute)
        with Client(account, policy=UNHURRIED, now=lambda: instant, transport=httpx.MockTransport(answer)) as client:
            privacy = privacy_of(account, hash_key="a-hash-key-of-tests")
            path = DataPath(client, told.account, self.warehouse, privacy, self.datasets, ENDPOINTS, told.accept_shrink)
            return next(path.sync([self.case.dataset])).outcome

    def replay(self) -> None:
        list(Replay(self.warehouse, self.datasets, ENDPOINTS).run([self.case.dataset]))

    def tables(self) -> Tables:
        name, columns = self.case.dataset, ", ".join(self.case.columns)
        minutes = "(epoch(valid_from - $1) / 60)::INT, (epoch(valid_to - $1) / 60)::INT"

        with open_warehouse(self.warehouse, read_only=True) as reader:

            def rows(sql: str, *parameters: Any) -> list[list[Any]]:
                return in_order(reader.execute(sql, list(parameters)).fetchall())

            return Tables(
                versions=rows(f"SELECT {minutes}, {columns} FROM sms.{name}_history", START),
                current=rows(f"SELECT {columns} FROM sms.{name}"),
                as_of=[
                    rows(f"SELECT {columns} FROM sms.{name}_as_of(?)", START + timedelta(minutes=minute))
                    for minute in range(len(self.case.answers))
                ],
                rejects=rows("SELECT row_index, reasons FROM ops.rejects"),
                drift=rows("SELECT field, kind, example FROM ops.drift"),
            )


def in_order(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    cells = ([cell.isoformat() if isinstance(cell, datetime) else cell for cell in row] for row in rows)
    return sorted(cells, key=repr)


def expected(case: Case) -> Tables:
    def in_force(began: int, end: int | None, minute: int) -> bool:
        return began <= minute and (end is None or end > minute)

    return Tables(
        versions=in_order(case.versions),
        current=in_order(row for _, end, *row in case.versions if end is None),
        as_of=[
            in_order(row for began, end, *row in case.versions if in_force(began, end, minute))
            for minute in range(len(case.answers))
        ],
        rejects=in_order(case.rejects),
        drift=in_order(case.drift),
    )


def told_in(path: Path) -> Case:
    text = REPEATED.sub(lambda found: found[1] * int(found[2]), path.read_bytes())
    return msgspec.json.decode(text, type=Case)


@pytest.fixture(scope="module")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "empty.duckdb"
    with open_warehouse(path) as connection:
        migrate(connection)
        sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
        connection.execute("CHECKPOINT")
    return path


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden_load(path: Path, empty_warehouse: Path, tmp_path: Path) -> None:
    warehouse = Path(shutil.copyfile(empty_warehouse, tmp_path / "warehouse.duckdb"))
    case = told_in(path)
    story = Story(case, warehouse)
    for number, told in enumerate(case.answers):
        outcome = story.sync(told, number if told.minute is None else told.minute)
        assert outcome == LoadResult(told.status, LoadCounts(**told.counts), told.error), f"answer {number}"
    tables = story.tables()
    assert tables == expected(case)
    story.replay()
    assert story.tables() == tables, "after a replay"
    last = case.answers[-1]
    if last.status == "ok" and last.minute is None:
        # More white space makes it another body, so that it goes the whole way.
        counts = story.sync(last, 60, respell=lambda body: body + b" ").counts
        assert (counts.inserted, counts.changed, counts.closed) == (0, 0, 0)
        assert counts.fetched == last.counts.get("fetched", 0)
