import json
import logging
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsonline.secret_masking import LOG_FILTER, RedactingFilter, Redactor, guard_loggers

KEY = "canary-KEY/9f+c3&e7=d1 ü"


@pytest.mark.parametrize(
    "spelled",
    [
        KEY,
        quote(KEY, safe=""),
        quote(KEY),
        quote_plus(KEY),
        "canary-KEY%2f9f%2bc3%26e7%3dd1%20%c3%bc",
        quote(quote(KEY, safe=""), safe=""),
        json.dumps(KEY),
        json.dumps(KEY, ensure_ascii=False),
        json.dumps(KEY).replace("/", "\\/"),
        "canary\\u002DKEY\\u002F9f\\u002Bc3\\u0026e7\\u003Dd1\\u0020\\u00FC",
        repr(KEY.encode()),
    ],
)
def test_the_key_is_masked_however_it_is_written(spelled):
    for text in (f"before {spelled} after", f"x={spelled}", spelled):
        assert "9f" not in Redactor([KEY]).text(text)
    assert b"9f" not in Redactor([KEY]).data(b'{"echo":"' + spelled.encode() + b'"}')


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["C"]), min_size=8), st.text(max_size=20))
def test_no_key_survives_in_url_or_json(key, around):
    redactor = Redactor([key])
    assert quote(key, safe="") not in redactor.text(f"https://h/p?apiKey={quote(key, safe='')}&a=1")
    assert json.dumps(key)[1:-1] not in redactor.text(json.dumps({"x": key}))
    assert key.encode() not in redactor.data(f"<{key}>".encode())


@pytest.mark.parametrize(
    "text",
    [
        "GET https://h/v3/balance?apiKey=ab&x=1",
        "GET https://h/cs/getBalance?userId=7&key=ab",
        "?APIKEY=ab",
        "?next=%2Fv3%3FapiKey%3Dab%26x%3D1",
        '{"apiKey": "ab"}',
        "{'apiKey': 'ab'}",
        '"{\\"apiKey\\":\\"ab\\"}"',
        '{"api_key":"ab"}',
    ],
)
def test_a_short_key_is_masked_by_its_field_name(text):
    masked = Redactor(["ab"]).text(text)
    assert "ab" not in masked.replace("/balance", "").replace("getBalance", "")
    assert "***" in masked


def test_short_keys_do_not_shred_ordinary_texts():
    assert Redactor(["ab"]).text("the cable is about to fail") == "the cable is about to fail"
    assert Redactor(["1234"]).text("order 20123456") == "order 20123456"
    assert Redactor(["1234"]).text("key 1234.") == "key ***."
    assert Redactor(["", "ab"]).data(b'{"a":"about"}') == b'{"a":"about"}'


def test_masking_keeps_the_other_parameters():
    assert Redactor([KEY]).text("?apiKey=x&amount=5") == "?apiKey=***&amount=5"
    assert Redactor([]).url("https://me:pw@host/p?key=x") == "https://***@host/p?key=***"


def test_a_body_stays_json_and_an_innocent_one_stays_the_same_object():
    body = json.dumps({"apiKey": KEY, "echo": f"you sent {KEY}", "n": 1}).encode()
    assert json.loads(Redactor([KEY]).data(body)) == {"apiKey": "***", "echo": "you sent ***", "n": 1}
    innocent = b'{"ok":true,"body":[1,2,3]}'
    assert Redactor([KEY]).data(innocent) is innocent


def test_the_log_filter_masks_arguments_exceptions_and_stacks(caplog):
    name = "httpx.test_redaction"
    logging.getLogger(name)
    guard_loggers(KEY, ("httpx",))
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpx").info("HTTP Request: %s %s", "GET", f"https://h?apiKey={quote(KEY, safe='')}")
        try:
            raise ValueError(KEY)
        except ValueError:
            logging.getLogger(name).exception("child %s", KEY, stack_info=True)
    assert "9f" not in caplog.text
    assert "apiKey=***" in caplog.text
    assert "ValueError: ***" in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


def test_guarding_twice_leaves_one_filter():
    for _ in range(3):
        guard_loggers(KEY, ("httpx", "httpcore"))
    filters = logging.getLogger("httpx").filters
    assert filters.count(LOG_FILTER) == 1


def test_a_filter_keeps_every_secret_it_was_given():
    guard = RedactingFilter()
    guard.add("first-secret")
    guard.add("second-secret")
    record = logging.LogRecord("httpx", 10, "", 1, "first-secret second-secret", (), None)
    assert guard.filter(record)
    assert record.getMessage() == "*** ***"
