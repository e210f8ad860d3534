"""Creating calls under every fault: one request on the wire, counted at the server, and an outcome that never lies."""

import pytest

from smsonline.client import Client
from smsonline.config import Credentials
from smsonline.errors import AuthenticationFailed, EndpointNotFound, NotSent, RequestRejected, UnknownOutcome

CREATING = {
    "create_invoice": {"amount": "500"},
    "create_wallet": {"currency": "USDT", "network": "BSC", "amount": "5.15"},
    "create_card_invoice": {"amount": "500"},
    "v2_create_invoice": {"amount": "500"},
}
UNKNOWN = (
    *("http_429", "http_500", "http_502", "http_503", "http_222", "redirect", "timeout", "drop", "garbage", "html"),
    *("empty_body", "drop_midway", "truncated", "html_403", "html_503", "drip_headers", "endless_1xx", "not_http"),
    *("endless_body", "gzip_bomb=11"),
    *("commit_then_500", "commit_then_503", "commit_then_drop", "commit_then_timeout", "commit_then_garbage"),
    *("commit_then_html", "commit_then_redirect"),
)
REJECTIONS = {
    "http_400": RequestRejected,
    "http_401": AuthenticationFailed,
    "http_403": AuthenticationFailed,
    "http_404": EndpointNotFound,
    "not_ok": RequestRejected,
    "private_error": RequestRejected,
}


@pytest.mark.parametrize("endpoint", CREATING)
@pytest.mark.parametrize("kind", UNKNOWN)
def test_create_with_lost_response_is_sent_once_and_unknown(sandbox, client, endpoint, kind):
    sandbox.faults.add(endpoint, kind)
    with pytest.raises(UnknownOutcome):
        client.create(endpoint, CREATING[endpoint])
    assert sandbox.requests.count(endpoint) == 1


@pytest.mark.parametrize("endpoint", CREATING)
@pytest.mark.parametrize("kind", REJECTIONS)
def test_a_create_that_the_vendor_refuses_is_sent_once(sandbox, client, endpoint, kind):
    sandbox.faults.add(endpoint, kind)
    with pytest.raises(REJECTIONS[kind]):
        client.create(endpoint, CREATING[endpoint])
    assert sandbox.requests.count(endpoint) == 1


@pytest.mark.parametrize("endpoint", CREATING)
def test_a_create_that_works_is_sent_once(sandbox, client, endpoint):
    assert client.create(endpoint, CREATING[endpoint]).status == 200
    assert sandbox.requests.count(endpoint) == 1


def test_without_a_server_nothing_was_sent():
    nowhere = Credentials("u", "some-key", "http://127.0.0.1:9/v3", "http://127.0.0.1:9/cs")
    with Client(nowhere) as client, pytest.raises(NotSent):
        client.create("create_invoice", {"amount": "500"})
