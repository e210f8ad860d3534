"""Creating calls against a real server that counts what it receives."""

import json
import time

import httpx
import pytest

from smsonline.client import CallPolicy, Client
from smsonline.errors import NeverSent, Refused, UnknownOutcome, VendorError
from smsonline.rate_limit import RateBudget

HASTY = CallPolicy(read_timeout_seconds=0.15, connect_timeout_seconds=1)
PAYMENT = ("create_invoice", {"amount": "500"})
V2_PAYMENT = ("v2_create_invoice", {"amount": "500"})
URL = b'{"ok":true,"body":"https://pay.test/pay/1"}'


def wait_for_the_end(handler):
    handler.vendor.over.wait(5)
    handler.drop()


def redirect_to_itself(status):
    return lambda handler: handler.answer(status, Location=handler.path)


def drip(handler):
    handler.answer(200, b'{"ok":', length=400)
    while not handler.vendor.over.wait(0.05):
        handler.wfile.write(b" ")


UNCERTAIN = {
    "500": lambda handler: handler.answer(500),
    "502": lambda handler: handler.answer(502, b"<html>bad gateway</html>"),
    "503 with Retry-After": lambda handler: handler.answer(503, Retry_After="0"),
    "429": lambda handler: handler.answer(429, Retry_After="0"),
    "408": lambda handler: handler.answer(408),
    "222": lambda handler: handler.answer(222, URL),
    "201": lambda handler: handler.answer(201, URL),
    "204": lambda handler: handler.answer(204),
    "timeout": wait_for_the_end,
    "slow drip": drip,
    "drop": lambda handler: handler.drop(),
    "truncated body": lambda handler: (handler.answer(200, URL[:9], length=len(URL)), handler.drop()),
    "truncated json": lambda handler: handler.answer(200, URL[:9]),
    "empty": lambda handler: handler.answer(200),
    "garbage": lambda handler: handler.answer(200, b"\x00\xff garbage"),
    "html": lambda handler: handler.answer(200, b"<html>wait</html>"),
    "a bare text": lambda handler: handler.answer(200, b'"https://pay.test"'),
    "yes and no": lambda handler: handler.answer(200, b'{"ok":true,"error":"x"}'),
    "neither yes nor no": lambda handler: handler.answer(200, b'{"ok":"maybe"}'),
    **{f"redirect {status}": redirect_to_itself(status) for status in (301, 302, 303, 307, 308)},
}


@pytest.mark.parametrize("call", [PAYMENT, V2_PAYMENT], ids=["put", "get"])
@pytest.mark.parametrize("script", UNCERTAIN.values(), ids=UNCERTAIN)
def test_an_uncertain_outcome_is_unknown_and_was_sent_once(vendor, script, call):
    vendor.script = script
    policy = CallPolicy(read_timeout_seconds=0.15, total_deadline_seconds=0.2)
    with Client(vendor.account(), policy=policy) as client, pytest.raises(UnknownOutcome, match="do not repeat it"):
        client.create(*call)
    vendor.over.set()
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_documented_refusal_created_nothing_and_was_sent_once(vendor, status):
    vendor.script = lambda handler: handler.answer(status, b'{"ok":false,"errorMessage":"no"}')
    with (
        Client(vendor.account(), policy=HASTY) as client,
        pytest.raises(VendorError) as caught,
    ):
        client.create(*PAYMENT)
    assert not isinstance(caught.value, UnknownOutcome | NeverSent)
    assert caught.value.status == status
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("body", [b'{"ok":false,"errorMessage":"amount too small"}', b'{"error":"amount too small"}'])
def test_a_no_under_200_is_a_refusal(vendor, body):
    vendor.script = lambda handler: handler.answer(200, body)
    with Client(vendor.account(), policy=HASTY) as client, pytest.raises(Refused, match="amount too small"):
        client.create(*PAYMENT)
    assert len(vendor.requests) == 1


def test_a_payment_is_one_put_with_the_key_in_its_body(vendor):
    vendor.script = lambda handler: handler.answer(200, URL)
    with Client(vendor.account(), policy=HASTY) as client:
        answer = client.create("create_invoice", {"amount": "500", "coupon_code": "TEN"})
    assert answer.document["body"] == "https://pay.test/pay/1"
    assert answer.params == {"amount": "500", "coupon_code": "TEN"}
    [request] = vendor.requests
    assert (request.method, request.target) == ("PUT", "/v3/customers/7/cryptomus/invoice/500")
    assert json.loads(request.body) == {"couponCode": "TEN", "apiKey": vendor.account().api_key}


def test_a_deprecated_payment_is_one_get(vendor):
    vendor.script = lambda handler: handler.answer(200, b'{"error":false,"body":"https://pay.test/pay/1"}')
    with Client(vendor.account(), policy=HASTY) as client:
        client.create(*V2_PAYMENT)
    assert [request.method for request in vendor.requests] == ["GET"]


def test_a_payment_uses_a_connection_of_its_own(vendor):
    with Client(vendor.account(), policy=HASTY) as client:
        client.get("balance")
        client.create(*PAYMENT)
        client.create(*PAYMENT)
        client.get("balance")
    read, first, second, again = (request.connection for request in vendor.requests)
    assert len({read, first, second}) == 3
    assert again == read


def test_a_connection_that_the_server_closed_meanwhile_does_not_matter_to_a_payment(vendor):
    vendor.script = lambda handler: (handler.answer(200, URL), handler.drop())
    with Client(vendor.account(), policy=HASTY) as client:
        client.get("balance")
        client.create(*PAYMENT)
    assert [request.method for request in vendor.requests] == ["GET", "PUT"]


def test_a_closed_port_means_nothing_was_sent(vendor, unused_port):
    account = vendor.account().__class__("7", "some-secret", f"http://127.0.0.1:{unused_port}", vendor.base_url)
    with Client(account, policy=HASTY) as client, pytest.raises(NeverSent, match="nothing was created"):
        client.create(*PAYMENT)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
def test_what_fails_before_the_request_was_never_sent(vendor, error):
    def fail(request):
        raise error("x")

    with Client(vendor.account(), transport=httpx.MockTransport(fail)) as client, pytest.raises(NeverSent):
        client.create(*PAYMENT)


@pytest.mark.parametrize("error", [httpx.WriteError, httpx.ReadError, httpx.WriteTimeout, RuntimeError, MemoryError])
def test_what_fails_afterwards_is_unknown_even_when_nobody_foresaw_it(vendor, error):
    def fail(request):
        raise error("x")

    with Client(vendor.account(), transport=httpx.MockTransport(fail)) as client, pytest.raises(UnknownOutcome):
        client.create(*PAYMENT)


def test_a_server_without_the_promised_encryption_gets_no_payment(vendor):
    account = vendor.account().__class__(
        "7", "some-secret", vendor.base_url.replace("http:", "https:"), vendor.base_url
    )
    vendor.script = lambda handler: handler.drop()
    with Client(account, policy=HASTY) as client, pytest.raises(NeverSent):
        client.create(*PAYMENT)
    assert vendor.requests == []


@pytest.mark.parametrize("endpoint", ["balance", "v2_balance", "transaction", "nothing"])
def test_a_read_cannot_be_made_as_a_creating_call(vendor, endpoint):
    with Client(vendor.account()) as client, pytest.raises(ValueError, match=endpoint):
        client.create(endpoint, {})
    assert vendor.requests == []


def test_a_payment_does_not_wait_for_a_paused_account(vendor):
    budget = RateBudget(100, 1000)
    budget.pause(30)
    started = time.monotonic()
    with Client(vendor.account(), budget=budget) as client, pytest.raises(NeverSent, match="held back"):
        client.create(*PAYMENT)
    assert vendor.requests == []
    assert time.monotonic() - started < 5
