"""The zone of the vendor's times, learnt from a payment of ours; every account over HTTP against the sandbox."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from topup_fakes import POLICY, START, CountingIds, FakeClock, Inbox

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.sandbox import Sandbox, SandboxAddress, serve
from smsonline.sandbox.simulation.state import SandboxState
from topups.ledger import open_ledger
from topups.notifications.delivery import deliver_outbox
from topups.payment_states import State
from topups.vendor.http_gateway import VendorGateway
from topups.vendor.records import Units
from topups.workflow.context import TopUpContext
from topups.workflow.reconcile import reconcile_account
from topups.workflow.topup_run import run_topup
from topups.workflow.vendor_times import offset_between

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LIMITS = {"threshold_cents": 10_000, "target_cents": 20_000, "amount_max_cents": 20_000, "approval_above_cents": 20_000}
CAPS = {"cap_day_cents": 40_000, "cap_week_cents": 80_000, "cap_month_cents": 99_000}


@dataclass
class Account:
    sandbox: Sandbox
    clock: FakeClock
    context: TopUpContext
    inbox: Inbox

    def pass_time(self, minutes: float, step: float = 5) -> None:
        for _ in range(int(minutes / step)):
            self.clock.advance(minutes=step)
            reconcile_account(self.context)
            self.deliver()

    def deliver(self) -> None:
        deliver_outbox(self.context.ledger, self.inbox, self.context.account_id, self.clock)

    @property
    def only(self):
        (payment,) = [p for p in self.context.ledger.payments() if p.state != State.EXTERNAL]
        return payment


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, SandboxAddress]]:
    sandbox = Sandbox()
    with serve(sandbox) as address:
        yield sandbox, address


@pytest.fixture
def account(served: tuple[Sandbox, SandboxAddress], tmp_path: Path, request) -> Iterator[Account]:
    sandbox, address = served
    clock = FakeClock()
    sandbox.faults.clear()
    sandbox.state = SandboxState(7, "small", sandbox.user_id, clock.now)
    credentials = Credentials(sandbox.user_id, sandbox.api_key, address.base_url, address.v2_base_url)
    with (
        open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger,
        Client(credentials, config=ClientConfig(), sleep=lambda _: None, now=clock.now) as client,
    ):
        gateway = VendorGateway(client, sandbox.user_id, Units(zone=getattr(request, "param", "UTC")), clock)
        context = TopUpContext(ledger, gateway, replace(POLICY, **LIMITS, **CAPS), clock, CountingIds(), {})
        yield Account(sandbox, clock, context, Inbox())
    sandbox.faults.clear()


@pytest.mark.parametrize("hours", [-5, 3, 5.75])
def test_a_payment_in_another_zone_has_its_right_time(account, hours):
    account.sandbox.faults.add("invoices", f"local_times={hours}")
    assert run_topup(account.context).refusal is None
    account.deliver()
    assert account.only.state == State.OPEN
    assert abs(account.only.ends_at - START - HOUR) < MINUTE
    assert [title for title in account.inbox.titles if title.startswith("Please pay")]
    account.pass_time(40)
    assert [title for title in account.inbox.titles if "half of the time is over" in title]
    account.pass_time(80)
    assert account.only.state == State.EXPIRED


@pytest.mark.parametrize(("hours", "zone"), [(-5, "Etc/GMT+5"), (3, "Etc/GMT-3")])
def test_another_zone_is_recorded_and_noticed_once(account, hours, zone):
    account.sandbox.faults.add("invoices", f"local_times={hours}")
    run_topup(account.context)
    account.pass_time(30)
    recorded = account.context.ledger.observations(account.context.account_id, "zone")
    assert [(o.figure, o.payload) for o in recorded] == [(hours * 60, {"zone": "UTC"})]
    (notice,) = [n for n in account.inbox.notices if n.title == "The vendor's times are in another zone than set"]
    assert f'[topup_units] zone = "{zone}"' in notice.body


@pytest.mark.parametrize("account", ["Etc/GMT-3"], indirect=True)
def test_a_zone_that_is_set_is_not_corrected(account):
    account.sandbox.faults.add("invoices", "local_times=3")
    run_topup(account.context)
    account.pass_time(10)
    assert abs(account.only.ends_at - START - HOUR) < MINUTE
    assert not account.context.ledger.observations(account.context.account_id, "zone")


@pytest.mark.parametrize("lead", [2 * MINUTE, 3 * HOUR, 170 * MINUTE, 132 * MINUTE, 14 * HOUR])
def test_a_creation_in_the_future_shows_the_least_offset(lead):
    offset = offset_between(START + lead, START, START)
    assert abs(lead - offset) <= 10 * MINUTE


@pytest.mark.parametrize(
    ("created", "latest", "offset"),
    [
        (9 * MINUTE, 1 * MINUTE, timedelta()),
        (-5 * HOUR + MINUTE, MINUTE, -5 * HOUR),
        (5.75 * HOUR, MINUTE, 5.75 * HOUR),
        (3 * HOUR + 14 * MINUTE, 16 * MINUTE, 3 * HOUR),  # committed late
        (20 * HOUR, MINUTE, None),
        (40 * timedelta(days=1), MINUTE, None),
    ],
)
def test_an_offset_is_the_coarsest_that_fits(created, latest, offset):
    assert offset_between(START + created, START, START + latest) == offset
