"""Golden loads: what the vendor sends, byte for byte, and the tables that must come of it.

Each file in ``cases`` tells one story. ``answers`` come one minute after the other, unless they say which minute; their
bodies are sent as they stand in the file, so odd spellings survive, and ``<<x*1000>>`` stands for a thousand x. A fan-out
has a body per end of a path, and any other path is answered by HTTP 404. ``versions`` is the history: the minute each
version began and ended at (null: current), then ``columns``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
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
from warehouse.batch import Counts, Outcome
from warehouse.connection import opened
from warehouse.migrate import migrate, shape

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


class Story:
    """A case, and the warehouse that its answers go into by way of the real client."""

    def __init__(self, case: Case, warehouse: Path) -> None:
        self.case = case
        self.warehouse = warehouse
        self.datasets = with_overrides(DATASETS, {case.dataset: case.settings})

    def sync(self, told: Told, minute: float, respell: Callable[[bytes], bytes] = bytes) -> Outcome:
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

    def query(self, sql: str, *parameters: Any) -> list[list[Any]]:
        with opened(self.warehouse, read_only=True) as connection:
            rows = connection.execute(sql, list(parameters)).fetchall()
        return [[value.isoformat() if isinstance(value, datetime) else value for value in row] for row in rows]

    @property
    def columns(self) -> str:
        return ", ".join(self.case.columns)

    def current(self) -> list[list[Any]]:
        return in_order(self.query(f"SELECT {self.columns} FROM sms.{self.case.dataset}"))

    def as_of(self, minute: int) -> list[list[Any]]:
        macro = f"sms.{self.case.dataset}_as_of(?)"
        return in_order(self.query(f"SELECT {self.columns} FROM {macro}", START + timedelta(minutes=minute)))

    def versions(self) -> list[list[Any]]:
        minutes = "(epoch(valid_from - $1) / 60)::INT, (epoch(valid_to - $1) / 60)::INT"
        return in_order(self.query(f"SELECT {minutes}, {self.columns} FROM sms.{self.case.dataset}_history", START))

    def rejects(self) -> list[list[Any]]:
        return self.query("SELECT row_index, reasons FROM ops.rejects r JOIN raw.responses USING (response_id) "
                          "ORDER BY requested_at, row_index")

    def drift(self) -> list[list[Any]]:
        return in_order(self.query("SELECT field, kind, example FROM ops.drift"))


def in_order(rows: list[Any]) -> list[list[Any]]:
    return sorted(map(list, rows), key=repr)


def told_in(path: Path) -> Case:
    text = REPEATED.sub(lambda found: found[1] * int(found[2]), path.read_bytes())
    return msgspec.json.decode(text, type=Case)


@pytest.fixture(scope="module")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "empty.duckdb"
    with opened(path) as connection:
        migrate(connection)
        shape(connection, [dataset.table for dataset in DATASETS.values()])
    return path


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden_load(path: Path, empty_warehouse: Path, warehouse_path: Path) -> None:
    case = told_in(path)
    warehouse_path.parent.mkdir()
    shutil.copyfile(empty_warehouse, warehouse_path)
    story = Story(case, warehouse_path)
    for number, told in enumerate(case.answers):
        outcome = story.sync(told, number if told.minute is None else told.minute)
        assert outcome == Outcome(told.status, Counts(**told.counts), told.error), f"answer {number}"
    assert_told(story)
    assert_a_respelt_last_answer_changes_nothing(story)
    assert_a_replay_gives_the_same(story)


def assert_told(story: Story) -> None:
    versions = story.case.versions
    assert story.versions() == in_order(versions)
    assert story.current() == in_order([row for _, end, *row in versions if end is None])
    for minute in range(len(story.case.answers)):
        in_force = [row for began, end, *row in versions if began <= minute and (end is None or end > minute)]
        assert story.as_of(minute) == in_order(in_force), f"as of minute {minute}"
    assert story.rejects() == [list(reject) for reject in story.case.rejects]
    assert story.drift() == in_order(story.case.drift)


def assert_a_respelt_last_answer_changes_nothing(story: Story) -> None:
    """More white space makes it another body, so that it goes the whole way."""
    before, last = story.versions(), story.case.answers[-1]
    outcome = story.sync(last, 60, respell=lambda body: body + b" ")
    if last.status == "ok" and last.minute is None:
        counts = outcome.counts
        assert (outcome.status, counts.inserted, counts.changed, counts.closed) == ("ok", 0, 0, 0)
        assert counts.fetched == last.counts.get("fetched", 0)
        assert story.versions() == before


def assert_a_replay_gives_the_same(story: Story) -> None:
    before = story.versions(), story.rejects(), story.drift()
    story.replay()
    assert (story.versions(), story.rejects(), story.drift()) == before
