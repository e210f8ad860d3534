"""Shows what an answer looks like without telling what it says: for reports and samples that people pass on.

Numbers, flags, instants and words of the vendor's price list stay. Any other text becomes its shape: each letter an x,
each digit a 0. Answers of private endpoints lose their numbers and messages before they come here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from assets.declaration import Dataset, Field
from assets.facts import PUBLIC_TEXTS
from smsonline.privacy import REDACTED

LONGEST_SHAPE = 40
# A record has fewer fields; an object of more is a list by code.
MOST_FIELDS = 40
MOST_DIGITS = 7
WORD_COLUMNS = frozenset({"country_code", "service_code", "status", "method", "target", "currency", "network"})
PUBLIC_COLUMNS = PUBLIC_TEXTS | {"discount_label"}
MANY_DIGITS = re.compile(rf"\d(?:[ ().-]{{0,3}}\d){{{MOST_DIGITS},}}")
NUMBER = re.compile(rf"[-+]?\d{{1,{MOST_DIGITS}}}(?:[.,]\d+)?%?")
DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
UNIX = re.compile(r"[12]\d{9}(?:\d{3})?")
PLAIN_NAME = re.compile(r"[\w.%:+-]{1,40}")
MESSAGE_NAMES = frozenset({"code", "otp", "pin", "text", "message", "sms", "body"})
UNDECLARED = Field("")


def fields_by_name(datasets: Iterable[Dataset]) -> dict[str, Field]:
    """The vendor's spellings of all columns that are read from one answer."""
    return {name: each for dataset in datasets for each in dataset.fields for name in each.names}


def shape(text: str) -> str:
    """``"Ann 13125550147"`` -> ``"Xxx 00000000000"``, at most 40 characters, on one line."""
    signs = ("0" if s.isdigit() else ("X" if s.isupper() else "x") if s.isalpha() else s for s in text[:LONGEST_SHAPE])
    line = "".join(sign if sign.isprintable() else " " for sign in signs)
    return line + ("…" if len(text) > LONGEST_SHAPE else "")


def told(text: str) -> str:
    """An error's text without long numbers: the vendor may quote what it was asked about."""
    return MANY_DIGITS.sub(lambda match: re.sub(r"\d", "0", match[0]), text)


def is_plain(name: str) -> bool:
    """Whether a field's name can be nothing but a name. Records may be keyed by number or worse."""
    return bool(PLAIN_NAME.fullmatch(name)) and not MANY_DIGITS.search(name)


def shown_name(name: str) -> str:
    """A field's name, or its shape where it looks like data."""
    return name if is_plain(name) else shape(name)


def example(value: Any, name: str, fields: Mapping[str, Field]) -> str:
    """One value as a report quotes it."""
    if isinstance(value, Mapping | list):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    told = _scalar(value, name, fields.get(name, UNDECLARED))
    if isinstance(told, str):
        return f"'{told}'"
    return "null" if told is None else str(told).lower()


def sample(document: Any, fields: Mapping[str, Field], most: int, name: str = "") -> Any:
    """A copy of a decoded answer with at most ``most`` records of each list, and texts as ``example`` shows them."""
    if isinstance(document, list):
        return [sample(item, fields, most, name) for item in document[:most]]
    if isinstance(document, Mapping):
        kept = list(document.items())[: most if len(document) > MOST_FIELDS else None]
        return {shown_name(key): sample(value, fields, most, key) for key, value in kept}
    return _scalar(document, name, fields.get(name, UNDECLARED))


def _scalar(value: Any, name: str, declared: Field) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if value == REDACTED or _may_be_told(value, name, declared) else shape(value)
    message = not declared.column and name.lower() in MESSAGE_NAMES
    if declared.kind == "instant" or (abs(value) < 10**MOST_DIGITS and not message):
        return value
    # Never written out: JSON may hold 1e999999.
    digits = value.adjusted() + 1 if isinstance(value, Decimal) else len(str(abs(value)))
    return type(value)(10 ** (min(max(digits, 1), LONGEST_SHAPE) - 1))


def _may_be_told(text: str, name: str, declared: Field) -> bool:
    if DATE.fullmatch(text) or (declared.kind == "instant" and UNIX.fullmatch(text)):
        return True
    if declared.column and declared.kind == "text":
        if declared.column in WORD_COLUMNS:
            return is_plain(text)
        short = len(text) <= LONGEST_SHAPE and text.isprintable()
        return short and declared.column in PUBLIC_COLUMNS and not MANY_DIGITS.search(text)
    return name.lower() not in MESSAGE_NAMES and bool(NUMBER.fullmatch(text))
