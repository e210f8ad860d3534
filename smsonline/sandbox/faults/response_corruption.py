"""Corruption of a good response: the same records in a form that a client must accept or detect."""

from collections.abc import Callable
from typing import Any

Records = list[Any]

CODES = ("cShort", "sShort", "carrier")
KEYS = ("cShort", "sShort", "orderId", "payId", "code", "userId")
RATES = ("successRate",)
MONEY = ("price", "purchasePrice", "amount", "balance")


def corrupt(payload: Any, records_path: str, kind: str, value: str = "") -> Any:
    """A decoded response whose records, at the dotted ``records_path`` (empty: the whole), are corrupted."""
    path = records_path.split(".") if records_path else []
    records = payload
    for step in path:
        records = records[step]
    if kind == "bare":
        return records
    return _replace_at(payload, path, _corrupt_records(records, kind, value))


def _replace_at(payload: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    return {**payload, path[0]: _replace_at(payload[path[0]], path[1:], value)}


def _corrupt_records(records: Any, kind: str, value: str) -> Any:
    if isinstance(records, list):
        return _without_field(records, value) if kind == "missing_field" else CORRUPTORS[kind](records)
    if isinstance(records, dict):
        corrupted = _corrupt_records([records], kind, value)
        return {} if not corrupted else corrupted[0] if isinstance(corrupted, list) else corrupted
    return "" if kind == "empty_list" else records


def _without_field(rows: Records, name: str) -> Records:
    removed = name or next(iter(rows[0]), "") if rows else name
    return [{field: value for field, value in row.items() if field != removed} for row in rows]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _convert_numbers(rows: Records, names: tuple[str, ...], convert: Callable[[Any], Any]) -> Records:
    return [{k: convert(v) if k in names and _is_number(v) else v for k, v in row.items()} for row in rows]


def _with_word(row: dict[str, Any]) -> dict[str, Any]:
    name = next((field for field, value in row.items() if _is_number(value)), next(iter(row)))
    return {**row, name: "many"}


def _number_as_text(value: Any) -> Any:
    return str(value) if _is_number(value) else value


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


CORRUPTORS: dict[str, Callable[[Records], Any]] = {
    "empty_list": lambda _: [],
    "shrunk": lambda rows: rows[: max(1, len(rows) // 10)],
    "extra_field": lambda rows: [{**row, "novelty": "unannounced"} for row in rows],
    "reordered": lambda rows: [dict(reversed(row.items())) for row in reversed(rows)],
    "wrong_type": lambda rows: [_with_word(row) if number % 3 == 0 else row for number, row in enumerate(rows)],
    "numbers_as_text": lambda rows: [{k: _number_as_text(v) for k, v in row.items()} for row in rows],
    "percent_sign": lambda rows: _convert_numbers(rows, RATES, lambda rate: f"{rate}%"),
    "fractions": lambda rows: _convert_numbers(rows, RATES, lambda rate: round(rate / 100, 4)),
    "dollars": lambda rows: _convert_numbers(rows, MONEY, lambda cents: cents / 100),
    "nested": _nest_by_codes,
    "duplicate_rows": lambda rows: [copy for n, row in enumerate(rows) for copy in [row] * (2 if n % 10 == 0 else 1)],
    "null_keys": _null_keys,
}
