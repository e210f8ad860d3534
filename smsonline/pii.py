"""Takes phone numbers and messages out of answers before anything is stored.

What is not known to be harmless counts as a message: the answers of these endpoints are not documented in full.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

REDACTED = "[redacted]"
PHONE, PHONE_HASH, MESSAGES = "phoneNumber", "phoneHash", "sms"
MESSAGE_TIMES = frozenset({"receivedAtUTC"})
ENVELOPE = frozenset({"ok", "error"})
HARMLESS = ENVELOPE | frozenset(
    {
        *("sShort", "cShort", "orderId", "country", "service", "carrier", "purchasePrice", "maximumPrice"),
        *("status", "createdAtUTC", "expiredAtUTC", "m", "n", "timing", "failover"),
    }
)
# An object with one of these is an order; any other is an envelope or a level of nesting.
ORDER_MARKS = frozenset({PHONE, MESSAGES, "orderId", "sShort", "cShort", "purchasePrice", "expiredAtUTC"})
# Order ids have 8 digits so far, phone numbers with their country code 10 to 15.
PHONE_DIGITS = range(10, 16)


def mask_phone(number: str) -> str:
    """``"13125550147"`` -> ``"*******0147"``. A number below eight digits is masked whole: four would give it away."""
    digits = _digits(number)
    shown = digits[-4:] if len(digits) >= 8 else ""
    return "*" * (len(digits) - len(shown)) + shown


def hash_phone(number: str, key: bytes) -> str:
    """The same 32 hex characters for the same number and key, whatever its punctuation (HMAC-SHA256, truncated)."""
    return hmac.new(key, _digits(number).encode(), hashlib.sha256).hexdigest()[:32]


def redact_private(document: Any, *, hash_key: bytes) -> Any:
    """A copy of a decoded answer in which phone numbers are masked and hashed, and messages are gone.

    Takes one order, a list of them, either inside the vendor's envelope or nested by codes. Each message keeps only its
    time, so their number and the first one's delay can still be counted. Fields that are not known to be harmless
    become ``"[redacted]"`` unless they are a boolean or null.
    """
    if isinstance(document, list):
        return [redact_private(item, hash_key=hash_key) for item in document]
    if not isinstance(document, Mapping):
        return _harmless(document)
    if ORDER_MARKS & document.keys():
        return _order(document, hash_key)
    return {_level(name, hash_key): _nested(name, value, hash_key) for name, value in document.items()}


def add_phone_hashes(document: Any, *, hash_key: bytes) -> Any:
    """A copy of a decoded answer with ``phoneHash`` beside every ``phoneNumber``, and everything else as it was."""
    if isinstance(document, list):
        return [add_phone_hashes(item, hash_key=hash_key) for item in document]
    if not isinstance(document, Mapping):
        return document
    copy = {name: add_phone_hashes(value, hash_key=hash_key) for name, value in document.items()}
    hashed = _phone(copy[PHONE], hash_key)[PHONE_HASH] if PHONE in copy else None
    return copy | ({PHONE_HASH: hashed} if PHONE in copy else {})


def _nested(name: str, value: Any, hash_key: bytes) -> Any:
    return value if name in ENVELOPE and _is_scalar(value) else redact_private(value, hash_key=hash_key)


def _level(name: str, hash_key: bytes) -> str:
    """Answers may be keyed by the number itself."""
    looks_like_phone = name.lstrip("+").isdecimal() and len(_digits(name)) in PHONE_DIGITS
    return hash_phone(name, hash_key) if looks_like_phone else name


def _order(order: Mapping[str, Any], hash_key: bytes) -> dict[str, Any]:
    redacted: dict[str, Any] = {}
    for name, value in order.items():
        if name == PHONE:
            redacted |= _phone(value, hash_key)
        elif name == MESSAGES:
            redacted[name] = _messages(value)
        elif name != PHONE_HASH:
            redacted[name] = value if name in HARMLESS and _is_scalar(value) else _harmless(value)
    return redacted


def _phone(value: Any, hash_key: bytes) -> dict[str, Any]:
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return {PHONE: _harmless(value), PHONE_HASH: None}
    number = f"{value:f}".removesuffix(".0") if isinstance(value, Decimal) else str(value)
    return {PHONE: mask_phone(number), PHONE_HASH: hash_phone(number, hash_key) if _digits(number) else None}


def _messages(value: Any) -> Any:
    if isinstance(value, Mapping):
        nested = value and all(isinstance(message, Mapping) for message in value.values())
        return [_times(message) for message in value.values()] if nested else _times(value)
    return [_times(message) for message in value] if isinstance(value, list) else _harmless(value)


def _times(message: Any) -> dict[str, Any]:
    fields = message.items() if isinstance(message, Mapping) else ()
    return {name: value for name, value in fields if name in MESSAGE_TIMES and _is_scalar(value)}


def _harmless(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else REDACTED


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, Mapping | list)


def _digits(number: str) -> str:
    return "".join(sign for sign in number if sign.isdecimal())
