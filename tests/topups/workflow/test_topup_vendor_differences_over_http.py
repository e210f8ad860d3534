"""A vendor that differs a little, over HTTP: dropped rows, only paid ones listed, another pay page, other words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from differing_vendor import DifferingVendor
from topup_fakes import LOOSE, POLICY, RICH, CountingIds, World

from tests.scripted_vendor import ScriptedVendor, serve_scripted
from topups import operator_actions
from topups.decision.snapshot import Reason
from topups.ledger.audit import audit
from topups.payment_states import State
from topups.workflow.context import TopUpContext


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedVendor]:
    with serve_scripted() as scripted:
        yield scripted


@pytest.fixture
def world(server, vendor, clock, database) -> Iterator[World]:
    world = World(None, vendor, clock, database)
    world.http = DifferingVendor(vendor, server)
    with gateway(world):
        yield world
    assert audit(database) == []


@contextmanager
def gateway(world, **options):
    with world.http.server.gateway(world.clock, **options) as opened:
        world.context = TopUpContext(world.ledger, opened, POLICY, world.clock, CountingIds(), environment={})
        yield


@pytest.mark.parametrize("status", ["cancel", "fail", "paid", "wrong_amount"])
def test_vendor_drops_final_rows(world, status):
    world.see_foreign(status)
    world.http.lists = lambda row: row.status == "check"
    world.clock.advance(minutes=2)
    assert world.run().refusal is None


def test_vendor_drops_our_unpaid_payment(world):
    world.run()
    world.http.lists = lambda row: row.status == "paid"
    world.vendor.transactions = False
    world.clock.advance(minutes=61)
    world.vendor.set("cancel")
    world.pass_time(hours=3, step=10)
    assert world.only.state == State.EXPIRED
    assert world.run(**LOOSE).refusal is None


@pytest.mark.parametrize("transactions", [True, False])
def test_vendor_lists_paid_payments_only(world, transactions):
    world.http.lists = lambda row: row.status == "paid"
    world.vendor.transactions = transactions
    world.see_foreign()
    assert world.run(list_shows_paid_only=True).refusal is None
    assert (world.only.state, world.only.url) == (State.OPEN, "https://pay.cryptomus.com/pay/session-1")
    world.vendor.set("paid")
    world.vendor.cents += 2500
    world.clock.advance(minutes=2)
    world.reconcile(list_shows_paid_only=True)
    world.clock.advance(minutes=2)
    world.reconcile(list_shows_paid_only=True)
    assert world.only.state == State.CREDITED


def test_paid_only_list_without_its_setting_creates_no_second(world):
    world.http.lists = lambda row: row.status == "paid"
    world.see_foreign()
    world.run()
    for _ in range(80):
        world.clock.advance(minutes=2)
        world.run()
    assert len(world.vendor.created) == 1
    assert world.only.state == State.NEEDS_HUMAN
    assert len([notice for notice in world.notices() if "list_shows_paid_only = true" in notice.body]) == 1
    world.reconcile(list_shows_paid_only=True)
    assert (world.only.state, world.only.url) == (State.OPEN, "https://pay.cryptomus.com/pay/session-1")


def test_pay_page_on_another_host(world):
    world.vendor.host = "pay.example.org"
    world.run()
    world.pass_time(minutes=6)
    assert world.only.url is None
    assert "[topup] url_hosts" in world.run().refusal.explanation
    bodies = [n.body for n in world.notices()]
    assert any("[topup] url_hosts" in b and "pay.example.org" in b for b in bodies), bodies
    world.reconcile(url_hosts=frozenset({"pay.example.org"}))
    assert world.only.url == "https://pay.example.org/pay/session-1"


@pytest.mark.parametrize(("status", "cents"), [("PAID_OVER", 2523), ("Paid", 2480), ("Wrong Amount", 1200)])
def test_final_amount_of_ours(world, status, cents):
    world.run()
    world.vendor.set(status, cents=cents)
    world.pass_time(minutes=4)
    assert world.only.final_cents == cents
    world.vendor.cents += cents
    world.pass_time(minutes=4)
    assert world.only.slot is None
    world.vendor.cents = 500
    world.clock.advance(minutes=31)
    assert world.run(**RICH).refusal is None


@pytest.mark.parametrize("status", ["completed", "SUCCEEDED"])
def test_other_word_for_paid(world, status):
    world.run()
    world.vendor.set(status)
    world.vendor.transactions = False
    for _ in range(12):
        world.pass_time(hours=1, step=10)
        assert world.only.state == State.OPEN
    world.vendor.cents += 2500
    world.pass_time(minutes=4)
    assert world.only.state == State.CREDITED


def test_old_stripe_row_without_end(world):
    world.vendor.bill(1500, "succeeded", "stripe")
    world.vendor.rows[-1] = replace(world.vendor.rows[-1], created_at=world.clock.now() - timedelta(days=100))
    world.http.spell = lambda row: {**row, "expires_at": None}
    world.reconcile()
    operator_actions.adopt(world.ledger, "acc", "me", world.clock.now())
    r = world.run()
    assert r.refusal is None
    assert not [n for n in world.notices() if "status" in n.title]


@pytest.mark.parametrize("spelling", ["year", "iso", "millis", "UTC-5", "UTC+3"])
def test_spelling_of_instants(world, spelling):
    def spell(row):
        out = dict(row)
        for k in ("created", "expires_at"):
            at = datetime.fromisoformat(row[k]).replace(tzinfo=UTC)
            if spelling == "year" and k == "expires_at":
                out[k] = "9999-12-31 23:59:59"
            if spelling == "iso":
                out[k] = at.isoformat()
            if spelling == "millis":
                out[k] = int(at.timestamp() * 1000)
            if spelling.startswith("UTC"):
                out[k] = f"{at + timedelta(hours=int(spelling[3:])):%Y-%m-%d %H:%M:%S}"
        return out

    world.http.spell = spell
    assert world.run().refusal is None
    assert world.only.url
    end = world.vendor.rows[0].ends_at
    assert world.only.ends_at == (None if spelling == "year" else end)
    assert "Please pay" in world.notices()[0].title
    world.clock.advance(minutes=31)
    world.reconcile()
    assert any(n.title.startswith("Still unpaid") for n in world.notices()), spelling
    world.clock.advance(minutes=65)
    world.vendor.set("cancel")
    world.pass_time(minutes=4)
    assert world.only.state == State.EXPIRED


def test_dollars_where_cents_are_assumed(world):
    world.http.dollars_per_unit = 1
    world.run()
    assert world.only.url is None
    ns = world.notices()
    assert not any("pay here" in n.body.lower() for n in ns)
    r = world.run().refusal
    assert r.reason == Reason.UNITS_DISAGREE and 'create = "dollars"' in r.explanation


def test_dollars_without_transaction(world):
    world.vendor.transactions = False
    world.run()
    assert world.only.unit_proof == ""
    ns = world.notices()
    assert "unit not confirmed" in ns[0].body, ns
