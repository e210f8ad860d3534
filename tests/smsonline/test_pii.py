import copy
from decimal import Decimal

import pytest

from smsonline.pii import add_phone_hashes, hash_phone, mask_phone, redact_pii

HASH_KEY = b"hash key"
ORDER = {
    "sShort": "ds",
    "cShort": "12",
    "orderId": "20046875",
    "country": "United States",
    "service": "Discord",
    "carrier": "any",
    "phoneNumber": "13125550147",
    "purchasePrice": 16,
    "status": "completed",
    "createdAtUTC": "2025-05-17 05:47:13",
    "expiredAtUTC": "2025-05-17 06:07:13",
    "sms": [{"text": "Your code is 428113", "code": "428113", "receivedAtUTC": "2025-05-17 05:50:00"}],
}
REDACTED = ORDER | {
    "phoneNumber": "*******0147",
    "phoneHash": hash_phone("13125550147", HASH_KEY),
    "sms": [{"receivedAtUTC": "2025-05-17 05:50:00"}],
}


def redact(payload):
    return redact_pii(payload, hash_key=HASH_KEY)


@pytest.mark.parametrize(
    ("wrap"),
    [
        lambda order: order,
        lambda order: [order, order],
        lambda order: {"ok": True, "body": order},
        lambda order: {"ok": True, "body": [order]},
        lambda order: {"error": False} | order,
        lambda order: {"12": {"ds": {"any": order}}},
        lambda order: {"ok": True, "body": {"20046875": order}},
    ],
)
def test_order_is_redacted_at_any_depth(wrap):
    payload = wrap(ORDER)
    before = copy.deepcopy(payload)
    assert redact(payload) == wrap(REDACTED)
    assert payload == before


def test_mask_shows_last_four_digits_of_long_numbers():
    assert mask_phone("13125550147") == "*******0147"
    assert mask_phone("+1 312 555-0147") == "*******0147"
    assert mask_phone("12345") == "*****"
    assert mask_phone("") == ""


def test_mask_of_eight_digits_shows_four_and_of_seven_none():
    assert mask_phone("12345678") == "****5678"
    assert mask_phone("1234567") == "*******"


@pytest.mark.parametrize(("digits", "hashed"), [(9, False), (10, True), (11, True), (15, True), (16, False)])
def test_keys_that_look_like_phone_numbers_are_hashed(digits, hashed):
    number = "1234567890123456"[:digits]
    (key,) = redact({number: {"orderId": "1"}})
    assert key == (hash_phone(number, HASH_KEY) if hashed else number)


def test_hash_depends_on_number_and_key_only():
    assert hash_phone("13125550147", b"a") == hash_phone("+1 (312) 555-0147", b"a")
    assert hash_phone("13125550147", b"a") != hash_phone("13125550147", b"b")
    assert hash_phone("13125550147", b"a") != hash_phone("13125550148", b"a")
    assert len(hash_phone("1", b"a")) == 32


@pytest.mark.parametrize("number", [13125550147, "+13125550147", Decimal("13125550147"), Decimal("13125550147.0")])
def test_number_type_does_not_change_mask_and_hash(number):
    redacted = redact({"orderId": "1", "phoneNumber": number})
    assert redacted == {"orderId": "1", "phoneNumber": "*******0147", "phoneHash": REDACTED["phoneHash"]}


def test_null_number_stays_null():
    assert redact({"phoneNumber": None}) == {"phoneNumber": None, "phoneHash": None}
    assert redact({"phoneNumber": ["13125550147"]}) == {"phoneNumber": "[redacted]", "phoneHash": None}


@pytest.mark.parametrize("value", ["code 428113", 428113, Decimal("4.2"), ["428113"], {"n": "428113"}])
def test_unknown_order_field_is_redacted(value):
    assert redact({"orderId": "1", "last": value}) == {"orderId": "1", "last": "[redacted]"}


def test_booleans_and_nulls_are_not_redacted():
    assert redact({"orderId": "1", "seen": True, "last": None}) == {"orderId": "1", "seen": True, "last": None}


@pytest.mark.parametrize(
    ("messages", "left"),
    [
        ([], []),
        (None, None),
        ("428113", "[redacted]"),
        (["428113", "428114"], [{}, {}]),
        ({"text": "428113", "receivedAtUTC": "t"}, {"receivedAtUTC": "t"}),
        ({"1": {"text": "428113", "receivedAtUTC": "t"}}, [{"receivedAtUTC": "t"}]),
        ([{"receivedAtUTC": {"text": "428113"}}], [{}]),
    ],
)
def test_messages_retain_only_their_times(messages, left):
    assert redact({"orderId": "1", "sms": messages}) == {"orderId": "1", "sms": left}


def test_safe_field_with_nested_value_is_redacted():
    assert redact({"orderId": "1", "service": {"text": "428113"}})["service"] == "[redacted]"


def test_outside_orders_only_envelope_is_safe():
    payload = {"ok": True, "error": None, "n": "428113", "messages": ["code 428113"], "13125550147": ORDER}
    redacted = redact(payload)
    assert "428113" not in str(redacted)
    assert "13125550147" not in str(redacted)
    assert redacted["ok"] is True
    assert redacted[hash_phone("13125550147", HASH_KEY)] == REDACTED


def test_add_phone_hashes_changes_nothing_else():
    order = {"orderId": "1", "phoneNumber": "13125550147", "sms": [{"text": "code 123456"}]}
    hashed = add_phone_hashes({"ok": True, "body": [order]}, hash_key=b"k")["body"][0]
    assert hashed == order | {"phoneHash": hash_phone("13125550147", b"k")}
    assert "phoneHash" not in order


@pytest.mark.parametrize("number", ["1e999999999", "1e-999999999", "9" * 5000])
def test_phone_number_is_never_written_out_at_length(number: str) -> None:
    (order,) = redact_pii([{"phoneNumber": Decimal(number)}], hash_key=b"k")
    assert len(order["phoneNumber"]) <= len(number)
