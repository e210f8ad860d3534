"""Every rail over HTTP against a vendor that breaks: one create request at the server, over any number of passes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from topup_fakes import POLICY, CountingIds, FakeClock, run_killed_at

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.sandbox import Sandbox, SandboxAddress, serve
from smsonline.sandbox.api import serializers
from smsonline.sandbox.simulation.state import SandboxState
from topups.decision.snapshot import Reason
from topups.ledger import Ledger, open_ledger
from topups.ledger.audit import audit
from topups.payment_states import State
from topups.policy import Policy
from topups.vendor.http_gateway import VendorGateway
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.reconcile import reconcile_account
from topups.workflow.topup_run import TopUpRunResult, run_topup

RAILS = {"v3_invoice": "create_invoice", "v3_wallet": "create_wallet", "v2_invoice": "v2_create_invoice"}
COMMITTED = (
    *("commit_then_500", "commit_then_503", "commit_then_drop", "commit_then_timeout", "commit_then_garbage"),
    *("commit_then_html", "commit_then_redirect"),
)
NOT_COMMITTED = ("http_500", "http_503", "timeout", "drop", "garbage", "html", "redirect")
REFUSED = ("http_400", "http_401", "not_ok")
LOW = {"threshold_cents": 10_000, "target_cents": 20_000, "amount_max_cents": 20_000, "approval_above_cents": 20_000}
CAPS = {"cap_day_cents": 40_000, "cap_week_cents": 80_000, "cap_month_cents": 99_000}


@dataclass
class Shop:
    sandbox: Sandbox
    clock: FakeClock
    context: TopUpContext
    ledger: Ledger

    def run(self) -> TopUpRunResult:
        return run_topup(self.context)

    def creates(self) -> int:
        return sum(self.sandbox.requests.count(endpoint) for endpoint in RAILS.values())

    def payable(self) -> list[str]:
        return [row["payment_id"] for row in self.sandbox.truth()["invoices"] if row["status"] in ("check", "process")]

    def pass_time(self, minutes: float, step: float = 5) -> None:
        for _ in range(int(minutes / step)):
            self.clock.advance(minutes=step)
            reconcile_account(self.context)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, SandboxAddress]]:
    sandbox = Sandbox()
    with serve(sandbox) as address:
        yield sandbox, address


@pytest.fixture
def shop(
    served: tuple[Sandbox, SandboxAddress], tmp_path: Path, clock: FakeClock, request: pytest.FixtureRequest
) -> Iterator[Shop]:
    rail = getattr(request, "param", "v3_invoice")
    coin = {"currency": "USDT", "network": "TRON"} if rail == "v3_wallet" else {}
    policy: Policy = replace(POLICY, rail=rail, **LOW, **CAPS, **coin)
    sandbox, address = served
    sandbox.faults.clear()
    sandbox.requests.clear()
    sandbox.state = SandboxState(7, "small", sandbox.user_id, clock.now)
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        account = Credentials(sandbox.user_id, sandbox.api_key, address.base_url, address.v2_base_url)
        # Short only where the answer never comes: a busy machine must not look like a lost answer.
        waits_in_vain = "timeout" in request.node.name
        quick = ClientConfig(read_timeout_seconds=0.3 if waits_in_vain else 10)
        with Client(account, config=quick, sleep=lambda _: None, now=clock.now) as client:
            gateway = VendorGateway(client, sandbox.user_id, clock=clock)
            yield Shop(sandbox, clock, TopUpContext(ledger, gateway, policy, clock, CountingIds(), {}), ledger)
    sandbox.faults.clear()


def is_safe(shop: Shop) -> None:
    existing = {payment.vendor_payment_id for payment in shop.ledger.payments()}
    assert len(shop.payable()) <= 1
    assert set(shop.payable()) <= existing
    assert audit(shop.ledger) == []


@pytest.mark.parametrize("shop", RAILS, indirect=True)
def test_a_payment_is_created_verified_shown_and_credited(shop):
    result = shop.run()
    assert result.refusal is None
    payment = shop.ledger.payments(states=[State.OPEN])[0]
    assert payment.url.startswith("https://pay.cryptomus.com/pay/")
    assert bool(payment.address) == (payment.rail == "v3_wallet")
    shop.sandbox.pay(payment.vendor_payment_id, payment.amount_cents)
    shop.pass_time(10)
    assert shop.ledger.payment(payment.payment_id).state == State.CREDITED
    assert shop.creates() == 1
    is_safe(shop)


@pytest.mark.parametrize("shop", RAILS, indirect=True)
@pytest.mark.parametrize("kind", [*COMMITTED, *NOT_COMMITTED])
def test_uncertain_outcome_is_one_request_and_one_payment(shop, kind):
    shop.sandbox.faults.add(RAILS[shop.context.policy.rail], kind)
    for _ in range(3):
        shop.run()
    assert shop.creates() == 1
    ours = shop.ledger.payments(states=[State.UNKNOWN])
    assert len(ours) == 1
    shop.pass_time(20)
    assert shop.creates() == 1
    payment = shop.ledger.payment(ours[0].payment_id)
    assert payment.state == (State.OPEN if kind in COMMITTED else State.NOT_CREATED)
    assert shop.payable() == ([payment.vendor_payment_id] if kind in COMMITTED else [])
    assert shop.run().refusal is not None
    is_safe(shop)


@pytest.mark.parametrize("shop", RAILS, indirect=True)
@pytest.mark.parametrize("kind", REFUSED)
def test_a_refusal_is_one_request_and_a_back_off(shop, kind):
    shop.sandbox.faults.add(RAILS[shop.context.policy.rail], kind)
    assert shop.run().payment.state == State.REJECTED
    assert shop.run().refusal.reason == Reason.BACKOFF
    assert shop.creates() == 1
    is_safe(shop)


@pytest.mark.parametrize("clock_skew", [130, 3600])
def test_vendor_clock_skew_creates_nothing(shop, clock_skew):
    assert shop.sandbox.state.clock.instant() == int(shop.clock.now().timestamp())
    shop.sandbox.advance(clock_skew)
    assert shop.run().refusal.reason == Reason.CLOCK_SUSPECT
    assert shop.creates() == 0


def test_without_a_connection_nothing_was_sent_and_nothing_is_decided(shop):
    nowhere = Credentials("u", "some-key", "http://127.0.0.1:9/v3", "http://127.0.0.1:9/cs")
    with Client(nowhere, sleep=lambda _: None) as client:
        lost = replace(shop.context, gateway=VendorGateway(client, "u", clock=shop.clock))
        assert run_topup(lost).refusal.reason == Reason.BALANCE_UNREADABLE


@pytest.mark.parametrize("endpoint", ["balance", "invoices"])
@pytest.mark.parametrize("kind", ["http_500", "garbage", "html", "not_ok", "empty_list"])
def test_bad_read_response_creates_nothing(shop, endpoint, kind):
    reconcile_account(shop.context)
    shop.sandbox.faults.add(endpoint, kind)
    expected = {
        "balance": {Reason.BALANCE_UNREADABLE},
        "invoices": {Reason.VENDOR_LIST_UNAVAILABLE, Reason.VENDOR_LIST_INCOMPLETE},
    }
    assert shop.run().refusal.reason in expected[endpoint]
    assert shop.creates() == 0


@pytest.mark.parametrize(
    "kind", ["shrunk", "missing_field=payId", "missing_field=amount", "wrong_type", "null_keys", "dollars", "truncated"]
)
def test_a_list_that_is_not_whole_creates_nothing(shop, kind):
    reconcile_account(shop.context)
    shop.sandbox.faults.add("invoices", kind)
    assert shop.run().refusal is not None
    assert shop.creates() == 0


@pytest.mark.parametrize("kind", ["extra_field", "reordered", "numbers_as_text", "duplicate_rows"])
def test_a_list_that_is_only_spelled_differently_is_understood(shop, kind):
    shop.sandbox.faults.add("invoices", kind)
    assert shop.run().payment.state == State.OPEN


def test_two_programs_at_once_send_one_request(shop):
    gate = threading.Barrier(3)

    def work() -> None:
        gate.wait()
        shop.run()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shop.creates() == 1
    is_safe(shop)


def test_crash_after_request_is_recovered_not_repeated(shop):
    run_killed_at(shop.context, Checkpoint.REQUESTED)
    assert shop.ledger.payments(states=[State.SENDING])
    shop.pass_time(25)
    assert shop.ledger.payments(states=[State.OPEN])
    assert shop.creates() == 1
    is_safe(shop)


def test_yesterdays_ledger_creates_nothing_beside_todays_payment(shop, tmp_path):
    old = tmp_path / "yesterday.db"
    reconcile_account(shop.context)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute(f"VACUUM INTO '{old}'")
    shop.clock.advance(hours=20)
    shop.run()
    with open_ledger(f"sqlite:///{old}", check=True) as restored:
        context = replace(shop.context, ledger=restored)
        for _ in range(3):
            assert run_topup(context).refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
            shop.clock.advance(minutes=2)
        assert restored.payment(shop.payable()[0]).state == State.EXTERNAL
    assert shop.creates() == 1


def test_a_payment_that_nobody_pays_expires_and_a_late_one_is_still_credited(shop):
    first = shop.run().payment
    shop.pass_time(96, step=8)
    assert shop.ledger.payment(first.payment_id).state == State.EXPIRED
    shop.sandbox.pay(first.vendor_payment_id, first.amount_cents)
    assert timedelta() < shop.context.policy.late_watch
    shop.pass_time(15)
    assert shop.ledger.payment(first.payment_id).state == State.CREDITED
    is_safe(shop)


def test_a_vendor_that_counts_in_dollars_stops_the_rail_over_http(shop, monkeypatch):
    real = serializers.transaction

    def in_dollars(item, now):
        return {**real(item, now), "amountInUSD": f"{item.amount_cents}.00"}

    monkeypatch.setattr(serializers, "transaction", in_dollars)
    payment = shop.run().payment
    assert (payment.url, payment.unit_proof) == (None, "disagree")
    refusal = shop.run().refusal
    assert refusal.reason == Reason.UNITS_DISAGREE
    assert 'create = "dollars"' in refusal.explanation
    assert shop.creates() == 1


def test_final_amount_and_dropped_rows_over_http(shop, monkeypatch):
    real = serializers.invoice

    def received_amount(item, user_id, now):
        received = item.received_cents(now)
        return {**real(item, user_id, now), "amount": received or item.amount_cents}

    monkeypatch.setattr(serializers, "invoice", received_amount)
    payment = shop.run().payment
    shop.sandbox.pay(payment.vendor_payment_id, payment.amount_cents + 23)
    shop.pass_time(10)
    credited = shop.ledger.payment(payment.payment_id)
    assert (credited.state, credited.final_cents) == (State.CREDITED, payment.amount_cents + 23)
    shop.clock.advance(minutes=31)
    assert shop.run().refusal.reason == Reason.BALANCE_OK
