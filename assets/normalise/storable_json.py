"""What every database can store of decoded JSON: no NUL, no lone surrogate, no number or nesting beyond all measure."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from smsonline.json_decoding import MAX_DEPTH, UNREADABLE
from warehouse.loading.batch import RejectedRecord

# More places than any column can hold; the whole number of a 64-bit float has 309.
MAX_PLACES = 400
# A rejected record is stored as an example only.
MAX_STORED_DEPTH = 50
ENCODER = msgspec.json.Encoder(order="sorted", decimal_format="number")


def text_problem(text: str) -> str | None:
    """Why ``text`` cannot be stored, or ``None``."""
    if "\0" in text:
        return "a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.removeprefix(UNREADABLE) if text.startswith(UNREADABLE) else "not valid Unicode"
    return None


def find_problem(value: Any) -> str | None:
    """Why a decoded value cannot be stored, inside of it or in its field names; ``None`` if it can."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        problem = _scalar_problem(item)
        if isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                problem = "nested too deeply"
            inner: Iterable[Any] = (*item, *item.values()) if isinstance(item, dict) else item
            pending += [(element, depth + 1) for element in inner]
        if problem:
            return problem
    return None


def storable_json(value: Any) -> str:
    """``value`` as JSON that every database can store; what cannot be stored is described in its place."""
    storable = value if find_problem(value) is None else _storable(value, 0)
    return ENCODER.encode(storable).decode()


def rejected_records(response_id: str, records: Iterable[Any], reason: str) -> Iterator[RejectedRecord]:
    """The records of a response, all rejected for one reason."""
    for row, record in enumerate(records):
        yield RejectedRecord(response_id, row, storable_json(record), [reason])


def storable_text(text: str) -> str:
    """``text`` with characters that cannot be stored written as escapes."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\u0000")


def _scalar_problem(value: Any) -> str | None:
    if type(value) is str:
        return text_problem(value)
    places = 0
    if type(value) is Decimal:
        places = max(len(value.as_tuple().digits), abs(value.adjusted())) if value.is_finite() else MAX_PLACES
    elif type(value) is int:
        places = value.bit_length() * 3 // 10
    return "a number of too many places" if places > MAX_PLACES else None


def _storable(value: Any, depth: int) -> Any:
    if isinstance(value, dict | list) and depth == MAX_STORED_DEPTH:
        return "[nested too deeply to be stored]"
    if isinstance(value, dict):
        storable = {}
        for name, inner in value.items():  # no comprehension: it would double the depth of the call stack
            storable[storable_text(name)] = _storable(inner, depth + 1)
        return storable
    if isinstance(value, list):
        return [_storable(item, depth + 1) for item in value]
    if type(value) is str:
        return storable_text(value)
    return value if _scalar_problem(value) is None else "[a number of too many places to be stored]"
