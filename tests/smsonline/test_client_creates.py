"""Creating calls against a real server that counts what it receives."""

import contextlib
import json
import time

import httpx
import pytest

from smsonline.client import Client, ClientConfig
from smsonline.errors import NotSent, RequestRejected, UnknownOutcome, VendorError
from smsonline.rate_limit import RateLimiter

SHORT_TIMEOUTS = ClientConfig(read_timeout_seconds=0.15, connect_timeout_seconds=1)
PAYMENT = ("create_invoice", {"amount": "500"})
V2_PAYMENT = ("v2_create_invoice", {"amount": "500"})
URL = b'{"ok":true,"body":"https://pay.test/pay/1"}'


def hang(handler):
    handler.vendor.finished.wait(5)
    handler.drop()


def redirect_to_same_path(status):
    return lambda handler: handler.respond(status, Location=handler.path)


def drip(handler):
    handler.respond(200, b'{"ok":', length=400)
    while not handler.vendor.finished.wait(0.05):
        handler.wfile.write(b" ")


UNCERTAIN = {
    "500": lambda handler: handler.respond(500),
    "502": lambda handler: handler.respond(502, b"<html>bad gateway</html>"),
    "503 with Retry-After": lambda handler: handler.respond(503, Retry_After="0"),
    "429": lambda handler: handler.respond(429, Retry_After="0"),
    "408": lambda handler: handler.respond(408),
    "222": lambda handler: handler.respond(222, URL),
    "201": lambda handler: handler.respond(201, URL),
    "204": lambda handler: handler.respond(204),
    "timeout": hang,
    "slow drip": drip,
    "drop": lambda handler: handler.drop(),
    "truncated body": lambda handler: (handler.respond(200, URL[:9], length=len(URL)), handler.drop()),
    "truncated json": lambda handler: handler.respond(200, URL[:9]),
    "empty": lambda handler: handler.respond(200),
    "garbage": lambda handler: handler.respond(200, b"\x00\xff garbage"),
    "html": lambda handler: handler.respond(200, b"<html>wait</html>"),
    "403 page": lambda handler: handler.respond(403, b"<html>Checking your browser</html>"),
    "401 page": lambda handler: handler.respond(401, b"<html>log in</html>"),
    "plain text": lambda handler: handler.respond(200, b'"https://pay.test"'),
    "ok and error": lambda handler: handler.respond(200, b'{"ok":true,"error":"x"}'),
    "ok is neither true nor false": lambda handler: handler.respond(200, b'{"ok":"maybe"}'),
    **{f"redirect {status}": redirect_to_same_path(status) for status in (301, 302, 303, 307, 308)},
}


@pytest.mark.parametrize("call", [PAYMENT, V2_PAYMENT], ids=["put", "get"])
@pytest.mark.parametrize("script", UNCERTAIN.values(), ids=UNCERTAIN)
def test_uncertain_outcome_is_unknown_and_sent_once(vendor, script, call):
    """Time is short only where it has to run out: a slow machine must not end a call before it is sent."""
    vendor.script = script
    config = ClientConfig(
        read_timeout_seconds=0.15 if script is hang else 5, total_timeout_seconds=0.5 if script is drip else 5
    )
    with Client(vendor.credentials(), config=config) as client, pytest.raises(UnknownOutcome, match="do not repeat it"):
        client.create(*call)
    assert len(vendor.wait_for_requests()) == 1
    vendor.finished.set()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_safe_rejection_status_is_sent_once(vendor, status):
    vendor.script = lambda handler: handler.respond(status, b'{"ok":false,"errorMessage":"no"}')
    with (
        Client(vendor.credentials(), config=SHORT_TIMEOUTS) as client,
        pytest.raises(VendorError) as caught,
    ):
        client.create(*PAYMENT)
    assert not isinstance(caught.value, UnknownOutcome | NotSent)
    assert caught.value.status == status
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("body", [b'{"ok":false,"errorMessage":"amount too small"}', b'{"error":"amount too small"}'])
def test_200_with_ok_false_is_rejected(vendor, body):
    vendor.script = lambda handler: handler.respond(200, body)
    with (
        Client(vendor.credentials(), config=SHORT_TIMEOUTS) as client,
        pytest.raises(RequestRejected, match="amount too small"),
    ):
        client.create(*PAYMENT)
    assert len(vendor.requests) == 1


def test_create_is_one_put_with_key_in_body(vendor):
    vendor.script = lambda handler: handler.respond(200, URL)
    with Client(vendor.credentials(), config=SHORT_TIMEOUTS) as client:
        response = client.create("create_invoice", {"amount": "500", "coupon_code": "TEN"})
    assert response.payload["body"] == "https://pay.test/pay/1"
    assert response.params == {"amount": "500", "coupon_code": "TEN"}
    [request] = vendor.requests
    assert (request.method, request.target) == ("PUT", "/v3/customers/7/cryptomus/invoice/500")
    assert json.loads(request.body) == {"couponCode": "TEN", "apiKey": vendor.credentials().api_key}


def test_v2_create_is_one_get(vendor):
    vendor.script = lambda handler: handler.respond(200, b'{"error":false,"body":"https://pay.test/pay/1"}')
    with Client(vendor.credentials(), config=SHORT_TIMEOUTS) as client:
        client.create(*V2_PAYMENT)
    assert [request.method for request in vendor.requests] == ["GET"]


def test_create_uses_its_own_connection(vendor):
    with Client(vendor.credentials(), config=SHORT_TIMEOUTS) as client:
        client.get("balance")
        client.create(*PAYMENT)
        client.create(*PAYMENT)
        client.get("balance")
    read, first, second, again = (request.connection for request in vendor.requests)
    assert len({read, first, second}) == 3
    assert again == read


def test_create_ignores_connections_closed_by_server(vendor):
    vendor.script = lambda handler: (handler.respond(200, URL), handler.drop())
    with Client(vendor.credentials(), config=SHORT_TIMEOUTS) as client:
        client.get("balance")
        client.create(*PAYMENT)
    assert [request.method for request in vendor.requests] == ["GET", "PUT"]


def test_closed_port_is_not_sent(vendor, unused_port):
    credentials = vendor.credentials().__class__("7", "some-secret", f"http://127.0.0.1:{unused_port}", vendor.base_url)
    with Client(credentials, config=SHORT_TIMEOUTS) as client, pytest.raises(NotSent, match="nothing was created"):
        client.create(*PAYMENT)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
def test_failure_before_request_is_not_sent(vendor, error):
    def fail(request):
        raise error("x")

    with Client(vendor.credentials(), transport=httpx.MockTransport(fail)) as client, pytest.raises(NotSent):
        client.create(*PAYMENT)


@pytest.mark.parametrize("error", [httpx.WriteError, httpx.ReadError, httpx.WriteTimeout, RuntimeError, MemoryError])
def test_any_later_failure_is_unknown_outcome(vendor, error):
    def fail(request):
        raise error("x")

    with Client(vendor.credentials(), transport=httpx.MockTransport(fail)) as client, pytest.raises(UnknownOutcome):
        client.create(*PAYMENT)


def test_failed_tls_handshake_is_not_sent(vendor):
    credentials = vendor.credentials().__class__(
        "7", "some-secret", vendor.base_url.replace("http:", "https:"), vendor.base_url
    )
    vendor.script = lambda handler: handler.drop()
    with Client(credentials, config=SHORT_TIMEOUTS) as client, pytest.raises(NotSent):
        client.create(*PAYMENT)
    assert vendor.requests == []


@pytest.mark.parametrize("endpoint", ["balance", "v2_balance", "transaction", "nothing"])
def test_create_rejects_read_endpoints(vendor, endpoint):
    with Client(vendor.credentials()) as client, pytest.raises(ValueError, match=endpoint):
        client.create(endpoint, {})
    assert vendor.requests == []


def test_create_does_not_wait_for_blocked_account(vendor):
    rate_limiter = RateLimiter(100, 1000)
    rate_limiter.block_for(30)
    started = time.monotonic()
    with Client(vendor.credentials(), rate_limiter=rate_limiter) as client, pytest.raises(NotSent, match="held back"):
        client.create(*PAYMENT)
    assert vendor.requests == []
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(("seconds", "sent"), [(4.9, 1), (5.1, 0)])
def test_create_waits_at_most_5_seconds(vendor, seconds, sent):
    rate_limiter = RateLimiter(100, 1000, sleep=lambda _: None)
    rate_limiter.block_for(seconds)
    with Client(vendor.credentials(), rate_limiter=rate_limiter) as client, contextlib.suppress(NotSent):
        client.create(*PAYMENT)
    assert len(vendor.requests) == sent
