"""What the vendor's JSON may look like: other notations of timestamps, amounts and lists, and values without sense."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from topup_fakes import ACCOUNT, FakeClock

from tests.scripted_vendor import ScriptedVendor, invoice, serve_scripted
from topups.gateway import PaymentRequest, Uncertain, VendorUnavailable
from topups.vendor.http_gateway import VendorGateway

TEN = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SECONDS = int(TEN.timestamp())


@pytest.fixture(scope="module")
def served() -> Iterator[ScriptedVendor]:
    with serve_scripted() as vendor:
        yield vendor


@pytest.fixture
def scripted(served: ScriptedVendor) -> ScriptedVendor:
    served.reset()
    return served


@pytest.fixture
def gateway(scripted: ScriptedVendor, clock: FakeClock) -> Iterator[VendorGateway]:
    with scripted.gateway(clock) as gateway:
        yield gateway


def listed(scripted: ScriptedVendor, gateway: VendorGateway, body: Any) -> list[str]:
    scripted.bodies["payments"] = body
    listing = gateway.payments()
    assert listing.complete, listing.problem
    return [row.vendor_id for row in listing.rows]


@pytest.mark.parametrize(
    "text",
    [
        *("2026-03-02 10:00:00", "2026-03-02T10:00:00Z", "2026-03-02T12:00:00+02:00", "2026-03-02T10:00:00.000"),
        *(SECONDS, str(SECONDS), SECONDS * 1000, str(SECONDS * 1000), f"{SECONDS}.0", " 2026-03-02 10:00:00 "),
    ],
)
def test_every_notation_of_a_timestamp_is_read(scripted, gateway, text):
    scripted.bodies["payments"] = {"ok": True, "body": [invoice(expires_at=text)]}
    assert gateway.payments().rows[0].ends_at == TEN


@pytest.mark.parametrize(
    "never",
    [
        *("9999-12-31 23:59:59", "9999-12-31T23:59:59Z", 253402300799, 253402300799000, "0001-01-01 00:00:00", ""),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0000-00-00 00:00:00", 0, None, "never", 10**40),
        *(-1, "1970-01-01 00:00:00", [], {}, True, 1e308, "\ud800"),
    ],
)
def test_a_timestamp_without_sense_is_no_end(scripted, gateway, never):
    scripted.bodies["payments"] = {"ok": True, "body": [invoice(expires_at=never, created=never)]}
    listing = gateway.payments()
    assert listing.complete
    assert (listing.rows[0].ends_at, listing.rows[0].created_at) == (None, None)


def test_only_a_text_without_a_zone_is_a_local_time(scripted, gateway):
    local = {"created": "2026-03-02T10:00:00"}
    scripted.bodies["payments"] = {"ok": True, "body": [invoice(**local, expires_at="2026-03-02T10:00:00Z")]}
    assert gateway.payments().rows[0].local_times == {"created_at"}
    scripted.bodies["payments"] = {"ok": True, "body": [invoice(created=SECONDS, expires_at="9999-12-31 23:59:59")]}
    assert not gateway.payments().rows[0].local_times


@pytest.mark.parametrize(
    "body",
    [
        {"ok": True, "body": {"0": invoice(), "7": invoice(payId="order-2")}},
        {"ok": True, "body": {"items": [invoice(), invoice(payId="order-2")], "meta": {"total": 2}}},
        {"ok": True, "body": {"data": {"1": invoice(), "2": invoice(payId="order-2")}}},
        [invoice(), invoice(payId="order-2")],
    ],
)
def test_every_notation_of_a_list_is_read(scripted, gateway, body):
    assert listed(scripted, gateway, body) == ["order-1", "order-2"]


@pytest.mark.parametrize(
    "body", [{"ok": True, "body": {}}, {"ok": True, "body": []}, {"ok": True, "body": {"items": []}}]
)
def test_every_notation_of_an_empty_list_is_read(scripted, gateway, body):
    assert listed(scripted, gateway, body) == []


@pytest.mark.parametrize(
    "body",
    [
        *({"ok": True, "body": value} for value in (None, False, 0, "", "none", {"payId": "x"}, {"1": "x"}, {"a": []})),
        *({"ok": True}, {}, {"ok": True, "body": {"items": [], "rows": []}}),
    ],
)
def test_what_is_no_list_is_refused(scripted, gateway, body):
    scripted.bodies["payments"] = body
    with pytest.raises(VendorUnavailable):
        gateway.payments()


@pytest.mark.parametrize(
    "row", [None, 5, "row", [], {}, invoice(amount="a lot"), invoice(status=[]), invoice(userId={})]
)
def test_a_row_without_sense_makes_the_list_incomplete(scripted, gateway, row):
    scripted.bodies["payments"] = {"ok": True, "body": [row, invoice()]}
    listing = gateway.payments()
    assert not listing.complete
    assert [row.vendor_id for row in listing.rows] == ["order-1"]


@pytest.mark.parametrize("beside", [{"total": 3}, {"next_page": 2}, {"has_more": True}])
def test_a_list_that_speaks_of_more_is_incomplete(scripted, clock, beside):
    scripted.bodies["payments"] = {"ok": True, "body": [invoice()], **beside}
    with scripted.gateway(clock) as gateway:
        listing = gateway.payments()
    assert not listing.complete
    assert "further pages are not read" in listing.problem
    with scripted.gateway(clock, list_members=set(beside)) as gateway:
        assert gateway.payments().complete


@pytest.mark.parametrize("amount", [500, "500", 500.0, "500.00", " 500 "])
def test_every_notation_of_an_amount_is_read(scripted, gateway, amount):
    scripted.bodies["payments"] = {"ok": True, "body": [invoice(amount=amount)]}
    scripted.bodies["balance"] = {"ok": True, "body": [{"balance": amount}]}
    assert gateway.payments().rows[0].amount_cents == 500
    assert gateway.balance().cents == 500


@pytest.mark.parametrize("amount", [None, "5_00", "500 USD", "1,000", 0.5, True, [], 1e300, "1e999999999"])
def test_an_amount_that_is_no_plain_number_is_refused(scripted, gateway, amount):
    scripted.bodies["balance"] = {"ok": True, "body": {"balance": amount}}
    with pytest.raises(VendorUnavailable, match="the balance cannot be read"):
        gateway.balance()


@pytest.mark.parametrize(
    ("status", "expected"), [("PAID", "paid"), (True, "true"), (None, ""), (3, "3"), ("Done!", "done!")]
)
def test_a_status_is_a_word_whatever_its_type(scripted, gateway, status, expected):
    scripted.bodies["payments"] = {"ok": True, "body": [invoice(status=status)]}
    listing = gateway.payments()
    assert listing.complete
    assert listing.rows[0].status == expected


def test_a_transaction_leaves_out_what_it_cannot_read(scripted, gateway):
    fields = {"order_id": "order-1", "amountInUSD": [], "amountInCrypto": {}, "to_address": 5.5, "url": "\x00"}
    scripted.bodies["transaction"] = {"ok": True, "body": {**fields, "status": "Paid", "expire_at": 253402300799}}
    transaction = gateway.transaction("order-1")
    assert (transaction.order_id, transaction.status, transaction.ends_at) == ("order-1", "paid", None)
    assert (transaction.amount_cents, transaction.amount_in_crypto, transaction.url) == (None, "", "")


@pytest.mark.parametrize("body", [None, [], {}, 5, "\ud800", "a" * 2000, ["https://pay.cryptomus.com/pay/s"]])
@pytest.mark.parametrize("rail", ["v3_invoice", "v3_wallet"])
def test_a_create_response_without_sense_is_uncertain(scripted, gateway, body, rail):
    scripted.bodies |= {"invoice": {"ok": True, "body": body}, "direct": {"ok": True, "body": body}}
    assert isinstance(gateway.create(PaymentRequest(rail, 500, "USDT", "TRON"), lambda: ""), Uncertain)


def test_a_row_of_another_customer_is_refused(scripted, gateway):
    scripted.bodies["payments"] = {"ok": True, "body": [invoice(userId=f"{ACCOUNT}-2")]}
    assert not gateway.payments().complete
