"""What is stored of responses with phone numbers and messages, however odd their values are."""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from assets.pii_policy import PiiPolicy
from smsonline.response import VendorResponse

HALF_PAIR = "Foo \ud83d"
ORDER = {"orderId": "1", "phoneNumber": "13125550147", "sms": [{"text": "code 428113"}], "purchasePrice": 16.5}
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def response(body: bytes, payload: Any = None) -> VendorResponse:
    received = VendorResponse("inventory", {}, NOON, 1, 200, body, hashlib.sha256(body).hexdigest())
    if payload is not None:
        received.__dict__["payload"] = payload
    return received


@pytest.mark.parametrize("keep_messages", [False, True])
@pytest.mark.parametrize(
    "odd",
    [
        {"service": HALF_PAIR},
        {"service": "\x00"},
        {"orderId": Decimal(10**5000)},
        {"purchasePrice": Decimal(-(10**4400))},
    ],
    ids=["half of a surrogate pair", "NUL", "thousands of digits", "negative"],
)
def test_odd_value_is_stored_as_it_came(odd: dict[str, Any], keep_messages: bool) -> None:
    payload = {"ok": True, "body": [ORDER, ORDER | odd]}
    stored = PiiPolicy(b"key", keep_messages).redact_response(response(b"", payload))
    whole, odd_one = json.loads(stored.body, parse_int=str)["body"]
    assert whole["purchasePrice"] == ORDER["purchasePrice"]
    ((name, value),) = odd.items()
    assert odd_one[name] == (
        f"1{'0' * 5000}" if name == "orderId" else value if isinstance(value, str) else f"-1{'0' * 4400}"
    )
    assert (b"428113" in stored.body) == (b"13125550147" in stored.body) == keep_messages
    assert stored.sha256 == hashlib.sha256(stored.body).hexdigest()


def test_name_with_half_a_surrogate_pair_is_stored() -> None:
    stored = PiiPolicy(b"key").redact_response(response(b"", [ORDER | {HALF_PAIR: 1}]))
    assert json.loads(stored.body)[0][HALF_PAIR] == "[redacted]"


@pytest.mark.parametrize("depth", [600, 100_000])
def test_too_deep_nesting_is_a_value_error(depth: int) -> None:
    with pytest.raises(ValueError, match=r"nested too deeply|out of range"):
        PiiPolicy(b"key").redact_response(response(b"[" * depth + b"]" * depth))
