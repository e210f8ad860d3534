"""A canary key through every kind of outcome, with every logger at level DEBUG."""

import json
import logging
import re
import traceback
from urllib.parse import quote, quote_plus

import httpx
import pytest

from smsonline.client import Client, ClientConfig
from smsonline.errors import VendorError

# The beginning of the key, or its middle with any encoding of the character in between; no memory address matches.
LEAKED = re.compile(r"canary|9f[^0-9a-z].{0,8}c3", re.IGNORECASE | re.DOTALL)
CONFIG = ClientConfig(max_attempts=2, read_timeout_seconds=0.1)


def echo(handler):
    echoed = {"apiKey": handler.vendor.credentials().api_key, "path": handler.path}
    handler.respond(200, json.dumps({"ok": True, "body": echoed}).encode())


def reject_with_echo(handler):
    text = f"unknown key {handler.vendor.credentials().api_key} in {handler.path}"
    handler.respond(401, json.dumps({"ok": False, "errorMessage": text}).encode())


SCRIPTS = {
    "echo": echo,
    "rejected": reject_with_echo,
    "rejected with 200": lambda handler: handler.respond(
        200, b'{"ok":false,"errorMessage":"%s"}' % handler.path.encode()
    ),
    "redirect": lambda handler: handler.respond(302, Location=f"http://127.0.0.1{handler.path}"),
    "redirect without query": lambda handler: handler.respond(
        302, Location="/" + quote(handler.vendor.credentials().api_key)
    ),
    "header": lambda handler: handler.respond(500, X_Echo=quote_plus(handler.vendor.credentials().api_key)),
    "garbage": lambda handler: handler.respond(200, handler.path.encode()),
    "drop": lambda handler: handler.drop(),
    "timeout": lambda handler: (handler.vendor.finished.wait(5), handler.drop()),
}


@pytest.mark.parametrize("encode", [str, quote, quote_plus, lambda key: quote(quote(key)), json.dumps, repr])
def test_canary_pattern_finds_every_encoding(vendor, encode):
    encoded = encode(vendor.credentials().api_key)
    assert LEAKED.search(f"key={encoded}")
    assert LEAKED.search(f"key={encoded.lower().replace('canary-key', '***')}")


def exception_chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("call", ["get", "create"])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_key_is_in_no_log_error_or_response(vendor, script, call, caplog):
    vendor.script = script
    caplog.set_level(logging.DEBUG)
    shown = []
    with Client(vendor.credentials(), config=CONFIG, sleep=lambda _: None) as client:
        try:
            response = client.get("balance") if call == "get" else client.create("v2_create_invoice", {"amount": "5"})
            shown += [repr(response), response.body.decode(), repr(response.payload), repr(client)]
        except VendorError as error:
            assert all(isinstance(link, VendorError) for link in exception_chain(error))
            shown += ["".join(traceback.format_exception(error)), repr(error), str(error), repr(vars(error))]
    vendor.finished.set()
    assert caplog.records
    shown += [caplog.text, *(repr(vars(record)) for record in caplog.records)]
    for text in shown:
        assert not LEAKED.search(text)
        assert "c3&e7" not in text
        assert "c3%26e7" not in text
        assert "c3%2526e7" not in text


def test_httpx_log_line_has_masked_key(vendor, caplog):
    with caplog.at_level(logging.INFO), Client(vendor.credentials()) as client:
        client.get("balance")
    [line] = [record.getMessage() for record in caplog.records if record.name == "httpx"]
    assert line.startswith(f"HTTP Request: GET {vendor.base_url}/customers/7/balance?apiKey=*** ")


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadError, RuntimeError])
def test_foreign_exception_text_is_masked(vendor, error, caplog):
    def fail(request):
        raise error(f"no route to {request.url} for {vendor.credentials().api_key}")

    caplog.set_level(logging.DEBUG)
    transport = httpx.MockTransport(fail)
    with (
        Client(vendor.credentials(), config=CONFIG, sleep=lambda _: None, transport=transport) as client,
        pytest.raises(VendorError, match="no route to") as caught,
    ):
        client.get("balance")
    for text in ("".join(traceback.format_exception(caught.value)), repr(caught.value), caplog.text):
        assert not LEAKED.search(text)


def test_log_has_cause_of_failure(vendor, caplog):
    vendor.script = lambda handler: handler.drop()
    with (
        caplog.at_level(logging.DEBUG, "smsonline.client"),
        Client(vendor.credentials(), config=CONFIG, sleep=lambda _: None) as client,
        pytest.raises(VendorError),
    ):
        client.get("balance")
    assert "RemoteProtocolError: Server disconnected" in caplog.text
    assert "attempt 1 failed, trying again: balance" in caplog.text


def test_credentials_repr_excludes_key(vendor):
    assert vendor.credentials().api_key not in repr(vendor.credentials())
