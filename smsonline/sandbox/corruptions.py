"""Corruption of a good response: its records, its values, its envelope."""

from collections.abc import Callable
from typing import Any

Records = list[Any]
CODES = ("cShort", "sShort", "carrier")
KEYS = ("cShort", "sShort", "orderId", "payId", "code", "userId")
RATES = ("successRate",)
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
}


def corrupt(payload: Any, records_path: str, kind: str, value: str = "") -> Any:
    """Corrupts the records of a decoded response, at the dotted ``records_path`` (empty: the whole), in place."""
    path = records_path.split(".") if records_path else []
    parent, records = None, payload
    for step in path:
        parent, records = records, records[step]
    if kind == "bare":
        return records
    corrupted = _corrupt_records(records, kind, value)
    if parent is None:
        return corrupted
    parent[path[-1]] = corrupted
    return payload


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
}
