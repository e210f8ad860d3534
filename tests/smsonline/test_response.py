from datetime import UTC, datetime

import pytest

from smsonline.errors import InvalidResponse, ServerError
from smsonline.json_decoding import decode
from smsonline.request import HttpRequest
from smsonline.response import (
    HttpResponse,
    envelope_status,
    error_message,
    interpret_read,
    one_line,
    parse_http_date,
    retry_after_seconds,
)

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
REQUEST = HttpRequest("balance", "GET", {}, "https://v3.test/v3/balance")


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
        (b" \n", "", "the body is empty"),
        (b"<!doctype html><p>428113", "", "it is a web page"),
        (b"busy", "text/html; charset=utf-8", "it is a web page"),
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
