"""Anonymises values for reports and samples that users pass on.

Numbers, flags, timestamps and texts of the vendor's price list stay. Any other text is masked: each letter becomes an x
and each digit a 0. Responses of private endpoints have lost their phone numbers and messages before they get here.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from assets.datasets import Dataset, Field
from assets.quality.table_stats import PUBLIC_TEXT_COLUMNS
from smsonline.pii import REDACTED

MAX_TEXT = 40
# A record has fewer fields; a larger object is a list keyed by code.
MAX_FIELDS = 40
MAX_DIGITS = 7
CODE_COLUMNS = frozenset({"country_code", "service_code", "status", "method", "target", "currency", "network"})
PUBLIC_COLUMNS = PUBLIC_TEXT_COLUMNS | {"discount_label"}
LONG_NUMBER = re.compile(rf"\d(?:[ ().-]{{0,3}}\d){{{MAX_DIGITS},}}")
NUMBER = re.compile(rf"[-+]?\d{{1,{MAX_DIGITS}}}(?:[.,]\d+)?%?")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
UNIX_TIME = re.compile(r"[12]\d{9}(?:\d{3})?")
PLAIN_NAME = re.compile(r"[\w.%:+-]{1,40}")
MESSAGE_FIELDS = frozenset({"code", "otp", "pin", "text", "message", "sms", "body"})
UNDECLARED = Field("")


def fields_by_alias(datasets: Iterable[Dataset]) -> dict[str, Field]:
    """The declared fields of ``datasets`` by each of the vendor's names for them."""
    return {name: field for dataset in datasets for field in dataset.fields for name in field.aliases}


def mask_text(text: str) -> str:
    """``"Ann 13125550147"`` -> ``"Xxx 00000000000"``, at most 40 characters, on one line."""
    chars = ("0" if c.isdigit() else ("X" if c.isupper() else "x") if c.isalpha() else c for c in text[:MAX_TEXT])
    line = "".join(char if char.isprintable() else " " for char in chars)
    return line + ("…" if len(text) > MAX_TEXT else "")


def mask_numbers(text: str) -> str:
    """``text`` with the digits of long numbers replaced: an error of the vendor may quote a phone number."""
    return LONG_NUMBER.sub(lambda match: re.sub(r"\d", "0", match[0]), text)


def is_plain_name(name: str) -> bool:
    """Whether a field name cannot be data. Objects may be keyed by a phone number, or worse."""
    return bool(PLAIN_NAME.fullmatch(name)) and not LONG_NUMBER.search(name)


def display_name(name: str) -> str:
    """A field name, masked where it may be data."""
    return name if is_plain_name(name) else mask_text(name)


def example(value: Any, name: str, fields: Mapping[str, Field]) -> str:
    """One value of the field ``name``, as a finding quotes it."""
    if isinstance(value, Mapping | list):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    scalar = _anonymise_scalar(value, name, fields.get(name, UNDECLARED))
    if isinstance(scalar, str):
        return f"'{scalar}'"
    return "null" if scalar is None else str(scalar).lower()


def anonymised_sample(payload: Any, fields: Mapping[str, Field], max_records: int, name: str = "") -> Any:
    """A copy of a decoded response with at most ``max_records`` elements per list and anonymised values."""
    if isinstance(payload, list):
        return [anonymised_sample(item, fields, max_records, name) for item in payload[:max_records]]
    if isinstance(payload, Mapping):
        items = list(payload.items())[: max_records if len(payload) > MAX_FIELDS else None]
        return {display_name(key): anonymised_sample(value, fields, max_records, key) for key, value in items}
    return _anonymise_scalar(payload, name, fields.get(name, UNDECLARED))


def _anonymise_scalar(value: Any, name: str, declared: Field) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if value == REDACTED or _is_public_text(value, name, declared) else mask_text(value)
    is_message = not declared.column and name.lower() in MESSAGE_FIELDS
    if declared.kind == "instant" or (abs(value) < 10**MAX_DIGITS and not is_message):
        return value
    # Only the order of magnitude. Never format the number: JSON may hold 1e999999.
    digits = value.adjusted() + 1 if isinstance(value, Decimal) else len(str(abs(value)))
    return type(value)(10 ** (min(max(digits, 1), MAX_TEXT) - 1))


def _is_public_text(text: str, name: str, declared: Field) -> bool:
    if TIMESTAMP.fullmatch(text) or (declared.kind == "instant" and UNIX_TIME.fullmatch(text)):
        return True
    if declared.column and declared.kind == "text":
        if declared.column in CODE_COLUMNS:
            return is_plain_name(text)
        is_short = len(text) <= MAX_TEXT and text.isprintable()
        return is_short and declared.column in PUBLIC_COLUMNS and not LONG_NUMBER.search(text)
    return name.lower() not in MESSAGE_FIELDS and bool(NUMBER.fullmatch(text))
