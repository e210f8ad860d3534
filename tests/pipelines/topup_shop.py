"""A sandbox whose account needs a payment, as a pytest plugin for the tests of the top-ups."""

from collections.abc import Iterator
from functools import partial

import pytest

from smsonline.config import ClientConfig
from smsonline.sandbox import Sandbox, SandboxAddress, serve
from smsonline.sandbox.simulation.state import SandboxState

CANARY = "canary-7f3a91c2d4e8"
CREATES = ("create_invoice", "create_wallet", "v2_create_invoice")
POLICY = {
    "MODE": "auto",
    "THRESHOLD_CENTS": "10000",
    "TARGET_CENTS": "20000",
    "AMOUNT_MIN_CENTS": "500",
    "AMOUNT_MAX_CENTS": "40000",
    "CAP_DAY_CENTS": "40000",
    "CAP_WEEK_CENTS": "80000",
    "CAP_MONTH_CENTS": "99000",
}


class Shop(Sandbox):
    def creates(self) -> int:
        """The number of create requests that the server has received."""
        return sum(self.requests.count(endpoint) for endpoint in CREATES)


@pytest.fixture
def set_topup(home, monkeypatch):
    def to(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"SMSONLINE_TOPUP_{name}", value)

    return to


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Shop, SandboxAddress]]:
    sandbox = Shop(api_key=CANARY)
    with serve(sandbox) as address:
        yield sandbox, address


@pytest.fixture
def shop(served, set_topup, monkeypatch) -> Iterator[Shop]:
    """New data behind one server, a policy under which its account needs a payment, and short timeouts."""
    sandbox, address = served
    sandbox.state = SandboxState(7, "small", sandbox.user_id, None)
    sandbox.requests.clear()
    names = {"USER_ID": sandbox.user_id, "API_KEY": CANARY}
    for name, value in {**names, "BASE_URL": address.base_url, "V2_BASE_URL": address.v2_base_url}.items():
        monkeypatch.setenv(f"SMSONLINE_{name}", value)
    set_topup(**POLICY)
    quick = partial(ClientConfig, read_timeout_seconds=0.3, total_timeout_seconds=2, backoff_initial_seconds=0.001)
    monkeypatch.setattr("pipelines.bootstrap.ClientConfig", quick)
    yield sandbox
    sandbox.faults.clear()
