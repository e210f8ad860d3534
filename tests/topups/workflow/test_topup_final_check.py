"""What happens between the reservation and the first byte still stops the request: counted at a server over HTTP."""

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, POLICY, CountingIds, FakeClock, World, at_checkpoint

from smsonline.client import Client
from smsonline.config import Credentials
from smsonline.rate_limit import RateLimiter
from smsonline.sandbox import Sandbox, serve
from smsonline.sandbox.simulation.state import SandboxState
from topups import operator_actions
from topups.decision.snapshot import Reason
from topups.gateway import PaymentList
from topups.ledger import open_ledger
from topups.payment_states import State
from topups.vendor.http_gateway import VendorGateway
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.topup_run import TopUpRunResult, run_topup

POLICY_OF_SANDBOX = replace(
    POLICY,
    **{"threshold_cents": 10_000, "target_cents": 20_000, "amount_max_cents": 20_000, "approval_above_cents": 20_000},
    **{"cap_day_cents": 40_000, "cap_week_cents": 80_000, "cap_month_cents": 99_000},
)


@dataclass
class Shop:
    """``wait`` makes the request wait once SENDING is committed, and ``meanwhile`` happens during that wait."""

    sandbox: Sandbox
    context: TopUpContext
    clock: FakeClock
    wait: Callable[[], None]
    environment: dict[str, str]
    meanwhile: Callable[[], object] = lambda: None

    def run(self, meanwhile: Callable[[], object]) -> TopUpRunResult:
        def start() -> None:
            self.meanwhile = meanwhile
            self.wait()

        return run_topup(at_checkpoint(self.context, Checkpoint.SENDING, start))

    def happen(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()

    def creates(self) -> int:
        return self.sandbox.requests.count("create_invoice")


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, Credentials]]:
    sandbox = Sandbox()
    with serve(sandbox) as address:
        yield sandbox, Credentials(sandbox.user_id, sandbox.api_key, address.base_url, address.v2_base_url)


@pytest.fixture(params=["request budget", "slow connection"])
def shop(served, tmp_path, clock, monkeypatch, request) -> Iterator[Shop]:
    sandbox, credentials = served
    sandbox.requests.clear()
    sandbox.state = SandboxState(7, "small", sandbox.user_id, clock.now)
    sandbox.faults.clear()

    def sleep(seconds: float) -> None:
        clock.advance(seconds=seconds)
        shop.happen()

    limiter = RateLimiter(100, 1000, sleep=sleep, clock=lambda: clock.now().timestamp())
    resolve, environment = socket.getaddrinfo, {}

    def resolve_slowly(*arguments, **options):
        shop.happen()
        return resolve(*arguments, **options)

    def connect_slowly() -> None:
        monkeypatch.setattr(socket, "getaddrinfo", resolve_slowly)

    waits = {"request budget": lambda: limiter.block_for(4), "slow connection": connect_slowly}
    with (
        open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger,
        Client(credentials, rate_limiter=limiter, now=clock.now) as client,
    ):
        gateway = VendorGateway(client, sandbox.user_id, clock=clock)
        context = TopUpContext(ledger, gateway, POLICY_OF_SANDBOX, clock, CountingIds(), environment)
        shop = Shop(sandbox, context, clock, waits[request.param], environment)
        yield shop


@pytest.mark.promise("it is checked once more when the connection is open, immediately before the first byte")
def test_pause_during_the_wait_sends_nothing(shop, tmp_path):
    def pause() -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as second:
            operator_actions.pause(second, "me", "", shop.clock.now())

    result = shop.run(pause)
    assert (result.refusal.reason, result.payment.state) == (Reason.KILL_SWITCH, State.NOT_SENT)
    assert shop.creates() == 0


def test_environment_switch_during_the_wait_sends_nothing(shop):
    assert shop.run(lambda: shop.environment.update(SMSONLINE_TOPUP_KILL="1")).refusal.reason == Reason.KILL_SWITCH
    assert shop.creates() == 0


@pytest.mark.parametrize("seconds", [31, 61])
def test_stale_list_or_deadline_sends_nothing(shop, seconds):
    result = shop.run(lambda: shop.clock.advance(seconds=seconds))
    assert (result.refusal.reason, result.payment.state) == (Reason.NOT_SENT_STALE, State.NOT_SENT)
    assert shop.creates() == 0


def test_unreadable_ledger_during_the_wait_sends_nothing(shop, tmp_path):
    def damage() -> None:
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
            connection.execute("ALTER TABLE controls RENAME TO lost")

    assert shop.run(damage).refusal.reason == Reason.LEDGER_UNAVAILABLE
    assert shop.creates() == 0


def test_payment_taken_over_during_the_wait_is_not_sent(shop):
    def give_up() -> None:
        ledger = shop.context.ledger
        ledger.transition(ledger.payments(states=[State.SENDING])[0], State.UNKNOWN, shop.clock.now(), {})

    assert shop.run(give_up).refusal.reason == Reason.LOST_RACE
    assert shop.creates() == 0


def test_short_wait_sends_one_request(shop):
    assert shop.run(lambda: shop.clock.advance(seconds=4)).payment.state == State.OPEN
    assert shop.creates() == 1
    assert timedelta(seconds=4) < shop.context.policy.send_deadline


def list_after(world: World, seconds: float) -> None:
    """The vendor's list takes so long."""
    payments = world.vendor.payments

    def list_slowly() -> PaymentList:
        listing = payments()
        world.clock.advance(seconds=seconds)
        return replace(listing, received_at=world.clock.now())

    world.vendor.payments = list_slowly


@pytest.mark.parametrize("seconds", [31, 59, 119])
def test_slow_list_is_as_old_as_its_response(world, seconds):
    list_after(world, seconds)
    assert world.run().payment.state == State.OPEN
    assert len(world.vendor.created) == 1


def test_retry_after_on_the_list_does_not_stop_the_request(shop):
    """One 429: the list is asked for again after 31 s, and its age counts from the response that came."""
    shop.sandbox.faults.add("invoices", "http_429=31", times=1)
    assert shop.run(lambda: None).payment.state == State.OPEN
    assert shop.creates() == 1


@pytest.mark.parametrize("state", [State.NOT_SENT, State.RELEASED])
def test_unsent_payment_costs_no_wait(world, state):
    """Neither cooldown nor back-off, and no count of the day."""
    step = Checkpoint.SENDING if state == State.NOT_SENT else Checkpoint.RESERVED
    for _ in range(5):
        stop = at_checkpoint(world.with_policy(creates_per_day=1), step, lambda: world.clock.advance(seconds=61))
        if state == State.RELEASED:
            stop = at_checkpoint(world.with_policy(creates_per_day=1), step, lambda: break_list(world))
        assert run_topup(stop).payment.state == state
        world.vendor.list_down = False
    assert world.ledger.controls(ACCOUNT).failures == 0
    assert world.run(creates_per_day=1).payment.state == State.OPEN


def break_list(world: World) -> None:
    world.vendor.list_down = True
