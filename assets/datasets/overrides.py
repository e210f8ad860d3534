"""Lets ``smsonline.toml`` mend a declaration where the vendor's answers differ from what was assumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from assets.datasets.spec import UNITS, Dataset, Field

Overrides = Mapping[str, Mapping[str, Any]]


def with_overrides(datasets: Mapping[str, Dataset], overrides: Overrides) -> dict[str, Dataset]:
    """The declarations with ``{dataset: {property: value}}`` applied.

    ``records`` (text), ``levels`` (list of field names), ``params`` (table of text), ``cadence_minutes`` (whole number)
    and ``fields`` (``{column: {"names": [...], "unit": "..."}}``) can be set. Raises ``ValueError`` that names the
    entry.
    """
    changed = dict(datasets)
    for name, properties in overrides.items():
        if name not in datasets:
            raise ValueError(f"[datasets.{name}]: no such dataset")
        if not isinstance(properties, Mapping):
            raise ValueError(f"[datasets.{name}]: a table is expected here")
        changed[name] = dataclasses.replace(
            datasets[name], **{key: _value(datasets[name], key, value) for key, value in properties.items()}
        )
    return changed


def _value(dataset: Dataset, key: str, value: Any) -> Any:
    where = f"[datasets.{dataset.name}] {key}"
    match key, value:
        case "records", str():
            return value
        case "levels", [*names] if all(isinstance(name, str) for name in names):
            return tuple(names)
        case "params", dict() if all(isinstance(each, str) for each in value.values()):
            return dict(dataset.params) | value
        case "cadence_minutes", int() if value > 0 and not isinstance(value, bool):
            return value
        case "fields", dict():
            return _fields(dataset, value)
    raise ValueError(f"{where}: records, levels, params, cadence_minutes and fields can be set, each with its type")


def _fields(dataset: Dataset, overrides: Overrides) -> tuple[Field, ...]:
    unknown = overrides.keys() - {each.column for each in dataset.fields}
    if unknown:
        raise ValueError(f"[datasets.{dataset.name}.fields.{min(unknown)}]: no such column")
    return tuple(_field(dataset, each, overrides.get(each.column, {})) for each in dataset.fields)


def _field(dataset: Dataset, each: Field, properties: Mapping[str, Any]) -> Field:
    where = f"[datasets.{dataset.name}.fields.{each.column}]"
    if not isinstance(properties, Mapping):
        raise ValueError(f"{where}: a table is expected here, such as names = [...]")
    for key, value in properties.items():
        if key == "names" and isinstance(value, list) and value and all(isinstance(name, str) for name in value):
            each = dataclasses.replace(each, names=tuple(value))
        elif key == "unit" and isinstance(value, str) and _counts(each, value):
            each = dataclasses.replace(each, unit=value)
        else:
            allowed = ", ".join(UNITS.get(each.kind, ("a zone such as UTC",) if each.kind == "instant" else ("none",)))
            raise ValueError(f"{where} {key}: names (a list of texts) or unit (here: {allowed}) can be set")
    return each


def _counts(each: Field, unit: str) -> bool:
    if each.kind != "instant":
        return unit in UNITS.get(each.kind, ())
    try:
        return bool(ZoneInfo(unit))
    except (ValueError, OSError, LookupError):
        return False
