"""Removes phone numbers and messages from responses before anything is stored.

The responses of these endpoints are not fully documented, so every field that is not on the list of safe fields is
treated like a message.
"""

import hashlib
import hmac
import html
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

REDACTED = "[redacted]"
PHONE, PHONE_HASH, MESSAGES = "phoneNumber", "phoneHash", "sms"
MESSAGE_TIMES = frozenset({"receivedAtUTC"})
ENVELOPE_FIELDS = frozenset({"ok", "error"})
SAFE_FIELDS = ENVELOPE_FIELDS | frozenset(
    {
        *("sShort", "cShort", "orderId", "country", "service", "carrier", "purchasePrice", "maximumPrice"),
        *("status", "createdAtUTC", "expiredAtUTC", "m", "n", "timing", "failover"),
    }
)
# An object with one of these is an order; any other is an envelope or a level of nesting.
ORDER_FIELDS = frozenset({PHONE, MESSAGES, "orderId", "sShort", "cShort", "purchasePrice", "expiredAtUTC"})
# Envelope fields with the vendor's reason for an error, the first one that has a text.
MESSAGE_FIELDS = ("errorMessage", "message", "error", "body")
MASK = "***"
# An apostrophe inside a word is no quotation mark.
QUOTATION_MARKS = re.compile(
    r"""["`\u201c-\u201f\u00ab\u00bb\u2039\u203a\u300c-\u300f\uff02]|(?<!\w)['\u2018-\u201b]|['\u2018-\u201b](?!\w)"""
)
TERM, DIGIT, MASKED_TERMS = re.compile(r"\S+"), re.compile(r"\d"), re.compile(r"\*{3}(?:\s+\*{3})+")
# Order ids have 8 digits so far, phone numbers with their country code 10 to 15.
PHONE_DIGITS = range(10, 16)
MAX_PLACES = 30


def mask_phone(number: str) -> str:
    """``"13125550147"`` -> ``"*******0147"``. A number below eight digits is masked completely."""
    digits = _digits(number)
    shown = digits[-4:] if len(digits) >= 8 else ""
    return "*" * (len(digits) - len(shown)) + shown


def hash_phone(number: str, key: bytes) -> str:
    """The same 32 hex characters for the same number and key, whatever its punctuation (HMAC-SHA256, truncated)."""
    return hmac.new(key, _digits(number).encode(), hashlib.sha256).hexdigest()[:32]


def redact_pii(payload: Any, *, hash_key: bytes) -> Any:
    """A copy of a decoded response with phone numbers masked and hashed, and without messages.

    Accepts one order or a list of them, inside the vendor's envelope or nested by codes. Each message retains only its
    time, so that messages can still be counted and the delay of the first one measured. Fields that are not safe become
    ``"[redacted]"`` unless they are a boolean or null.
    """
    if isinstance(payload, list):
        return [redact_pii(item, hash_key=hash_key) for item in payload]
    if not isinstance(payload, Mapping):
        return _redact_scalar(payload)
    redacted: dict[str, Any] = {}
    if not ORDER_FIELDS & payload.keys():
        for name, value in payload.items():
            # Responses may be keyed by the phone number itself.
            is_phone = name.lstrip("+").isdecimal() and len(_digits(name)) in PHONE_DIGITS
            is_flag = name in ENVELOPE_FIELDS and _is_scalar(value)
            redacted[hash_phone(name, hash_key) if is_phone else name] = (
                value if is_flag else redact_pii(value, hash_key=hash_key)
            )
        return redacted
    for name, value in payload.items():
        if name == PHONE:
            redacted |= _redact_phone(value, hash_key)
        elif name == MESSAGES:
            redacted[name] = _redact_messages(value)
        elif name != PHONE_HASH:
            redacted[name] = value if name in SAFE_FIELDS and _is_scalar(value) else _redact_scalar(value)
    return redacted


def add_phone_hashes(payload: Any, *, hash_key: bytes) -> Any:
    """A copy of a decoded response with ``phoneHash`` beside every ``phoneNumber``, otherwise unchanged."""
    if isinstance(payload, list):
        return [add_phone_hashes(item, hash_key=hash_key) for item in payload]
    if not isinstance(payload, Mapping):
        return payload
    copy = {name: add_phone_hashes(value, hash_key=hash_key) for name, value in payload.items()}
    if PHONE in copy:
        copy[PHONE_HASH] = _redact_phone(copy[PHONE], hash_key)[PHONE_HASH]
    return copy


def mask_private_text(text: str) -> str:
    """An error text or page without what may be a number, a code or a message.

    Each word with a digit is masked, and everything from the first quotation mark to the last; to the end of the text
    when the marks are not in pairs.
    """
    text = html.unescape(text)
    positions = [match.end() for match in QUOTATION_MARKS.finditer(text)]
    if positions:
        rest = "" if len(positions) % 2 else text[positions[-1] :]
        text = f"{text[: positions[0] - 1]}{MASK}{rest}"
    # Word by word: one pattern for a word with a digit takes quadratic time where there is none.
    text = TERM.sub(lambda term: MASK if DIGIT.search(term[0]) else term[0], text)
    return MASKED_TERMS.sub(MASK, text)


def redact_error(payload: Any) -> Any:
    """A copy of a decoded response that reports an error: its structure, and its reason with private text masked."""
    if isinstance(payload, Mapping):
        return {mask_private_text(str(name)): _redact_error_field(name, value) for name, value in payload.items()}
    return _redact_values(payload)


def _redact_error_field(name: str, value: Any) -> Any:
    is_reason = name in MESSAGE_FIELDS and isinstance(value, str)
    return mask_private_text(value) if is_reason else _redact_values(value)


def _redact_values(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {mask_private_text(str(name)): _redact_values(item) for name, item in value.items()}
    return [_redact_values(item) for item in value] if isinstance(value, list) else _redact_scalar(value)


def _redact_phone(value: Any, hash_key: bytes) -> dict[str, Any]:
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return {PHONE: _redact_scalar(value), PHONE_HASH: None}
    # A number of more than 30 places is no phone number, and may be too long to be written out.
    written_out = isinstance(value, Decimal) and abs(value.adjusted()) <= MAX_PLACES
    number = f"{value:f}".removesuffix(".0") if written_out else str(value)
    return {PHONE: mask_phone(number), PHONE_HASH: hash_phone(number, hash_key) if _digits(number) else None}


def _redact_messages(value: Any) -> Any:
    """The times of a list of messages, of messages keyed by a number, or of a single message."""
    if isinstance(value, Mapping):
        keyed = value and all(isinstance(message, Mapping) for message in value.values())
        return [_keep_timestamps(message) for message in value.values()] if keyed else _keep_timestamps(value)
    return [_keep_timestamps(message) for message in value] if isinstance(value, list) else _redact_scalar(value)


def _keep_timestamps(message: Any) -> dict[str, Any]:
    fields = message.items() if isinstance(message, Mapping) else ()
    return {name: value for name, value in fields if name in MESSAGE_TIMES and _is_scalar(value)}


def _redact_scalar(value: Any) -> Any:
    """Null and booleans unchanged, anything else as ``"[redacted]"``."""
    return value if value is None or isinstance(value, bool) else REDACTED


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, Mapping | list)


def _digits(number: str) -> str:
    return "".join(char for char in number if char.isdecimal())
