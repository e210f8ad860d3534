import contextlib
import hashlib
import json
import secrets
import time
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from smsonline.client import Client, ClientConfig
from smsonline.config import Credentials
from smsonline.errors import (
    ActionRequired,
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    ConnectionLost,
    EndpointNotFound,
    InvalidResponse,
    NotHttp,
    RateLimited,
    RequestRejected,
    ServerError,
    TimedOut,
    TransientError,
    UnexpectedRedirect,
)

CREDENTIALS = Credentials("7", "canary-secret", "https://v3.test/v3", "https://v2.test/cs")
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
GOOD = httpx.Response(
    200, content=b'{"ok":true,"body":{"balance":500}}', headers={"Date": "Thu, 01 Jan 2026 11:59:58 GMT"}
)


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch):
    monkeypatch.setattr(secrets.SystemRandom, "uniform", lambda self, low, high: high)


class Vendor:
    """Responds with the given steps in turn, then always with the last one."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.requests = []
        self.slept = []

    def __call__(self, request):
        self.requests.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)

    def client(self, **settings):
        return Client(
            CREDENTIALS,
            transport=httpx.MockTransport(self),
            sleep=self.slept.append,
            now=lambda: NOW,
            **settings,
        )


def test_response_has_request_time_and_body():
    with Vendor(GOOD).client() as client:
        response = client.get("balance")
    assert (response.endpoint, response.params, response.status, response.requested_at) == ("balance", {}, 200, NOW)
    assert response.payload == {"ok": True, "body": {"balance": 500}}
    assert response.body == GOOD.content
    assert response.sha256 == hashlib.sha256(GOOD.content).hexdigest()
    assert response.server_date == datetime(2026, 1, 1, 11, 59, 58, tzinfo=UTC)
    assert response.elapsed_ms >= 0


def test_params_exclude_key_and_user_id():
    vendor = Vendor(GOOD)
    with vendor.client() as client:
        response = client.get("services", {"country": "12", "carrier": "any"})
    assert response.params == {"country": "12", "carrier": "any"}
    assert vendor.requests[0].url == "https://v3.test/v3/numbers/7/lookup/12/any?apiKey=canary-secret"


def test_money_and_large_ids_stay_exact():
    with Vendor(httpx.Response(200, content=b'{"price":0.1,"id":9007199254740993}')).client() as client:
        assert client.get("balance").payload == {"price": Decimal("0.1"), "id": 9007199254740993}


@pytest.mark.parametrize("body", [b"[]", b'[{"a":1}]', b'{"a":1}', b'{"error":false,"balance":1}'])
def test_response_without_envelope_is_accepted(body):
    with Vendor(httpx.Response(200, content=body)).client() as client:
        assert client.get("balance").body == body


TRANSIENT = [
    (httpx.ConnectError("refused"), ConnectionFailed),
    (httpx.ConnectTimeout("slow"), TimedOut),
    (httpx.PoolTimeout("busy"), TimedOut),
    (httpx.ReadTimeout("slow"), TimedOut),
    (httpx.WriteTimeout("slow"), TimedOut),
    (httpx.ReadError("reset"), ConnectionLost),
    (httpx.RemoteProtocolError("peer closed connection"), ConnectionLost),
    (httpx.RemoteProtocolError("illegal status line"), NotHttp),
    (httpx.DecodingError("no gzip"), InvalidResponse),
    (OSError("odd"), ConnectionLost),
    (httpx.Response(408), TimedOut),
    (httpx.Response(429), RateLimited),
    (httpx.Response(500), ServerError),
    (httpx.Response(503), ServerError),
    (httpx.Response(200, content=b""), InvalidResponse),
    (httpx.Response(200, content=b"<html>busy</html>"), InvalidResponse),
    (httpx.Response(200, content=b'{"ok":true,"bo'), InvalidResponse),
    (httpx.Response(200, content=b'"text"'), InvalidResponse),
    (httpx.Response(204), InvalidResponse),
    *(
        (httpx.Response(status, content=b"<html>who are you?</html>"), InvalidResponse)
        for status in (400, 401, 403, 451)
    ),
    (httpx.Response(403, content=b"error code: 1020"), InvalidResponse),
    (httpx.Response(403, content=b'["forbidden"]'), InvalidResponse),
]
PERMANENT = [
    (httpx.Response(401), AuthenticationFailed),
    (httpx.Response(403), AuthenticationFailed),
    (httpx.Response(401, content=b'{"ok":false}'), AuthenticationFailed),
    (httpx.Response(403, content=b'{"message":"no"}', headers={"Content-Type": "text/html"}), AuthenticationFailed),
    (httpx.Response(404), EndpointNotFound),
    (httpx.Response(404, content=b"<html>no such page</html>"), EndpointNotFound),
    (httpx.Response(400), RequestRejected),
    (httpx.Response(418), RequestRejected),
    (httpx.Response(222, content=b'{"ok":true}'), ActionRequired),
    (httpx.Response(302, headers={"Location": "https://v3.test/login"}), UnexpectedRedirect),
    (httpx.Response(200, content=b'{"ok":false,"errorMessage":"no"}'), RequestRejected),
    (httpx.Response(200, content=b'{"error":true}'), RequestRejected),
    (httpx.Response(200, content=b'{"ok":"yes"}'), RequestRejected),
]


@pytest.mark.parametrize(("step", "kind"), TRANSIENT)
def test_transient_errors_are_retried_then_raised(step, kind):
    vendor = Vendor(step)
    with vendor.client() as client, pytest.raises(kind) as caught:
        client.get("balance")
    assert len(vendor.requests) == 4
    assert type(caught.value) is kind


@pytest.mark.parametrize(("step", "_"), TRANSIENT)
def test_success_after_retries_is_returned(step, _):
    vendor = Vendor(step, step, GOOD)
    with vendor.client() as client:
        assert client.get("balance").status == 200
    assert len(vendor.requests) == 3


@pytest.mark.parametrize(("step", "kind"), PERMANENT)
def test_permanent_errors_are_not_retried(step, kind):
    vendor = Vendor(step)
    with vendor.client() as client, pytest.raises(kind) as caught:
        client.get("balance")
    assert len(vendor.requests) == 1
    assert type(caught.value) is kind
    assert vendor.slept == []


def test_backoff_doubles_with_full_jitter():
    vendor = Vendor(httpx.Response(500))
    with vendor.client() as client, pytest.raises(ServerError):
        client.get("balance")
    assert vendor.slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("value", ["7", "Thu, 01 Jan 2026 12:00:07 GMT"])
def test_retry_after_is_honoured_as_seconds_and_date(value):
    vendor = Vendor(httpx.Response(429, headers={"Retry-After": value}), GOOD)
    with vendor.client() as client:
        client.get("balance")
    assert [round(seconds) for seconds in vendor.slept if seconds] == [7]


def test_429_without_retry_after_backs_off():
    vendor = Vendor(httpx.Response(429))
    with vendor.client() as client, pytest.raises(RateLimited):
        client.get("balance")
    assert [round(seconds, 1) for seconds in vendor.slept if seconds] == [0.5, 1.0, 2.0]


def test_retry_after_above_maximum_fails_whole_account():
    vendor = Vendor(httpx.Response(429, headers={"Retry-After": "3600"}))
    with vendor.client() as client:
        with pytest.raises(RateLimited, match="try again in 3600 s") as caught:
            client.get("balance")
        assert caught.value.retry_after_seconds == 3600
        with pytest.raises(RateLimited, match="waiting for Retry-After"):
            client.get("invoices")
    assert len(vendor.requests) == 1
    assert vendor.slept == []


@pytest.mark.parametrize(("seconds", "attempts"), [("60", 2), ("61", 1)])
def test_retry_after_up_to_60_seconds_is_waited_for(seconds, attempts):
    vendor = Vendor(httpx.Response(429, headers={"Retry-After": seconds}), GOOD)
    with vendor.client() as client, contextlib.suppress(RateLimited):
        client.get("balance")
    assert len(vendor.requests) == attempts


def test_retry_after_blocks_next_call_of_account():
    vendor = Vendor(httpx.Response(429, headers={"Retry-After": "5"}), GOOD)
    with vendor.client(config=ClientConfig(max_attempts=1)) as client:
        with pytest.raises(RateLimited):
            client.get("balance")
        client.get("invoices")
    assert [round(seconds) for seconds in vendor.slept] == [5]


def test_error_text_is_one_line_with_vendor_message():
    refused = httpx.Response(401, content=json.dumps({"ok": False, "errorMessage": "bad key\nof user 7"}).encode())
    with Vendor(refused).client() as client, pytest.raises(AuthenticationFailed) as caught:
        client.get("balance")
    assert str(caught.value) == (
        "balance: the vendor refused the credentials (HTTP 401, bad key of user 7); "
        "check SMSONLINE_USER_ID and SMSONLINE_API_KEY"
    )


def test_page_instead_of_a_refusal_says_so():
    page = httpx.Response(403, content=b"<html>Checking your browser</html>")
    with Vendor(page).client() as client, pytest.raises(InvalidResponse) as caught:
        client.get("balance")
    assert isinstance(caught.value, TransientError)
    assert "HTTP 403, a web page came instead" in str(caught.value)
    assert "SMSONLINE_API_KEY" not in str(caught.value)


def test_redirect_error_names_target_without_query():
    moved = httpx.Response(301, headers={"Location": "https://v3.test/login?back=apiKey%3Dcanary-secret"})
    with Vendor(moved).client() as client, pytest.raises(UnexpectedRedirect, match=r"to https://v3.test/login\);"):
        client.get("balance")


def test_known_body_is_decoded_on_first_use_only(monkeypatch):
    decoded = []
    monkeypatch.setattr("smsonline.response.decode", lambda body: decoded.append(body) or {})
    with Vendor(GOOD).client() as client:
        response = client.get("balance", known_hashes={hashlib.sha256(GOOD.content).hexdigest()})
        assert decoded == []
        assert response.payload == response.payload == {}
        assert decoded == [GOOD.content]
        assert client.get("balance").payload == {}
    assert len(decoded) == 2


def test_known_hash_does_not_hide_error_status():
    vendor = Vendor(httpx.Response(500, content=GOOD.content))
    with vendor.client() as client, pytest.raises(ServerError):
        client.get("balance", known_hashes={hashlib.sha256(GOOD.content).hexdigest()})


@pytest.mark.parametrize(
    "endpoint", ["create_invoice", "v2_create_invoice", "create_order", "toggle_favourite", "nothing"]
)
def test_get_rejects_creating_endpoints(endpoint):
    vendor = Vendor(GOOD)
    with vendor.client() as client, pytest.raises(ValueError, match=endpoint):
        client.get(endpoint, {"amount": "500"})
    assert vendor.requests == []


def test_client_rejects_malformed_base_url():
    with pytest.raises(ConfigurationError, match="SMSONLINE_BASE_URL"):
        Client(Credentials("7", "key", "api.test/v3"))


@pytest.mark.parametrize("proxy", ["gopher://me:secret@proxy.test", "http://me:secret@proxy.test:x"])
def test_client_rejects_invalid_proxy_without_password(monkeypatch, proxy):
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="HTTP_PROXY") as caught:
        Client(CREDENTIALS)
    assert "secret" not in str(caught.value)


def test_unknown_host_is_connection_failure():
    vendor = Vendor(httpx.ConnectError("[Errno -2] Name or service not known"))
    with vendor.client() as client, pytest.raises(ConnectionFailed, match="Name or service not known") as caught:
        client.get("balance")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_reads_end_with_the_time_of_the_client(vendor):
    """A run with a time limit keeps it: no further attempt begins, whatever the vendor asks to wait for."""
    vendor.script = lambda handler: handler.respond(503)
    config = ClientConfig(max_attempts=9, reads_end_after_seconds=0.2)
    with Client(vendor.credentials(), config=config) as client:
        started = time.monotonic()
        for _ in range(2):
            with pytest.raises(TransientError):
                client.get("balance")
        sent = len(vendor.requests)
        with pytest.raises(TimedOut, match=r"reads end after 0\.2 s"):
            client.get("balance")
        assert time.monotonic() - started < 5
    assert len(vendor.requests) == sent


def test_longest_use_of_a_client_is_computed():
    config = ClientConfig(reads_end_after_seconds=600, retry_after_max_seconds=90)
    assert config.longest_use_seconds == 600 + 90 + 120 + 5 + 120
