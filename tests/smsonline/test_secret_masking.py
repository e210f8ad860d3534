import json
import logging
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsonline.secret_masking import LOG_FILTER, SecretMasker, SecretMaskingFilter, mask_secrets_in_logs

KEY = "canary-KEY/9f+c3&e7=d1 ü"


@pytest.mark.parametrize(
    "encoded",
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
def test_key_is_masked_in_every_encoding(encoded):
    for text in (f"before {encoded} after", f"x={encoded}", encoded):
        assert "9f" not in SecretMasker([KEY]).mask_text(text)
    assert b"9f" not in SecretMasker([KEY]).mask_bytes(b'{"echo":"' + encoded.encode() + b'"}')


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["C"]), min_size=8), st.text(max_size=20))
def test_any_key_is_masked_in_url_and_json(key, around):
    masker = SecretMasker([key])
    assert quote(key, safe="") not in masker.mask_text(f"https://h/p?apiKey={quote(key, safe='')}&a=1")
    assert json.dumps(key)[1:-1] not in masker.mask_text(json.dumps({"x": key}))
    assert key.encode() not in masker.mask_bytes(f"<{key}>".encode())


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
def test_short_key_is_masked_by_field_name(text):
    masked = SecretMasker(["ab"]).mask_text(text)
    assert "ab" not in masked.replace("/balance", "").replace("getBalance", "")
    assert "***" in masked


def test_short_keys_do_not_change_ordinary_text():
    assert SecretMasker(["ab"]).mask_text("the cable is about to fail") == "the cable is about to fail"
    assert SecretMasker(["1234"]).mask_text("order 20123456") == "order 20123456"
    assert SecretMasker(["1234"]).mask_text("key 1234.") == "key ***."
    assert SecretMasker(["", "ab"]).mask_bytes(b'{"a":"about"}') == b'{"a":"about"}'


def test_masking_retains_other_parameters():
    assert SecretMasker([KEY]).mask_text("?apiKey=x&amount=5") == "?apiKey=***&amount=5"
    assert SecretMasker([]).mask_url("https://me:pw@host/p?key=x") == "https://***@host/p?key=***"


def test_masked_body_is_json_and_clean_body_same_object():
    body = json.dumps({"apiKey": KEY, "echo": f"you sent {KEY}", "n": 1}).encode()
    assert json.loads(SecretMasker([KEY]).mask_bytes(body)) == {"apiKey": "***", "echo": "you sent ***", "n": 1}
    clean = b'{"ok":true,"body":[1,2,3]}'
    assert SecretMasker([KEY]).mask_bytes(clean) is clean


def test_log_filter_masks_arguments_exceptions_and_stacks(caplog):
    name = "httpx.test_secret_masking"
    logging.getLogger(name)
    mask_secrets_in_logs(KEY, ("httpx",))
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


def test_log_filter_masks_stack_text():
    log_filter = SecretMaskingFilter()
    log_filter.add(KEY)
    record = logging.LogRecord("httpx", 10, "", 1, "message", (), None, sinfo=f"Stack: call({KEY!r})")
    assert log_filter.filter(record)
    assert record.stack_info == "Stack: call('***')"


def test_mask_secrets_in_logs_is_idempotent():
    for _ in range(3):
        mask_secrets_in_logs(KEY, ("httpx", "httpcore"))
    filters = logging.getLogger("httpx").filters
    assert filters.count(LOG_FILTER) == 1


def test_log_filter_masks_all_added_secrets():
    log_filter = SecretMaskingFilter()
    log_filter.add("first-secret")
    log_filter.add("second-secret")
    record = logging.LogRecord("httpx", 10, "", 1, "first-secret second-secret", (), None)
    assert log_filter.filter(record)
    assert record.getMessage() == "*** ***"
