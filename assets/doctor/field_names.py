"""Which unknown field of an answer is probably a declared one under another name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Any

from assets.columns import convert
from assets.declaration import UNITS, Field
from smsonline.privacy import REDACTED

LIKE_ENOUGH = 0.74
CONTAINS = 0.8
# Shorter words are part of too many others.
SHORTEST_PART = 4
# Of the values of a field taken for another, at most this share may not fit.
MOST_MISFITS = 0.1
TRIED_VALUES = 500
UNIT_ENDS = ("cents", "seconds", "at")
# Other words for a column, as sibling vendors use them (vendor-api.md, section 6) and as one would guess.
SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "country_code": ("countryId", "cCode", "cId", "iso", "code", "id"),
        "country": ("countryName", "title", "name"),
        "carrier": ("operator", "provider", "carrierName"),
        "service_code": ("serviceId", "sCode", "sId", "product", "code", "id"),
        "service": ("serviceName", "title", "name"),
        "price_cents": ("cost", "amount", "retailPrice"),
        "purchase_price_cents": ("price", "cost", "charged"),
        "stock": ("available", "quantity", "qty", "inStock", "amount"),
        "rank": ("position", "place", "index"),
        "success_rate": ("rate", "deliveryRate", "percent", "ratio"),
        "attempts": ("orders", "totalCount", "tries"),
        "successes": ("delivered", "successful", "successCount", "completed"),
        "average_seconds": ("avgSeconds", "averageTime", "avgTime", "meanSeconds", "wait"),
        "order_id": ("id", "order"),
        "payment_id": ("id", "uuid", "invoiceId"),
        "session_id": ("uuid", "session"),
        "amount_cents": ("sum", "value", "total", "price"),
        "balance_cents": ("credit", "funds", "money"),
        "total_charges_cents": ("total", "charged", "totalTopups"),
        "status": ("state",),
        "created_at": ("created", "date", "createdOn", "createdAt"),
        "issued_at": ("issued", "created", "createdAt"),
        "expires_at": ("expires", "expiry", "expiresAt", "validUntil", "end"),
        "percent": ("discount", "rate"),
        "sms_count": ("messages", "smsList", "texts"),
    }
)


def alike(name: str, declared: Field) -> float:
    """From 0 to 1: how much ``name`` reads like the declared field, by its spellings, its column and synonyms."""
    stem = "_".join(word for word in declared.column.split("_") if word not in UNIT_ENDS)
    known = {_bare(each) for each in (*declared.names, declared.column, stem)}
    other = {_bare(each) for each in SYNONYMS.get(declared.column, ())}
    wanted = _bare(name)
    if wanted in known | other:
        return 1.0 if wanted in known else 0.95
    return max((_likeness(wanted, each) for each in known | other), default=0.0)


def renamed(missing: Iterable[Field], unknown: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """``{column: unknown name}``, best pairs first; a name that could be two fields alike is left to the reader.

    ``unknown`` holds some values per name, which have to fit the field. Fields that share their spellings share a name.
    """
    wanted = list(missing)
    pairs = [(alike(name, each), name, each) for name in unknown for each in wanted]
    found: dict[str, str] = {}
    owner: dict[str, tuple[str, ...]] = {}
    for likeness, name, each in sorted(pairs, key=lambda pair: -pair[0]):
        rivals = {pair[2].names for pair in pairs if pair[:2] == (likeness, name) and pair[2].column not in found}
        free = each.column not in found and owner.get(name, each.names) == each.names
        if likeness >= LIKE_ENOUGH and free and len(rivals) == 1 and fits(each, unknown[name]):
            found[each.column], owner[name] = name, each.names
    return found


def fits(declared: Field, values: Sequence[Any]) -> bool:
    """Whether ``values`` can be read as the declared kind, in whatever unit; redacted values cannot."""
    given = [value for value in values[:TRIED_VALUES] if value is not None]
    if not given or REDACTED in (value for value in given if isinstance(value, str)):
        return False
    taken = [declared.take(value) for value in given] if declared.take else given
    if all(value is None for value in taken):
        return False
    return any(_misfits(taken, declared, unit) <= MOST_MISFITS for unit in _units(declared))


def _units(declared: Field) -> tuple[str, ...]:
    return UNITS.get(declared.kind, (declared.unit,))


def _misfits(values: list[Any], declared: Field, unit: str) -> float:
    return len(convert(values, dataclasses.replace(declared, unit=unit)).reasons) / len(values)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _likeness(one: str, other: str) -> float:
    ratio = SequenceMatcher(None, one, other).ratio()
    short, long = sorted((one, other), key=len)
    return max(ratio, CONTAINS) if len(short) >= SHORTEST_PART and short in long else ratio
