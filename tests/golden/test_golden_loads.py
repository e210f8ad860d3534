"""Golden loads: the vendor's responses byte for byte, and the tables that must result.

Each file in ``cases`` is one case. Its ``responses`` are one minute apart, unless they name their minute; their bodies
are sent as written in the file, with ``<<x*1000>>`` for a thousand x. A fan-out has a body per end of a path; any other
path gets HTTP 404. ``versions`` is the history: the minutes at which each version began and ended (null: current), then
``columns``.
"""

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
from assets.datasets.overrides import with_overrides
from assets.pii_policy import pii_policy
from assets.replay import Replay
from assets.sync import SyncPipeline
from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.endpoints import ENDPOINTS
from warehouse.database.opening import open_warehouse
from warehouse.loading.batch import LoadCounts, LoadResult
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

CASES = sorted(Path(__file__).with_name("cases").glob("*.json"))
START = datetime(2026, 3, 4, 12, tzinfo=UTC)
REPEATED = re.compile(rb"<<(.)\*(\d+)>>")
UNLIMITED = ClientConfig(max_attempts=1, requests_per_second=100_000, requests_per_minute=1_000_000)


class Response(msgspec.Struct, forbid_unknown_fields=True):
    """One sync: the vendor's response and the expected result; counts that are not named are 0."""

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
    responses: list[Response]
    versions: list[list[Any]]
    settings: dict[str, Any] = {}
    rejects: list[tuple[int, list[str]]] = []
    drift: list[tuple[str, str, str | None]] = []


@dataclass(frozen=True)
class Tables:
    """The warehouse's tables of a case's dataset, each sorted."""

    versions: list[list[Any]]
    current: list[list[Any]]
    as_of: list[list[list[Any]]]
    rejects: list[list[Any]]
    drift: list[list[Any]]


class CaseRun:
    """A case and its warehouse; the responses are loaded through the real client."""

    def __init__(self, case: Case, warehouse: Path) -> None:
        self.case = case
        self.warehouse = warehouse
        self.datasets = with_overrides(DATASETS, {case.dataset: case.settings})

    def sync(self, response: Response, minute: float, rewrite: Callable[[bytes], bytes] = bytes) -> LoadResult:
        def handle(request: httpx.Request) -> httpx.Response:
            bodies = {"": response.body} | response.bodies if response.body else response.bodies
            content = next((body for end, body in bodies.items() if request.url.path.endswith(end)), None)
            return httpx.Response(404) if content is None else httpx.Response(200, content=rewrite(bytes(content)))

        account = Credentials(response.account, "a-key-of-tests")
        moment = START + timedelta(minutes=minute)
        with Client(account, config=UNLIMITED, now=lambda: moment, transport=httpx.MockTransport(handle)) as client:
            policy = pii_policy(account, hash_key="a-hash-key-of-tests")
            pipeline = SyncPipeline(
                client, response.account, self.warehouse, policy, self.datasets, ENDPOINTS, response.accept_shrink
            )
            return next(pipeline.sync([self.case.dataset])).outcome

    def replay(self) -> None:
        list(Replay(self.warehouse, self.datasets, ENDPOINTS).run([self.case.dataset]))

    def tables(self) -> Tables:
        name, columns = self.case.dataset, ", ".join(self.case.columns)
        minutes = "(epoch(valid_from - $1) / 60)::INT, (epoch(valid_to - $1) / 60)::INT"

        with open_warehouse(self.warehouse, read_only=True) as reader:

            def rows(sql: str, *parameters: Any) -> list[list[Any]]:
                return sorted_rows(reader.execute(sql, list(parameters)).fetchall())

            return Tables(
                versions=rows(f"SELECT {minutes}, {columns} FROM sms.{name}_history", START),
                current=rows(f"SELECT {columns} FROM sms.{name}"),
                as_of=[
                    rows(f"SELECT {columns} FROM sms.{name}_as_of(?)", START + timedelta(minutes=minute))
                    for minute in range(len(self.case.responses))
                ],
                rejects=rows("SELECT row_index, reasons FROM ops.rejects"),
                drift=rows("SELECT field, kind, example FROM ops.drift"),
            )


def sorted_rows(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    cells = ([cell.isoformat() if isinstance(cell, datetime) else cell for cell in row] for row in rows)
    return sorted(cells, key=repr)


def expected(case: Case) -> Tables:
    def is_current(began: int, end: int | None, minute: int) -> bool:
        return began <= minute and (end is None or end > minute)

    return Tables(
        versions=sorted_rows(case.versions),
        current=sorted_rows(row for _, end, *row in case.versions if end is None),
        as_of=[
            sorted_rows(row for began, end, *row in case.versions if is_current(began, end, minute))
            for minute in range(len(case.responses))
        ],
        rejects=sorted_rows(case.rejects),
        drift=sorted_rows(case.drift),
    )


def read_case(path: Path) -> Case:
    text = REPEATED.sub(lambda match: match[1] * int(match[2]), path.read_bytes())
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
    case = read_case(path)
    run = CaseRun(case, warehouse)
    for number, response in enumerate(case.responses):
        outcome = run.sync(response, number if response.minute is None else response.minute)
        assert outcome == LoadResult(response.status, LoadCounts(**response.counts), response.error), (
            f"response {number}"
        )
    tables = run.tables()
    assert tables == expected(case)
    run.replay()
    assert run.tables() == tables, "after a replay"
    last = case.responses[-1]
    if last.status == "ok" and last.minute is None:
        # White space makes it another body, so that it is normalised and merged.
        counts = run.sync(last, 60, rewrite=lambda body: body + b" ").counts
        assert (counts.inserted, counts.changed, counts.closed) == (0, 0, 0)
        assert counts.fetched == last.counts.get("fetched", 0)
