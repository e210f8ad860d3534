"""Finds the records in an answer, in whichever of the vendor's known wrappings they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assets.declaration import Dataset
from assets.errors import ShapeUnknown


def records_in(document: Any, dataset: Dataset, place: str) -> list[Any]:
    """The records of ``document``: a list of dicts, or of whatever stands where a record should.

    ``place`` is the dotted path of the records. A bare array without the envelope is taken as it is, records nested by
    code are unnested by the dataset's levels. Raises ``ShapeUnknown`` when there is no list, and no nesting either.
    """
    found = _unnested(_at(document, place, dataset), dataset)
    if dataset.positions:
        found = [_named(item, dataset.positions) for item in found]
    if dataset.explode:
        found = [each for item in found for each in _exploded(item, *dataset.explode)]
    return found


def _at(document: Any, place: str, dataset: Dataset) -> Any:
    value, steps = document, list(filter(None, place.split(".")))
    if isinstance(value, dict) and steps[:1] == ["body"] and "body" not in value and "ok" not in value:
        value = {"body": value}
    for step in steps:
        if isinstance(value, list) and not dataset.single:
            return value
        if not isinstance(value, dict) or step not in value:
            raise _unknown(dataset, place, f"'{step}' is missing")
        value = value[step]
    return value


def _unnested(value: Any, dataset: Dataset) -> list[Any]:
    if dataset.single:
        if not isinstance(value, dict):
            raise _unknown(dataset, "", f"one object was expected, {_kind(value)} came")
        return [value]
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and dataset.levels:
        return list(_walk(value, dataset.levels, {}, dataset))
    raise _unknown(dataset, "", f"a list was expected, {_kind(value)} came")


def _walk(value: Any, levels: tuple[str, ...], outer: dict[str, str], dataset: Dataset) -> Iterator[Any]:
    if not levels:
        yield outer | value if isinstance(value, dict) else value
        return
    if isinstance(value, list):
        yield from (outer | item if isinstance(item, dict) else item for item in value)
        return
    if isinstance(value, dict) and dataset.explode and isinstance(value.get(dataset.explode[0]), list):
        yield outer | value  # lists what would have been the next level
        return
    if not isinstance(value, dict):
        raise _unknown(dataset, "", f"objects nested by {', '.join(dataset.levels)} were expected, {_kind(value)} came")
    for code, inner in value.items():
        yield from _walk(inner, levels[1:], outer | {levels[0]: code}, dataset)


def _named(item: Any, positions: tuple[str, ...]) -> Any:
    if not isinstance(item, list):
        return item
    surplus = {f"element_{index}": value for index, value in enumerate(item[len(positions) :], len(positions))}
    return dict(zip(positions, item, strict=False)) | surplus


def _exploded(item: Any, plural: str, singular: str) -> list[Any]:
    if not isinstance(item, dict) or not isinstance(item.get(plural), list):
        return [item]
    rest = {name: value for name, value in item.items() if name != plural}
    return [rest | (element if isinstance(element, dict) else {singular: element}) for element in item[plural]]


def _unknown(dataset: Dataset, place: str, problem: str) -> ShapeUnknown:
    where = f" at '{place}'" if place else ""
    return ShapeUnknown(
        f"{dataset.name}: no records{where} in the answer: {problem}; "
        f'if the shape has changed, set [datasets.{dataset.name}] records = "..." in smsonline.toml'
    )


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "text", bool: "a flag", type(None): "null"}.get(
        type(value), "a number"
    )
