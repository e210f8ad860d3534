import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from postgres_ledgers import migrated_postgres, postgres  # noqa: F401 - fixtures

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.sandbox import Sandbox, serve

settings.register_profile(
    "steady",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    # One database or server serves all examples of a test; each example cleans up after itself.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("steady")

# Files that outlive a ledger lie in the user's state folder. Tests, and the processes that they start, have their own.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="state-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)

# Half a million objects of imported modules live to the end: looking for garbage among them costs a tenth of a run.
gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a state folder of its own: a ledger at the same URL is another one."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def warehouse_path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "warehouse.duckdb"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A world whose clock stands still until a test advances it."""
    sandbox = Sandbox(now=lambda: NOON)
    yield sandbox
    sandbox.faults.clear()


@contextmanager
def _connected(sandbox: Sandbox) -> Iterator[Client]:
    with serve(sandbox) as address:
        account = Credentials(sandbox.user_id, sandbox.api_key, address.base_url, address.v2_base_url)
        policy = ClientConfig(requests_per_second=10_000, requests_per_minute=100_000)

        def now() -> datetime:
            return datetime.fromtimestamp(sandbox.state.clock.instant(), UTC)

        with Client(account, config=policy, now=now, sleep=lambda _: None) as client:
            yield client


@pytest.fixture
def vendor_client(sandbox: Sandbox) -> Iterator[Client]:
    """A client over real HTTP to ``sandbox``, on the sandbox's own clock, that never really waits."""
    with _connected(sandbox) as client:
        yield client


@pytest.fixture(scope="module")
def shared_vendor() -> Iterator[tuple[Sandbox, Client]]:
    """The same for the whole of a module, with a sandbox of its own."""
    sandbox = Sandbox(now=lambda: NOON)
    with _connected(sandbox) as client:
        yield sandbox, client
