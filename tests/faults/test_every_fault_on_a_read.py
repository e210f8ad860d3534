"""Every kind of fault of the sandbox against the client: the error or response of a read, and its requests."""

import pytest

from smsonline.errors import (
    ActionRequired,
    AuthenticationFailed,
    ConnectionLost,
    EndpointNotFound,
    InvalidResponse,
    NotHttp,
    RateLimited,
    RequestRejected,
    ResponseTooLarge,
    ServerError,
    TimedOut,
    UnexpectedRedirect,
)
from smsonline.sandbox import KINDS

ATTEMPTS = 4
# kind: what a read raises, and how many requests that takes
RAISED = {
    "http_429": (RateLimited, ATTEMPTS),
    "http_500": (ServerError, ATTEMPTS),
    "http_502": (ServerError, ATTEMPTS),
    "http_503": (ServerError, ATTEMPTS),
    "http_400": (RequestRejected, 1),
    "http_401": (AuthenticationFailed, 1),
    "http_403": (AuthenticationFailed, 1),
    "http_404": (EndpointNotFound, 1),
    "html_403": (InvalidResponse, ATTEMPTS),
    "html_503": (ServerError, ATTEMPTS),
    "private_error": (RequestRejected, 1),
    "drip_headers": (TimedOut, ATTEMPTS),
    "endless_1xx": (TimedOut, ATTEMPTS),
    "endless_body": (ResponseTooLarge, 1),
    "gzip_bomb": (ResponseTooLarge, 1),
    "not_http": (NotHttp, ATTEMPTS),
    "nan": (InvalidResponse, ATTEMPTS),
    "http_222": (ActionRequired, 1),
    "redirect": (UnexpectedRedirect, 1),
    "timeout": (TimedOut, ATTEMPTS),
    "drop": (ConnectionLost, ATTEMPTS),
    "garbage": (InvalidResponse, ATTEMPTS),
    "html": (InvalidResponse, ATTEMPTS),
    "empty_body": (InvalidResponse, ATTEMPTS),
    "not_ok": (RequestRejected, 1),
    "drop_midway": (ConnectionLost, ATTEMPTS),
    "truncated": (InvalidResponse, ATTEMPTS),
    "commit_then_500": (ServerError, ATTEMPTS),
    "commit_then_503": (ServerError, ATTEMPTS),
    "commit_then_drop": (ConnectionLost, ATTEMPTS),
    "commit_then_timeout": (TimedOut, ATTEMPTS),
    "commit_then_garbage": (InvalidResponse, ATTEMPTS),
    "commit_then_html": (InvalidResponse, ATTEMPTS),
    "commit_then_redirect": (UnexpectedRedirect, 1),
}
# Responses with wrong data: the client returns them, the normaliser checks them.
RETURNED = {
    *("latency", "empty_list", "shrunk", "missing_field", "extra_field", "reordered", "wrong_type"),
    *(
        "local_times",
        "conflicting_rows",
        "extra_member",
        "huge_number",
        "nul",
        "paged",
        "positions",
        "skewed_date",
        "stale_edge",
    ),
    *(
        "surrogate",
        "wrapped",
        "zero_dates",
        "numbers_as_text",
        "percent_sign",
        "fractions",
        "dollars",
        "nested",
        "bare",
        "duplicate_rows",
        "null_keys",
    ),
}


# Smaller than by default, and still larger than the client accepts: it takes the sandbox time to compress.
AMOUNTS = {"gzip_bomb": "gzip_bomb=11"}


def test_every_kind_of_fault_is_covered():
    assert RAISED.keys() | RETURNED == KINDS.keys()


@pytest.mark.parametrize("kind", RAISED)
def test_permanent_fault_raises_its_error(sandbox, client, kind):
    error_type, requests = RAISED[kind]
    sandbox.faults.add("balance", AMOUNTS.get(kind, kind))
    with pytest.raises(error_type) as caught:
        client.get("balance")
    assert type(caught.value) is error_type
    assert sandbox.requests.count("balance") == requests
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("balance: ")


@pytest.mark.parametrize("kind", [kind for kind, (_, requests) in RAISED.items() if requests > 1])
def test_transient_fault_is_retried(sandbox, client, kind):
    sandbox.faults.add("balance", kind, times=2)
    assert client.get("balance").payload["ok"] is True
    assert sandbox.requests.count("balance") == 3


@pytest.mark.parametrize("kind", sorted(RETURNED))
def test_wrong_data_is_returned(sandbox, client, kind):
    sandbox.faults.add("statistics", kind)
    assert client.get("statistics").status == 200
    assert sandbox.requests.count("statistics") == 1


def test_retry_after_is_waited_for(sandbox, client, slept):
    sandbox.faults.add("balance", "http_429=7", times=1)
    client.get("balance")
    assert sum(slept) == pytest.approx(7, abs=1)


def test_long_retry_after_is_raised(sandbox, client, slept):
    sandbox.faults.add("balance", "http_429=3000", times=1)
    with pytest.raises(RateLimited) as caught:
        client.get("balance")
    assert caught.value.retry_after_seconds == 3000
    assert sum(slept) == 0


def test_private_error_text_is_masked(sandbox, client):
    sandbox.faults.add("inventory", "private_error")
    with pytest.raises(RequestRejected, match=r"order for \*\*\* could not parse \*\*\*") as caught:
        client.get("inventory", {"limit": "25"})
    assert caught.value.response
    for private in (b"2025550147", b"0147", b"482913", b"Your code"):
        assert private not in str(caught.value).encode() + caught.value.response.body
