from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from smsonline.endpoints import ENDPOINTS
from smsonline.sandbox import Sandbox, SandboxAddress, serve
from smsonline.sandbox.simulation.state import SandboxState

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
CallEndpoint = Callable[..., httpx.Response]
PARAMETERS = {
    "country": "12",
    "carrier": "any",
    "service": "ds",
    "limit": "25",
    "amount": "500",
    "currency": "USDT",
    "network": "BSC",
    "maximumPrice": "900",
    "m": "",
    "n": "",
    "next": "refund",
}


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Sandbox, SandboxAddress]]:
    sandbox = Sandbox(now=lambda: NOON)
    with serve(sandbox) as address:
        yield sandbox, address


@pytest.fixture
def sandbox(served: tuple[Sandbox, SandboxAddress]) -> Iterator[Sandbox]:
    served[0].state = SandboxState(7, "small", "sandbox", lambda: NOON)
    served[0].requests.clear()
    yield served[0]
    served[0].faults.clear()


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5) as client:
        yield client


@pytest.fixture
def call_endpoint(sandbox: Sandbox, served: tuple[Sandbox, SandboxAddress], client: httpx.Client) -> CallEndpoint:
    """Calls an endpoint of a new sandbox by name, as ``ENDPOINTS`` declares it, with the correct key by default."""

    def call(name: str, key: str = "sandbox-key", user_id: str = "sandbox", **parameters: Any) -> httpx.Response:
        endpoint = ENDPOINTS[name]
        values = {**PARAMETERS, "user_id": user_id, **parameters}
        base = served[1].base_url if endpoint.version == "v3" else served[1].v2_base_url
        url = f"{base}/{endpoint.path.format(**values)}"
        secret = {endpoint.key_name: key}
        if endpoint.key_location == "query":
            query = {field: values[parameter] for field, parameter in endpoint.query_fields}
            return client.request(endpoint.method, url, params=secret | query)
        body = {field: values[parameter] for field, parameter in endpoint.body_fields if parameter in values}
        return client.request(endpoint.method, url, json=secret | body)

    return call
