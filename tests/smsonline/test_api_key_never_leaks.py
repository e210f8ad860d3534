"""The canary key through every kind of outcome, with every logger at its most talkative."""

import json
import logging
import re
import traceback
from urllib.parse import quote, quote_plus

import httpx
import pytest

from smsonline.client import CallPolicy, Client
from smsonline.errors import VendorError

# The beginning of the key, or its middle with whatever spelling of the sign in between; no address in memory has that.
LEFT = re.compile(r"canary|9f[^0-9a-z].{0,8}c3", re.IGNORECASE | re.DOTALL)
POLICY = CallPolicy(attempts=2, read_timeout_seconds=0.1)


def echo(handler):
    said = {"apiKey": handler.vendor.account().api_key, "path": handler.path}
    handler.answer(200, json.dumps({"ok": True, "body": said}).encode())


def refuse_with_echo(handler):
    text = f"unknown key {handler.vendor.account().api_key} in {handler.path}"
    handler.answer(401, json.dumps({"ok": False, "errorMessage": text}).encode())


SCRIPTS = {
    "echo": echo,
    "refused": refuse_with_echo,
    "refused under 200": lambda handler: handler.answer(
        200, b'{"ok":false,"errorMessage":"%s"}' % handler.path.encode()
    ),
    "redirect": lambda handler: handler.answer(302, Location=f"http://127.0.0.1{handler.path}"),
    "redirect without query": lambda handler: handler.answer(
        302, Location="/" + quote(handler.vendor.account().api_key)
    ),
    "header": lambda handler: handler.answer(500, X_Echo=quote_plus(handler.vendor.account().api_key)),
    "garbage": lambda handler: handler.answer(200, handler.path.encode()),
    "drop": lambda handler: handler.drop(),
    "timeout": lambda handler: (handler.vendor.over.wait(5), handler.drop()),
}


@pytest.mark.parametrize("spell", [str, quote, quote_plus, lambda key: quote(quote(key)), json.dumps, repr])
def test_every_spelling_of_the_key_would_be_found(vendor, spell):
    spelled = spell(vendor.account().api_key)
    assert LEFT.search(f"key={spelled}")
    assert LEFT.search(f"key={spelled.lower().replace('canary-key', '***')}")


def chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("call", ["get", "create"])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_key_is_in_no_log_error_or_answer(vendor, script, call, caplog):
    vendor.script = script
    caplog.set_level(logging.DEBUG)
    shown = []
    with Client(vendor.account(), policy=POLICY, sleep=lambda _: None) as client:
        try:
            answer = client.get("balance") if call == "get" else client.create("v2_create_invoice", {"amount": "5"})
            shown += [repr(answer), answer.body.decode(), repr(answer.document), repr(client)]
        except VendorError as error:
            assert all(isinstance(link, VendorError) for link in chain(error))
            shown += ["".join(traceback.format_exception(error)), repr(error), str(error), repr(vars(error))]
    vendor.over.set()
    assert caplog.records
    shown += [caplog.text, *(repr(vars(record)) for record in caplog.records)]
    for text in shown:
        assert not LEFT.search(text)
        assert "c3&e7" not in text
        assert "c3%26e7" not in text
        assert "c3%2526e7" not in text


def test_the_line_of_the_http_library_stays_with_its_key_masked(vendor, caplog):
    with caplog.at_level(logging.INFO), Client(vendor.account()) as client:
        client.get("balance")
    [line] = [record.getMessage() for record in caplog.records if record.name == "httpx"]
    assert line.startswith(f"HTTP Request: GET {vendor.base_url}/customers/7/balance?apiKey=*** ")


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadError, RuntimeError])
def test_the_text_of_a_foreign_exception_is_masked(vendor, error, caplog):
    def fail(request):
        raise error(f"no route to {request.url} for {vendor.account().api_key}")

    caplog.set_level(logging.DEBUG)
    transport = httpx.MockTransport(fail)
    with (
        Client(vendor.account(), policy=POLICY, sleep=lambda _: None, transport=transport) as client,
        pytest.raises(VendorError, match="no route to") as caught,
    ):
        client.get("balance")
    for text in ("".join(traceback.format_exception(caught.value)), repr(caught.value), caplog.text):
        assert not LEFT.search(text)


def test_the_operator_finds_the_cause_in_the_log(vendor, caplog):
    vendor.script = lambda handler: handler.drop()
    with (
        caplog.at_level(logging.DEBUG, "smsonline.client"),
        Client(vendor.account(), policy=POLICY, sleep=lambda _: None) as client,
        pytest.raises(VendorError),
    ):
        client.get("balance")
    assert "RemoteProtocolError: Server disconnected" in caplog.text
    assert "attempt 1 failed, trying again: balance" in caplog.text


def test_the_account_keeps_its_key_out_of_its_repr(vendor):
    assert vendor.account().api_key not in repr(vendor.account())
