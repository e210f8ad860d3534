from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from smsonline.endpoints import ENDPOINTS
from smsonline.sandbox import Address, Sandbox, serve
from smsonline.sandbox.simulation.state import World

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
Ask = Callable[..., httpx.Response]
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
def served() -> Iterator[tuple[Sandbox, Address]]:
    sandbox = Sandbox(now=lambda: NOON)
    with serve(sandbox) as address:
        yield sandbox, address


@pytest.fixture
def sandbox(served: tuple[Sandbox, Address]) -> Iterator[Sandbox]:
    served[0].world = World(7, "small", "sandbox", lambda: NOON)
    served[0].requests.clear()
    yield served[0]
    served[0].faults.clear()


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5) as client:
        yield client


@pytest.fixture
def ask(sandbox: Sandbox, served: tuple[Sandbox, Address], client: httpx.Client) -> Ask:
    """Calls an endpoint of a fresh world by its name, the way the catalogue says, with a right key unless told so."""

    def call(name: str, key: str = "sandbox-key", user_id: str = "sandbox", **given: Any) -> httpx.Response:
        endpoint = ENDPOINTS[name]
        values = {**PARAMETERS, "user_id": user_id, **given}
        base = served[1].base_url if endpoint.version == "v3" else served[1].v2_base_url
        url = f"{base}/{endpoint.path.format(**values)}"
        secret = {endpoint.key_name: key}
        if endpoint.key_in == "query":
            query = {field: values[parameter] for field, parameter in endpoint.query}
            return client.request(endpoint.method, url, params=secret | query)
        body = {field: values[parameter] for field, parameter in endpoint.json if parameter in values}
        return client.request(endpoint.method, url, json=secret | body)

    return call
