"""Real ledgers: SQLite in a file or in memory, and PostgreSQL."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from postgres_ledgers import empty_ledger
from sqlalchemy import create_engine, text
from topup_fakes import POLICY, CountingIds, FakeClock, FakeVendor, World

from topups.ledger import Ledger, open_ledger
from topups.ledger.audit import audit
from topups.workflow.context import TopUpContext

DATABASES = ("sqlite", "postgresql")
ALL_DATABASES = bool(os.environ.get("ALL_DATABASES"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def vendor(clock: FakeClock) -> FakeVendor:
    return FakeVendor(clock)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of a world run on SQLite, and where ``ALL_DATABASES`` is set or their module says so on PostgreSQL too."""
    if "world" in metafunc.fixturenames:
        both = ALL_DATABASES or getattr(metafunc.module, "ON_BOTH_DATABASES", False)
        metafunc.parametrize("database", DATABASES if both else DATABASES[:1], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """An empty ledger on the database that the test is run for."""
    if request.param == "sqlite":
        with open_ledger("sqlite://") as in_memory:
            yield in_memory
        return
    ledger: Ledger = request.getfixturevalue("postgres_worlds")
    empty_ledger(ledger.engine)
    yield ledger


@pytest.fixture
def world(database: Ledger, vendor: FakeVendor, clock: FakeClock) -> Iterator[World]:
    """Whatever a test does with it, at its end the events replay legally and the reserved money is that in slots."""
    context = TopUpContext(database, vendor, POLICY, clock, CountingIds(), environment={})
    yield World(context, vendor, clock, database)
    assert audit(database) == []


@pytest.fixture(scope="session")
def postgres_worlds(migrated_postgres: str) -> Iterator[Ledger]:
    """One ledger for all tests of a process."""
    with open_ledger(migrated_postgres) as ledger:
        yield ledger


@pytest.fixture
def postgres_ledger_url(postgres: str) -> str:
    """The address of an empty ledger."""
    engine = create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    open_ledger(postgres).close()
    return postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def any_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        url = request.getfixturevalue("postgres")
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    with open_ledger(url) as opened:
        yield opened


class Service:
    """A web service that takes one message: ``url`` as apprise has it, ``taken`` after the message came."""

    def __init__(self, server: HTTPServer, taken: list[Any]) -> None:
        self.url = f"json://127.0.0.1:{server.server_port}"
        self.taken = taken


@pytest.fixture
def service() -> Iterator[Service]:
    taken: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.timeout = 10
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        yield Service(server, taken)
        thread.join()
