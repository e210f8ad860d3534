from datetime import UTC, datetime
from decimal import Decimal

import pytest

from smsonline.response import decode, describe, error_message, http_date, one_line, retry_after, verdict

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def test_numbers_are_exact():
    document = decode(b"[0.1, 1.10, 9007199254740993, 123456789012345678901234567890, 1e2]")
    assert document == [Decimal("0.1"), Decimal("1.10"), 9007199254740993, 123456789012345678901234567890, Decimal(100)]
    assert [type(number) for number in document] == [Decimal, Decimal, int, int, Decimal]
    assert str(document[1]) == "1.10"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a":',
        b"<html>",
        b"nul",
        b'"\xff"',
        b"{} x",
        b"NaN",
        b"[" * 9999 + b"]" * 9999,
        b"1e" + b"9" * 30,
        b"1" * 9999,
    ],
)
def test_what_is_not_json_is_a_value_error(body):
    with pytest.raises(ValueError):
        decode(body)


def test_a_byte_order_mark_is_no_fault():
    assert decode(b"\xef\xbb\xbf[]") == []


@pytest.mark.parametrize(
    ("document", "judged"),
    [
        ({"ok": True, "body": []}, "accepted"),
        ({"error": False, "body": "x"}, "accepted"),
        ({"a": 1}, "accepted"),
        ({}, "accepted"),
        ([], "accepted"),
        ({"error": None}, "accepted"),
        ({"ok": False}, "refused"),
        ({"ok": False, "error": "x"}, "refused"),
        ({"error": True}, "refused"),
        ({"error": "NO_NUMBERS"}, "refused"),
        ({"ok": True, "error": "x"}, "unclear"),
        ({"ok": None}, "unclear"),
        ({"ok": "false"}, "unclear"),
        ({"ok": 1}, "unclear"),
        (None, "unclear"),
        ("x", "unclear"),
        (5, "unclear"),
    ],
)
def test_the_document_says_yes_no_or_neither(document, judged):
    assert verdict(document) == judged


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"ok":false,"errorMessage":"Invalid\\nkey \\u001b[31m"}', "Invalid key [31m"),
        (b'{"error":"NO_NUMBERS"}', "NO_NUMBERS"),
        (b'{"error":true,"body":"reason"}', "reason"),
        (b'{"error":true}', ""),
        (b"<html>", ""),
        (b"[1]", ""),
    ],
)
def test_the_reason_is_one_clean_line(body, message):
    assert error_message(body) == message


def test_a_reason_has_at_most_200_characters():
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
def test_retry_after_is_read_as_seconds_or_date(headers, seconds):
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize("text", [None, "", "yesterday", "Fri, 31 Dec 9999 23:59:59 -2300"])
def test_an_unreadable_date_is_none(text):
    assert http_date(text) is None


def test_what_came_instead_is_described_without_quoting_it():
    assert describe(b"", "") == "the body is empty"
    assert describe(b"<!doctype html><p>428113", "") == "it is a web page"
    assert "428113" not in describe(b'{"code":"428113"', "application/json")
