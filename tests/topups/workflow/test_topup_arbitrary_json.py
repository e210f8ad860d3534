"""Whatever JSON the vendor sends, over HTTP: a run, a reconcile and a plan end in a decision or one line."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from topup_fakes import ACCOUNT, LOOSE, POLICY, CountingIds, FakeClock, Inbox

from pipelines.topups.presenter import event_json, payment_json
from tests.scripted_vendor import ScriptedVendor, invoice, serve_scripted
from topups.decision.evaluate import evaluate
from topups.gateway import PaymentList, PaymentRequest, VendorUnavailable
from topups.ledger import open_ledger
from topups.ledger.audit import audit
from topups.notifications.delivery import deliver_outbox
from topups.workflow.context import TopUpContext
from topups.workflow.reconcile import preview_snapshot, reconcile_account
from topups.workflow.topup_run import run_topup

ODD = st.sampled_from(
    [
        *(
            "9999-12-31 23:59:59",
            "0001-01-01 00:00:00",
            "0001-01-01T00:00:00+14:00",
            "0000-00-00 00:00:00",
            253402300799,
        ),
        *(10**14, 10**30, -1, 0, 1e308, 0.1, "1e999999999", "NaN", "-0", "", " ", "paid", "PAID", "succeeded", "check"),
        *("2026-03-02 09:00:00", 1772442000, 1772442000000, True, None, "x" * 600, "\x00", "\ud800", "http://["),
        *([], {}, [[]], {"": None}, {"0": {}}, {"total": 7}, {"next": "page"}, {"payId": {}}),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12) | ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("method", "sesid", "payId", "amount", "created", "expires_at", "status", "userId")
ROW = st.dictionaries(st.sampled_from(FIELDS), ODD | JSON, max_size=4).map(lambda changed: invoice(**changed)) | JSON
ROWS = st.lists(ROW, max_size=4)
LISTS = (
    ROWS | ROWS.map(lambda rows: {str(n): row for n, row in enumerate(rows)}) | ROWS.map(lambda r: {"items": r}) | JSON
)
TRANSACTION = {"order_id": "order-1", "amountInUSD": "25.00", "status": "check", "currency": "USDT", "network": "tron"}
TRANSACTION |= {"to_address": "T" + "a" * 33, "url": "https://pay.cryptomus.com/pay/session-1", "expire_at": 1772446000}


def changed(record: dict[str, Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(sorted(record)), ODD | JSON, max_size=3).map(lambda new: record | new) | JSON


def envelope(body: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return body.map(lambda value: {"ok": True, "body": value}) | body | st.binary(max_size=20) | JSON


BODIES = st.fixed_dictionaries(
    {
        "balance": envelope(changed({"userId": ACCOUNT, "balance": 500, "totalCharges": "0"})) | st.just(None),
        "payments": envelope(LISTS),
        "transaction": envelope(changed(TRANSACTION)),
        "invoice": envelope(st.just("https://pay.cryptomus.com/pay/session-1") | JSON),
        "direct": envelope(changed(TRANSACTION)),
    }
)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
EXAMPLES = settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=SLOW)


@pytest.fixture(scope="module")
def vendor() -> Iterator[ScriptedVendor]:
    with serve_scripted() as served:
        yield served


def script(vendor: ScriptedVendor, bodies: dict[str, Any]) -> None:
    vendor.reset()
    vendor.bodies |= {name: body for name, body in bodies.items() if body is not None}


@settings(EXAMPLES, max_examples=80)
@given(bodies=BODIES)
def test_no_response_breaks_the_gateway(vendor, bodies):
    script(vendor, bodies)
    with vendor.gateway(FakeClock()) as gateway:
        for rail in ("v3_invoice", "v3_wallet"):
            assert gateway.create(PaymentRequest(rail, 2500, "USDT", "TRON"), lambda: "")
        for read in (gateway.balance, gateway.payments, lambda: gateway.transaction("order-1")):
            try:
                result = read()
            except VendorUnavailable as error:
                assert "\n" not in str(error)
                continue
            times = [row.ends_at for row in result.rows] if isinstance(result, PaymentList) else []
            assert all(time + timedelta(days=400) and time - timedelta(days=400) for time in times if time)


@EXAMPLES
@given(before=BODIES, after=BODIES)
def test_no_response_breaks_a_pass(vendor, before, after):
    clock = FakeClock()
    with open_ledger("sqlite://") as ledger, vendor.gateway(clock) as gateway:
        context = TopUpContext(ledger, gateway, replace(POLICY, **LOOSE), clock, CountingIds(), {})
        for bodies in (before, after):
            script(vendor, bodies)
            assert run_topup(context).as_json()
            clock.advance(hours=1)
            assert json.dumps(reconcile_account(context).as_json())
            assert evaluate(preview_snapshot(context), context.policy, clock.now()).as_json()
            clock.advance(days=2)
        deliver_outbox(ledger, Inbox(), ACCOUNT, clock)
        for payment in ledger.payments():
            assert json.dumps(payment_json(payment))
            assert [json.dumps(event_json(event)) for event in ledger.events(payment.payment_id)]
        assert audit(ledger) == []
