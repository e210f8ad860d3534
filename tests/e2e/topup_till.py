"""A sandbox that counts what it is asked for, and a fresh ledger, for top-ups by several processes.

Tests name this file in ``pytest_plugins``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from forked import start_fork_server
from postgres_ledgers import empty_ledger
from topup_process import RAILS, Job

from smsonline.config import Credentials
from smsonline.sandbox import Sandbox, SandboxAddress, serve
from smsonline.sandbox.simulation.state import SandboxState
from topups.ledger import Ledger, Payment, open_ledger
from topups.ledger.audit import audit
from topups.payment_states import State

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
MAY_BE_PAID = ("check", "process", "confirm_check", "wrong_amount_waiting")
UNSETTLED = (State.RESERVED, State.SENDING, State.UNKNOWN)


@dataclass
class Till:
    sandbox: Sandbox
    account: Credentials
    url: str

    def job(self, **more: Any) -> Job:
        """One pass now."""
        now = datetime.fromtimestamp(self.sandbox.state.clock.instant(), UTC)
        return Job(self.url, self.account, now, **more)

    def creates(self) -> int:
        """Requests that asked for a payment, counted at the server."""
        return sum(self.sandbox.requests.count(endpoint) for endpoint in RAILS.values())

    def payable(self) -> list[str]:
        return [row["payment_id"] for row in self.sandbox.truth()["invoices"] if row["status"] in MAY_BE_PAID]

    def payments(self, *states: State) -> list[Payment]:
        with self._opened() as ledger:
            return ledger.payments(states=states or None)

    def assert_paid_once_at_most(self) -> None:
        """One request per intent that was to be sent, one payable payment at most, and every payment in the ledger."""
        with self._opened() as ledger:
            payments = ledger.payments()
            assert audit(ledger) == []
        assert self.creates() <= sum(payment.sending_at is not None for payment in payments)
        assert len(self.payable()) <= 1
        there = sorted(row["payment_id"] for row in self.sandbox.truth()["invoices"])
        assert sorted(payment.vendor_payment_id for payment in payments if payment.vendor_payment_id) == there
        assert [payment.state for payment in payments if payment.state in UNSETTLED] == []

    def _opened(self) -> Ledger:
        return open_ledger(self.url)


@pytest.fixture(scope="module")
def counting() -> Iterator[tuple[Sandbox, SandboxAddress]]:
    start_fork_server()
    sandbox = Sandbox(now=lambda: START)
    with serve(sandbox) as address:
        yield sandbox, address


@pytest.fixture(scope="module")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once: that costs more than a whole pass."""
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    open_ledger(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh ledger on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{copyfile(request.getfixturevalue('empty_file'), tmp_path / 'ledger.db')}"
    url: str = request.getfixturevalue("migrated_postgres")
    with open_ledger(url) as ledger:
        empty_ledger(ledger.engine)
    return url


@pytest.fixture
def till(counting: tuple[Sandbox, SandboxAddress], ledger_url: str) -> Iterator[Till]:
    sandbox, address = counting
    sandbox.state = SandboxState(7, "small", sandbox.user_id, lambda: START)
    sandbox.requests.clear()
    account = Credentials(sandbox.user_id, sandbox.api_key, address.base_url, address.v2_base_url)
    yield Till(sandbox, account, ledger_url)
    sandbox.faults.clear()
