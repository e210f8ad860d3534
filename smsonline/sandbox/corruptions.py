"""Corruption of a good response: its records, its values, its envelope."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

Records = list[Any]
CODES = ("cShort", "sShort", "carrier")
KEYS = ("cShort", "sShort", "orderId", "payId", "code", "userId")
RATES = ("successRate",)
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
MONEY = ("price", "purchasePrice", "amount", "balance")

CORRUPTIONS = {
    "empty_list": "no records",
    "shrunk": "only a tenth of the records",
    "missing_field": "a field is missing in every record (=NAME, default the first)",
    "extra_field": "an unknown field in every record",
    "reordered": "fields and records in reverse order",
    "wrong_type": "a number is a word in every third record",
    "numbers_as_text": "numbers as text",
    "percent_sign": "rates as text with a percent sign",
    "fractions": "rates as fractions 0..1",
    "dollars": "money as dollars such as 0.16",
    "nested": "records nested by their codes",
    "bare": "the records without the envelope",
    "duplicate_rows": "every tenth record twice",
    "null_keys": "codes and ids are null in every tenth record",
    "conflicting_rows": "every tenth record twice, with two values of a number, in turns",
    "positions": "the records as an object by position, as PHP sends a list with gaps",
    "zero_dates": "times are 0000-00-00 00:00:00 in every third record",
    "local_times": "times of another zone, =HOURS ahead of UTC (default 3)",
    "surrogate": "a text of one record ends in half a character",
    "nul": "a text of one record contains a NUL character",
    "nan": "a number of one record is NaN",
    "huge_number": "a number of one record has five million digits",
    "paged": "the first half of the records, and an envelope that speaks of a second page",
    "wrapped": "the records as items beside a pagination of one page of many",
    "extra_member": "an unknown member beside the records",
}
# JSON that no encoder writes: it replaces the marker in the encoded response.
MARKER = "a value to be replaced"
SPECIAL_VALUES = {
    "surrogate": b'"Foo \\ud83d"',
    "nul": b'"Foo \\u0000bar"',
    "nan": b"NaN",
    "huge_number": b"9" * 5_000_000,
}


def corrupt(payload: Any, records_path: str, kind: str, value: str = "") -> Any:
    """Corrupts the records of a decoded response, at the dotted ``records_path`` (empty: the whole), in place."""
    path = records_path.split(".") if records_path else []
    parent, records = None, payload
    for step in path:
        parent, records = records, records[step]
    if kind == "bare":
        return records
    if kind in ENVELOPES:
        return ENVELOPES[kind](payload, parent, path, records)
    corrupted = _corrupt_records(records, kind, value)
    if parent is None:
        return corrupted
    parent[path[-1]] = corrupted
    return payload


def special_values(body: bytes, kind: str) -> bytes:
    """The encoded response with the value of ``kind`` where ``corrupt`` left its marker."""
    return body.replace(f'"{MARKER}"'.encode(), SPECIAL_VALUES.get(kind, b""))


def _corrupt_records(records: Any, kind: str, value: str) -> Any:
    if isinstance(records, list):
        return CORRUPTORS[kind](records, value)
    if isinstance(records, dict):
        corrupted = _corrupt_records([records], kind, value)
        return {} if not corrupted else corrupted[0] if isinstance(corrupted, list) else corrupted
    return "" if kind == "empty_list" else records


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _convert_numbers(rows: Records, names: tuple[str, ...], convert: Callable[[Any], Any]) -> Records:
    return [{k: convert(v) if k in names and _is_number(v) else v for k, v in row.items()} for row in rows]


def _missing_field(rows: Records, name: str) -> Records:
    removed = name or next(iter(rows[0]), "") if rows else name
    return [{field: value for field, value in row.items() if field != removed} for row in rows]


def _wrong_type(rows: Records) -> Records:
    corrupted = list(rows)
    for number in range(0, len(rows), 3):
        name = next((field for field, value in rows[number].items() if _is_number(value)), next(iter(rows[number])))
        corrupted[number] = {**rows[number], name: "many"}
    return corrupted


def _nest_by_codes(rows: Records) -> Any:
    levels = [code for code in CODES if rows and isinstance(rows[0].get(code), str)] or list(rows[0])[:1]
    tree: dict[str, Any] = {}
    for row in rows:
        branch = tree
        for level in levels[:-1]:
            branch = branch.setdefault(str(row[level]), {})
        branch[str(row[levels[-1]])] = {k: v for k, v in row.items() if k not in levels}
    return tree


def _null_keys(rows: Records) -> Records:
    return [
        {k: None if k in KEYS else v for k, v in row.items()} if number % 10 == 0 else row
        for number, row in enumerate(rows)
    ]


# Once the smaller value comes first, once the greater.
TURNS = cycle((1, -1))


def _conflicting_rows(rows: Records) -> Records:
    turn, corrupted = next(TURNS), []
    for number, row in enumerate(rows):
        name = next((field for field, value in row.items() if _is_number(value)), "")
        pair = [row, {**row, name: row[name] + 1}] if name and number % 10 == 0 else [row]
        corrupted += pair[::turn]
    return corrupted


def _mark_one_value(rows: Records, *, is_text: bool) -> Records:
    """The last text that is no code, or the last number, of the record in the middle becomes the marker."""
    middle = len(rows) // 2
    for name, value in reversed(rows[middle].items() if rows else ()):
        if name not in KEYS and (isinstance(value, str) and name not in CODES if is_text else _is_number(value)):
            return [*rows[:middle], {**rows[middle], name: MARKER}, *rows[middle + 1 :]]
    return rows


def _zero_dates(rows: Records) -> Records:
    zero = "0000-00-00 00:00:00"
    return [
        {name: zero if "UTC" in name and value else value for name, value in row.items()} if number % 3 == 0 else row
        for number, row in enumerate(rows)
    ]


def _first_page(payload: Any, parent: Any, path: list[str], records: Any) -> Any:
    if parent is None or not isinstance(records, list):
        return payload
    parent[path[-1]] = records[: (len(records) + 1) // 2]
    return {**payload, "meta": {"page": 1, "pages": 2, "total": len(records)}}


def _wrapped(payload: Any, parent: Any, path: list[str], records: Any) -> Any:
    if parent is None or not isinstance(records, list):
        return payload
    pages = {"page": 1, "pages": 2, "total": 2 * len(records)}
    parent[path[-1]] = {"items": records, "pagination": pages}
    return payload


def _local_times(rows: Records, hours: str) -> Records:
    """The texts that are timestamps, in a zone so many hours ahead of UTC."""
    offset = timedelta(hours=float(hours or 3))
    return [{name: _moved(value, offset) for name, value in row.items()} for row in rows]


def _moved(value: Any, offset: timedelta) -> Any:
    if not (isinstance(value, str) and TIMESTAMP.fullmatch(value)):
        return value
    return str(datetime.fromisoformat(value) + offset)


ENVELOPES: dict[str, Callable[[Any, Any, list[str], Any], Any]] = {
    "paged": _first_page,
    "wrapped": _wrapped,
    "extra_member": lambda payload, *_: {**payload, "servedBy": "edge-7"},
}
CORRUPTORS: dict[str, Callable[[Records, str], Any]] = {
    "empty_list": lambda *_: [],
    "shrunk": lambda rows, _: rows[: max(1, len(rows) // 10)],
    "missing_field": _missing_field,
    "extra_field": lambda rows, _: [{**row, "novelty": "unannounced"} for row in rows],
    "reordered": lambda rows, _: [dict(reversed(row.items())) for row in reversed(rows)],
    "wrong_type": lambda rows, _: _wrong_type(rows),
    "numbers_as_text": lambda rows, _: [{k: str(v) if _is_number(v) else v for k, v in row.items()} for row in rows],
    "percent_sign": lambda rows, _: _convert_numbers(rows, RATES, lambda rate: f"{rate}%"),
    "fractions": lambda rows, _: _convert_numbers(rows, RATES, lambda rate: round(rate / 100, 4)),
    "dollars": lambda rows, _: _convert_numbers(rows, MONEY, lambda cents: cents / 100),
    "nested": lambda rows, _: _nest_by_codes(rows),
    "duplicate_rows": lambda rows, _: [copy for n, row in enumerate(rows) for copy in [row] * (1 + (n % 10 == 0))],
    "null_keys": lambda rows, _: _null_keys(rows),
    "conflicting_rows": lambda rows, _: _conflicting_rows(rows),
    "positions": lambda rows, _: {str(number + number // 2): row for number, row in enumerate(rows)},
    "zero_dates": lambda rows, _: _zero_dates(rows),
    "local_times": _local_times,
    "surrogate": lambda rows, _: _mark_one_value(rows, is_text=True),
    "nul": lambda rows, _: _mark_one_value(rows, is_text=True),
    "nan": lambda rows, _: _mark_one_value(rows, is_text=False),
    "huge_number": lambda rows, _: _mark_one_value(rows, is_text=False),
}
