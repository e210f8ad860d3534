"""Faults that change a good answer: the same records, told in a way a client must take or notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Records = list[Any]

CODES = ("cShort", "sShort", "carrier")
KEYS = ("cShort", "sShort", "orderId", "payId", "code", "userId")
RATES = ("successRate",)
MONEY = ("price", "purchasePrice", "amount", "balance")


def damaged(document: Any, place: str, kind: str, value: str = "") -> Any:
    """A decoded answer with one damage done to its records, which lie at the dotted ``place`` (empty: the answer)."""
    path = place.split(".") if place else []
    found = document
    for step in path:
        found = found[step]
    if kind == "bare":
        return found
    changed = _changed(found, kind, value)
    return _put(document, path, changed)


def _put(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    return {**document, path[0]: _put(document[path[0]], path[1:], value)}


def _changed(found: Any, kind: str, value: str) -> Any:
    if isinstance(found, list):
        if kind == "missing_field":
            return _without_field(found, value)
        return CHANGES[kind](found)
    if isinstance(found, dict):
        changed = _changed([found], kind, value)
        return {} if not changed else changed[0] if isinstance(changed, list) else changed
    return "" if kind == "empty_list" else found


def _without_field(rows: Records, name: str) -> Records:
    gone = name or next(iter(rows[0]), "") if rows else name
    return [{field: item for field, item in row.items() if field != gone} for row in rows]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _each(rows: Records, names: tuple[str, ...], change: Callable[[Any], Any]) -> Records:
    return [{k: change(v) if k in names and _is_number(v) else v for k, v in row.items()} for row in rows]


def _with_word(row: dict[str, Any]) -> dict[str, Any]:
    name = next((field for field, value in row.items() if _is_number(value)), next(iter(row)))
    return {**row, name: "many"}


def _as_text(value: Any) -> Any:
    return str(value) if _is_number(value) else value


def _nested(rows: Records) -> Any:
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


CHANGES: dict[str, Callable[[Records], Any]] = {
    "empty_list": lambda _: [],
    "shrunk": lambda rows: rows[: max(1, len(rows) // 10)],
    "extra_field": lambda rows: [{**row, "novelty": "unannounced"} for row in rows],
    "reordered": lambda rows: [dict(reversed(row.items())) for row in reversed(rows)],
    "wrong_type": lambda rows: [_with_word(row) if number % 3 == 0 else row for number, row in enumerate(rows)],
    "numbers_as_text": lambda rows: [{k: _as_text(v) for k, v in row.items()} for row in rows],
    "percent_sign": lambda rows: _each(rows, RATES, lambda rate: f"{rate}%"),
    "fractions": lambda rows: _each(rows, RATES, lambda rate: round(rate / 100, 4)),
    "dollars": lambda rows: _each(rows, MONEY, lambda cents: cents / 100),
    "nested": _nested,
    "duplicate_rows": lambda rows: [copy for n, row in enumerate(rows) for copy in [row] * (2 if n % 10 == 0 else 1)],
    "null_keys": _null_keys,
}
