import hashlib
import json
import pickle
from datetime import UTC, datetime, timedelta

import pytest

from smsonline.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    EndpointNotFound,
    InvalidResponse,
    RateLimited,
    RequestRejected,
    ServerError,
    VendorError,
)
from smsonline.json_decoding import decode
from smsonline.request import HttpRequest
from smsonline.response import (
    HttpResponse,
    TransportFailure,
    envelope_status,
    error_message,
    interpret_create,
    interpret_read,
    one_line,
    parse_http_date,
    retry_after_seconds,
)

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
REQUEST = HttpRequest("balance", "GET", {}, "https://v3.test/v3/balance")
PRIVATE = HttpRequest("order", "GET", {}, "https://v3.test/v3/order", contains_pii=True)


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"ok": True, "body": []}, "success"),
        ({"error": False, "body": "x"}, "success"),
        ({"a": 1}, "success"),
        ({}, "success"),
        ([], "success"),
        ({"error": None}, "success"),
        ({"ok": False}, "error"),
        ({"ok": False, "error": "x"}, "error"),
        ({"error": True}, "error"),
        ({"error": "NO_NUMBERS"}, "error"),
        ({"ok": True, "error": "x"}, "ambiguous"),
        ({"ok": None}, "ambiguous"),
        ({"ok": "false"}, "ambiguous"),
        ({"ok": 1}, "ambiguous"),
        (None, "ambiguous"),
        ("x", "ambiguous"),
        (5, "ambiguous"),
    ],
)
def test_envelope_status(payload, status):
    assert envelope_status(payload) == status


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"ok":false,"errorMessage":"Invalid\\nkey \\u001b[31m"}', "Invalid key [31m"),
        (b'{"error":"NO_NUMBERS"}', "NO_NUMBERS"),
        (b'{"error":true,"body":"reason"}', "reason"),
        (b'{"error":true}', ""),
        (b"[1]", ""),
    ],
)
def test_error_message_is_one_clean_line(body, message):
    assert error_message(decode(body)) == message


def test_error_message_has_at_most_200_characters():
    assert len(one_line("x" * 500)) == 200
    assert one_line("x" * 200) == "x" * 200


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:30 GMT"}, 0),
        ({"retry-after": "Thu, 01 Jan 2026 13:00:30 GMT", "date": "Thu, 01 Jan 2026 13:00:00 GMT"}, 30),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_parsed_as_seconds_or_date(headers, seconds):
    assert retry_after_seconds(headers, NOW) == seconds


@pytest.mark.parametrize("text", [None, "", "yesterday", "Fri, 31 Dec 9999 23:59:59 -2300"])
def test_malformed_date_is_none(text):
    assert parse_http_date(text) is None


@pytest.mark.parametrize(
    ("body", "content_type", "detail"),
    [
        (b"", "", "the body is empty"),
        (b" \n", "", "2 bytes of white space"),
        (b"<!doctype html><p>428113", "", "a web page came instead"),
        (b"busy", "text/html; charset=utf-8", "a web page came instead"),
        (b'{"code":"428113"', "application/json", "16 bytes that are no complete JSON document"),
    ],
)
def test_invalid_body_is_described_without_quoting_it(body, content_type, detail):
    http_response = HttpResponse(200, {"content-type": content_type}, body, "", 1)
    error = interpret_read(http_response, REQUEST, NOW)
    assert isinstance(error, InvalidResponse)
    assert error.detail == detail


def test_html_error_page_has_no_message():
    error = interpret_read(HttpResponse(500, {}, b"<html>busy</html>", "", 1), REQUEST, NOW)
    assert isinstance(error, ServerError)
    assert error.detail == ""


@pytest.mark.parametrize(("age", "seconds"), [("86400", 86400), (" 7, 9", 7), ("-5", 0), ("soon", 0), ("", 0)])
def test_generated_at_is_date_less_age(age, seconds):
    headers = {"date": "Thu, 01 Jan 2026 12:00:00 GMT", "age": age}
    response = interpret_read(HttpResponse(200, headers, b"[]", "", 1), REQUEST, NOW)
    assert (response.cache_age_seconds, response.server_date) == (seconds, NOW)
    assert response.generated_at == NOW - timedelta(seconds=seconds)


def test_response_without_date_has_no_time_of_its_own():
    response = interpret_read(HttpResponse(200, {"age": "5"}, b"[]", "", 1), REQUEST, NOW)
    assert (response.server_date, response.generated_at) == (None, None)


FAILED = {
    "500": (500, b"busy", ServerError),
    "404": (404, b'{"ok":false}', EndpointNotFound),
    "401": (401, b'{"ok":false}', AuthenticationFailed),
    "429": (429, b"", RateLimited),
    "html": (200, b"<html>busy</html>", InvalidResponse),
    "garbage": (200, b"\x00\xff", InvalidResponse),
    "truncated": (200, b'{"ok":true,"bo', InvalidResponse),
    "ok false": (200, b'{"ok":false,"errorMessage":"no"}', RequestRejected),
    "text": (200, b'"no"', InvalidResponse),
}


@pytest.mark.parametrize(("status", "body", "kind"), FAILED.values(), ids=FAILED)
def test_error_of_a_read_has_the_failed_response(status, body, kind):
    headers = {"date": "Thu, 01 Jan 2026 12:00:00 GMT", "age": "3"}
    error = interpret_read(HttpResponse(status, headers, body, "", 5), REQUEST, NOW)
    assert type(error) is kind
    failed = error.response
    assert (failed.endpoint, failed.params, failed.requested_at, failed.elapsed_ms) == ("balance", {}, NOW, 5)
    assert (failed.status, failed.body, failed.sha256) == (status, body, hashlib.sha256(body).hexdigest())
    assert (failed.server_date, failed.cache_age_seconds) == (NOW, 3)
    assert failed.response_id
    assert pickle.loads(pickle.dumps(error)).response == failed


def test_failed_body_is_cut_to_64_kib():
    error = interpret_read(HttpResponse(500, {}, b"x" * 70_000, "", 5), REQUEST, NOW)
    assert error.response.body == b"x" * 65_536


def test_failure_without_response_has_none():
    assert interpret_read(TransportFailure(ConnectionFailed, True, "reset"), REQUEST, NOW).response is None


SECRETS = ("428113", "13125550147", "312", "0147", "Uber")
PRIVATE_TEXTS = [
    'no order for "13125550147"',
    "no order for +1 (312) 555-0147, last code '428113'",
    "last message \u201cYour Uber code is 428113\u201d",
    "last message \u2018Your Uber code\u2019 of 1.312.555.0147",
    "\u00abUber\u00bb and \u201eUber\u201c and `Uber`",
    "cut in the middle: 'Your Uber code",
    'he wrote "the code "Uber" again" at 428 113',
    "<p title='Uber'>code <b>428113</b> &quot;Uber&quot;</p>",
    "G-428113 or FB-4281-13",
]


@pytest.mark.parametrize("text", PRIVATE_TEXTS)
@pytest.mark.parametrize("field", ["errorMessage", "message", "body", "error"])
@pytest.mark.parametrize("status", [200, 401, 404, 500])
@pytest.mark.parametrize("interpret", [interpret_read, interpret_create])
def test_error_of_a_private_endpoint_quotes_nothing(interpret, status, field, text):
    body = json.dumps({"ok": False, field: text}).encode()
    error = interpret(HttpResponse(status, {}, body, "", 1), PRIVATE, NOW)
    assert isinstance(error, VendorError)
    assert "***" in error.detail
    shown = str(error) + (error.response.body.decode() if error.response else "")
    assert not [secret for secret in SECRETS if secret in shown]


NESTED = {
    "key": {"ok": False, "13125550147": {"orderId": 1}},
    "number": {"ok": False, "number": 13125550147},
    "list": {"ok": "yes", "body": [{"sms": [{"text": "Your Uber code", "code": 428113}]}]},
    "error": {"error": {"message": "Uber", "details": ["428113"]}},
}
RAW = {
    "html": b"<html><p>+1 312 555 0147</p><i data-x='Uber'>428113</i>",
    "truncated": b'{"ok":true,"body":[{"phoneNumber":"13125550147","sms":[{"text":"Your Uber co',
    "text": b"428113 is the code for 13125550147",
}


@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize("body", [*(json.dumps(body).encode() for body in NESTED.values()), *RAW.values()])
def test_failed_private_body_is_redacted(status, body):
    error = interpret_read(HttpResponse(status, {}, body, "", 1), PRIVATE, NOW)
    shown = str(error) + error.response.body.decode()
    assert not [secret for secret in SECRETS if secret in shown]


def test_redacted_private_body_keeps_its_structure():
    body = b'{"ok":false,"error":null,"errorMessage":"no order 5","body":{"orders":[{"orderId":5,"seen":true}]}}'
    error = interpret_read(HttpResponse(200, {}, body, "", 1), PRIVATE, NOW)
    assert json.loads(error.response.body) == {
        **{"ok": False, "error": None, "errorMessage": "no order ***"},
        "body": {"orders": [{"orderId": "[redacted]", "seen": True}]},
    }


def test_masking_a_long_word_takes_linear_time():
    error = interpret_read(HttpResponse(500, {}, b"x" * 10_000_000, "", 1), PRIVATE, NOW)
    assert len(error.response.body) == 65_536


def test_response_with_nan_is_called_so():
    body = b'{"ok": true, "body": [{"total": 1}, {"total": NaN}]}'
    error = interpret_read(HttpResponse(200, {}, body, "hash", 1), REQUEST, NOW)
    assert isinstance(error, InvalidResponse)
    assert "it contains NaN, which JSON does not allow" in str(error)
