"""Looks for a dataset's records elsewhere in an answer when they are not where the declaration says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from assets.declaration import Dataset, Field
from assets.doctor.anonymise import is_plain
from assets.doctor.field_names import LIKE_ENOUGH, alike
from assets.errors import ShapeUnknown
from assets.records import records_in

DEEPEST = 4
MOST_PLACES = 200
# A record or an envelope has fewer.
MOST_KEYS = 40
LOOKED_AT = 20
# Share of the declared fields that have to be there, or something like them.
PLAUSIBLE = 0.4


@dataclass(frozen=True)
class Place:
    """A dotted path, the records that lie there, and how much of the declaration they hold, from 0 to 1."""

    path: str
    records: list[Any]
    score: float


def at(document: Any, dataset: Dataset, path: str) -> Place | None:
    """What lies at ``path``; ``None`` where there are no records."""
    try:
        records = records_in(document, dataset, path)
    except ShapeUnknown:
        return None
    return Place(path, records, _score(records, dataset))


def elsewhere(document: Any, dataset: Dataset) -> Place | None:
    """The place whose records are most like the dataset's, lists before objects, the shallowest of equals."""
    found = (at(document, dataset, path) for path in islice(_paths(document, "", DEEPEST), MOST_PLACES))
    likely = [place for place in found if place and place.score >= PLAUSIBLE]
    return max(likely, key=lambda place: _rank(document, place), default=None)


def is_envelope(document: Any, dataset: Dataset, path: str) -> bool:
    """Whether an object lies at ``path`` whose keys are names, not codes, so that unnesting it is a mistake."""
    value = _value(document, path)
    return isinstance(value, dict) and not dataset.single and not _is_by_code(value)


def nesting(document: Any, path: str) -> int:
    """How many levels of objects by code lie at ``path``, above the records; 0 where there are none."""
    value, depth = _value(document, path), 0
    while isinstance(value, dict) and _is_by_code(value):
        value, depth = next(iter(value.values())), depth + 1
    return depth


def _rank(document: Any, place: Place) -> tuple[bool, float, int]:
    return isinstance(_value(document, place.path), list), place.score, -place.path.count(".")


def _value(document: Any, path: str) -> Any:
    value = document
    for step in filter(None, path.split(".")):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _paths(value: Any, path: str, depth: int) -> Iterator[str]:
    yield path
    if not isinstance(value, dict) or depth == 0 or _is_by_code(value):
        return
    for name, inner in value.items():
        if isinstance(inner, dict | list) and is_plain(name) and "." not in name:
            yield from _paths(inner, f"{path}.{name}" if path else name, depth - 1)


def _is_by_code(value: dict[str, Any]) -> bool:
    """Whether an object is a list by code: its keys are then no places."""
    kinds = {type(inner) for inner in value.values()}
    numbered = any(name.isdecimal() for name in value)
    return (
        len(value) > MOST_KEYS or (kinds == {dict} and (numbered or len(value) > 1)) or (numbered and kinds == {list})
    )


def _score(records: list[Any], dataset: Dataset) -> float:
    names = {name for record in records[:LOOKED_AT] if isinstance(record, dict) for name in record}
    wanted = [each for each in dataset.fields if each.names and each.presence != "optional"]
    if not names or not wanted:
        return 0.0
    return sum(_has(names, each) for each in wanted) / len(wanted)


def _has(names: set[str], each: Field) -> float:
    if names.intersection(each.names):
        return 1.0
    return 0.8 if max(alike(name, each) for name in names) >= LIKE_ENOUGH else 0.0
