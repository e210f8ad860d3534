"""A client over real HTTP to a sandbox that breaks on request; retries do not sleep."""

from collections.abc import Callable, Iterator

import pytest

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.sandbox import Sandbox, serve

CANARY = "canary-0d5e77b1a94c"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, Credentials]]:
    sandbox = Sandbox(api_key=CANARY)
    with serve(sandbox) as address:
        yield sandbox, Credentials(sandbox.user_id, CANARY, address.base_url, address.v2_base_url)


@pytest.fixture
def sandbox(served: tuple[Sandbox, Credentials]) -> Iterator[Sandbox]:
    vendor = served[0]
    vendor.faults.clear()
    vendor.requests.clear()
    yield vendor
    vendor.faults.clear()


@pytest.fixture
def slept() -> list[float]:
    """The pauses that the client requested, in seconds."""
    return []


# Faults that end at a time limit of the client; all others must not, however slow the machine is.
ENDLESS = frozenset({"timeout", "commit_then_timeout", "drip_headers", "endless_1xx"})


@pytest.fixture
def kind() -> str:
    """The fault of the test, where it has one as a parameter."""
    return ""


@pytest.fixture
def client(served: tuple[Sandbox, Credentials], sandbox: Sandbox, slept: list[float], kind: str) -> Iterator[Client]:
    pause: Callable[[float], None] = slept.append
    seconds = (0.3, 0.6) if kind in ENDLESS else (10, 20)
    policy = ClientConfig(
        read_timeout_seconds=seconds[0], total_timeout_seconds=seconds[1], max_response_bytes=10_000_000
    )
    with Client(served[1], config=policy, sleep=pause) as client:
        yield client
