import hashlib
import json
import secrets
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from smsonline.client import CallPolicy, Client
from smsonline.config import Account
from smsonline.errors import (
    ActionRequired,
    AuthenticationRefused,
    ConfigurationError,
    EndpointNotFound,
    RateLimited,
    Refused,
    ServerFault,
    TimedOut,
    UnexpectedRedirect,
    Unreachable,
    UnreadableAnswer,
)

ACCOUNT = Account("7", "canary-secret", "https://v3.test/v3", "https://v2.test/cs")
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
GOOD = httpx.Response(
    200, content=b'{"ok":true,"body":{"balance":500}}', headers={"Date": "Thu, 01 Jan 2026 11:59:58 GMT"}
)


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch):
    monkeypatch.setattr(secrets.SystemRandom, "uniform", lambda self, low, high: high)


class Vendor:
    """Answers with the given steps in turn, and with the last one for ever."""

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
            ACCOUNT,
            transport=httpx.MockTransport(self),
            sleep=self.slept.append,
            now=lambda: NOW,
            **settings,
        )


def test_an_answer_tells_what_was_asked_when_and_what_came():
    with Vendor(GOOD).client() as client:
        answer = client.get("balance")
    assert (answer.endpoint, answer.params, answer.status, answer.requested_at) == ("balance", {}, 200, NOW)
    assert answer.document == {"ok": True, "body": {"balance": 500}}
    assert answer.body == GOOD.content
    assert answer.sha256 == hashlib.sha256(GOOD.content).hexdigest()
    assert answer.server_date == datetime(2026, 1, 1, 11, 59, 58, tzinfo=UTC)
    assert answer.elapsed_ms >= 0


def test_the_parameters_of_an_answer_hold_neither_key_nor_user():
    vendor = Vendor(GOOD)
    with vendor.client() as client:
        answer = client.get("services", {"country": "12", "carrier": "any"})
    assert answer.params == {"country": "12", "carrier": "any"}
    assert vendor.requests[0].url == "https://v3.test/v3/numbers/7/lookup/12/any?apiKey=canary-secret"


def test_money_and_large_ids_stay_exact():
    with Vendor(httpx.Response(200, content=b'{"price":0.1,"id":9007199254740993}')).client() as client:
        assert client.get("balance").document == {"price": Decimal("0.1"), "id": 9007199254740993}


@pytest.mark.parametrize("body", [b"[]", b'[{"a":1}]', b'{"a":1}', b'{"error":false,"balance":1}'])
def test_an_answer_without_envelope_is_accepted(body):
    with Vendor(httpx.Response(200, content=body)).client() as client:
        assert client.get("balance").body == body


PASSING = [
    (httpx.ConnectError("refused"), Unreachable),
    (httpx.ConnectTimeout("slow"), TimedOut),
    (httpx.PoolTimeout("busy"), TimedOut),
    (httpx.ReadTimeout("slow"), TimedOut),
    (httpx.WriteTimeout("slow"), TimedOut),
    (httpx.ReadError("reset"), Unreachable),
    (httpx.RemoteProtocolError("gone"), Unreachable),
    (httpx.DecodingError("no gzip"), UnreadableAnswer),
    (OSError("odd"), Unreachable),
    (httpx.Response(408), TimedOut),
    (httpx.Response(429), RateLimited),
    (httpx.Response(500), ServerFault),
    (httpx.Response(503), ServerFault),
    (httpx.Response(200, content=b""), UnreadableAnswer),
    (httpx.Response(200, content=b"<html>busy</html>"), UnreadableAnswer),
    (httpx.Response(200, content=b'{"ok":true,"bo'), UnreadableAnswer),
    (httpx.Response(200, content=b'"text"'), UnreadableAnswer),
    (httpx.Response(204), UnreadableAnswer),
]
STAYING = [
    (httpx.Response(401), AuthenticationRefused),
    (httpx.Response(403), AuthenticationRefused),
    (httpx.Response(404), EndpointNotFound),
    (httpx.Response(400), Refused),
    (httpx.Response(418), Refused),
    (httpx.Response(222, content=b'{"ok":true}'), ActionRequired),
    (httpx.Response(302, headers={"Location": "https://v3.test/login"}), UnexpectedRedirect),
    (httpx.Response(200, content=b'{"ok":false,"errorMessage":"no"}'), Refused),
    (httpx.Response(200, content=b'{"error":true}'), Refused),
    (httpx.Response(200, content=b'{"ok":"yes"}'), Refused),
]


@pytest.mark.parametrize(("step", "kind"), PASSING)
def test_what_tends_to_pass_is_repeated_and_then_told(step, kind):
    vendor = Vendor(step)
    with vendor.client() as client, pytest.raises(kind) as caught:
        client.get("balance")
    assert len(vendor.requests) == 4
    assert type(caught.value) is kind


@pytest.mark.parametrize(("step", "_"), PASSING)
def test_a_later_success_counts(step, _):
    vendor = Vendor(step, step, GOOD)
    with vendor.client() as client:
        assert client.get("balance").status == 200
    assert len(vendor.requests) == 3


@pytest.mark.parametrize(("step", "kind"), STAYING)
def test_what_will_not_pass_is_asked_once(step, kind):
    vendor = Vendor(step)
    with vendor.client() as client, pytest.raises(kind) as caught:
        client.get("balance")
    assert len(vendor.requests) == 1
    assert type(caught.value) is kind
    assert vendor.slept == []


def test_the_backoff_doubles_under_full_jitter():
    vendor = Vendor(httpx.Response(500))
    with vendor.client() as client, pytest.raises(ServerFault):
        client.get("balance")
    assert vendor.slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("wish", ["7", "Thu, 01 Jan 2026 12:00:07 GMT"])
def test_retry_after_is_honoured_in_both_forms(wish):
    vendor = Vendor(httpx.Response(429, headers={"Retry-After": wish}), GOOD)
    with vendor.client() as client:
        client.get("balance")
    assert [round(seconds) for seconds in vendor.slept if seconds] == [7]


def test_a_429_without_a_wish_is_backed_off_from():
    vendor = Vendor(httpx.Response(429))
    with vendor.client() as client, pytest.raises(RateLimited):
        client.get("balance")
    assert [round(seconds, 1) for seconds in vendor.slept if seconds] == [0.5, 1.0, 2.0]


def test_a_retry_after_beyond_the_cap_is_given_up_at_once_for_the_whole_account():
    vendor = Vendor(httpx.Response(429, headers={"Retry-After": "3600"}))
    with vendor.client() as client:
        with pytest.raises(RateLimited, match="try again in 3600 s") as caught:
            client.get("balance")
        assert caught.value.retry_after_seconds == 3600
        with pytest.raises(RateLimited, match="paused"):
            client.get("invoices")
    assert len(vendor.requests) == 1
    assert vendor.slept == []


def test_a_pause_holds_the_next_call_of_the_account_too():
    vendor = Vendor(httpx.Response(429, headers={"Retry-After": "5"}), GOOD)
    with vendor.client(policy=CallPolicy(attempts=1)) as client:
        with pytest.raises(RateLimited):
            client.get("balance")
        client.get("invoices")
    assert [round(seconds) for seconds in vendor.slept] == [5]


def test_the_reason_reaches_the_user_in_one_line():
    refused = httpx.Response(401, content=json.dumps({"ok": False, "errorMessage": "bad key\nof user 7"}).encode())
    with Vendor(refused).client() as client, pytest.raises(AuthenticationRefused) as caught:
        client.get("balance")
    assert str(caught.value) == (
        "balance: the vendor refused the credentials (HTTP 401, bad key of user 7); "
        "check SMSONLINE_USER_ID and SMSONLINE_API_KEY"
    )


def test_a_redirect_names_its_target_without_the_query():
    moved = httpx.Response(301, headers={"Location": "https://v3.test/login?back=apiKey%3Dcanary-secret"})
    with Vendor(moved).client() as client, pytest.raises(UnexpectedRedirect, match=r"to https://v3.test/login\);"):
        client.get("balance")


def test_an_answer_is_not_decoded_until_it_is_asked_for(monkeypatch):
    decoded = []
    monkeypatch.setattr("smsonline.response.decode", lambda body: decoded.append(body) or {})
    with Vendor(GOOD).client() as client:
        known = client.get("balance", known_hashes={hashlib.sha256(GOOD.content).hexdigest()})
        assert decoded == []
        assert known.document == known.document == {}
        assert decoded == [GOOD.content]
        assert client.get("balance").document == {}
    assert len(decoded) == 2


def test_trust_does_not_turn_an_error_into_a_success():
    vendor = Vendor(httpx.Response(500, content=GOOD.content))
    with vendor.client() as client, pytest.raises(ServerFault):
        client.get("balance", known_hashes={hashlib.sha256(GOOD.content).hexdigest()})


@pytest.mark.parametrize(
    "endpoint", ["create_invoice", "v2_create_invoice", "create_order", "toggle_favourite", "nothing"]
)
def test_a_creating_call_cannot_be_made_as_a_read(endpoint):
    vendor = Vendor(GOOD)
    with vendor.client() as client, pytest.raises(ValueError, match=endpoint):
        client.get(endpoint, {"amount": "500"})
    assert vendor.requests == []


def test_a_malformed_base_url_is_told_when_the_client_is_made():
    with pytest.raises(ConfigurationError, match="SMSONLINE_BASE_URL"):
        Client(Account("7", "key", "api.test/v3"))


@pytest.mark.parametrize("proxy", ["gopher://me:secret@proxy.test", "http://me:secret@proxy.test:x"])
def test_an_unusable_proxy_is_told_when_the_client_is_made_without_its_password(monkeypatch, proxy):
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="HTTP_PROXY") as caught:
        Client(ACCOUNT)
    assert "secret" not in str(caught.value)


def test_a_host_that_does_not_exist_is_unreachable():
    vendor = Vendor(httpx.ConnectError("[Errno -2] Name or service not known"))
    with vendor.client() as client, pytest.raises(Unreachable, match="Name or service not known") as caught:
        client.get("balance")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
