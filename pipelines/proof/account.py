"""An account at a sandbox on loopback, with a clock that the stories set."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.sandbox import Sandbox, serve
from topups.vendor.statuses import FINAL, PAID

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CREATE = "create_invoice"
# A lost response is a dropped connection here, so nobody waits; one attempt is enough on loopback.
SETTINGS = ClientConfig(max_attempts=1, read_timeout_seconds=5, requests_per_second=10_000, requests_per_minute=100_000)


@dataclass
class ProofClock:
    """Stands still until ``advance``."""

    at: datetime = START

    def now(self) -> datetime:
        """The simulated time in UTC."""
        return self.at

    def advance(self, span: timedelta) -> None:
        """Lets time pass."""
        self.at += span


@dataclass
class ProofAccount:
    """The vendor's side of one story. ``most_payable`` is the largest number of payments open at the same time.

    ``most_paid_cents`` is what a person would have paid at most who trusts every page that is open.
    """

    sandbox: Sandbox
    client: Client
    clock: ProofClock
    earlier: frozenset[str] = frozenset()
    most_payable: int = 0
    most_paid_cents: int = 0

    def requested(self) -> int:
        """The create requests that the server received."""
        return self.sandbox.requests.count(CREATE)

    def invoices(self) -> list[dict[str, object]]:
        """The payments that this story created, by the vendor's own books."""
        rows: list[dict[str, object]] = self.sandbox.truth()["invoices"]
        return [row for row in rows if row["payment_id"] not in self.earlier]

    def payable(self) -> list[dict[str, object]]:
        """Those of them that can be paid now."""
        return [row for row in self.invoices() if row["status"] not in FINAL]

    def observe(self) -> None:
        """Counts what is paid and what can be paid now."""
        invoices = [row for row in self.invoices() if row["status"] in PAID or row["status"] not in FINAL]
        self.most_payable = max(self.most_payable, len(self.payable()))
        self.most_paid_cents = max(self.most_paid_cents, sum(map(_cents, invoices)))

    def pay(self, row: dict[str, object]) -> None:
        """A person pays one payment in full; the vendor confirms it five minutes later."""
        self.sandbox.pay(str(row["payment_id"]), _cents(row))

    def requested_cents(self) -> int:
        """US cents of all payments that were created."""
        return sum(_cents(row) for row in self.invoices())


def _cents(row: dict[str, object]) -> int:
    cents = row["amount_cents"]
    assert isinstance(cents, int)
    return cents


@contextmanager
def proof_account() -> Iterator[ProofAccount]:
    """A new account at a new sandbox; nothing leaves this machine."""
    clock = ProofClock()
    sandbox = Sandbox(now=clock.now)
    with serve(sandbox) as address:
        credentials = Credentials(sandbox.user_id, sandbox.api_key, address.base_url, address.v2_base_url)
        with Client(credentials, config=SETTINGS, sleep=lambda _: None, now=clock.now) as client:
            earlier = frozenset(row["payment_id"] for row in sandbox.truth()["invoices"])
            yield ProofAccount(sandbox, client, clock, earlier)
