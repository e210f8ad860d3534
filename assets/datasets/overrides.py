"""Overrides of dataset definitions in ``smsonline.toml``, for responses that differ from what was assumed."""

import dataclasses
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from assets.datasets.spec import UNITS, Dataset, Field
from smsonline.endpoints import suggest_name

Overrides = Mapping[str, Mapping[str, Any]]

SETTINGS = ("records", "levels", "envelope_members", "params", "cadence_minutes", "fields")
# What cron spaces evenly: divisors of an hour, whole hours that divide a day, and a week.
CADENCES_MINUTES = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440, 10080)


def with_overrides(datasets: Mapping[str, Dataset], overrides: Overrides) -> dict[str, Dataset]:
    """The definitions with ``{dataset: {setting: value}}`` applied.

    Settings: ``records`` (text), ``levels`` and ``envelope_members`` (lists of names), ``params`` (table of text),
    ``cadence_minutes`` (one of ``CADENCES_MINUTES``) and ``fields`` (``{column: {"names": [...], "unit": "..."}}``).
    Raises ``ValueError`` that names the entry.
    """
    result = dict(datasets)
    for name, settings in overrides.items():
        if name not in datasets:
            raise ValueError(f"[datasets.{name}]: no such dataset; {suggest_name(name, datasets)}")
        if not isinstance(settings, Mapping):
            raise ValueError(f"[datasets.{name}]: a table is expected here")
        for setting, value in settings.items():
            result[name] = dataclasses.replace(result[name], **_attribute(result[name], setting, value))
    return result


def _attribute(dataset: Dataset, setting: str, value: Any) -> dict[str, Any]:
    """The attribute of the definition that ``setting`` overrides, with its new value."""
    match setting, value:
        case "records", str():
            return {"records_path": value}
        case "levels", [*names] if all(isinstance(name, str) for name in names):
            return {"nesting_keys": tuple(names)}
        case "envelope_members", [*names] if all(isinstance(name, str) for name in names):
            return {"envelope_members": (*dataset.envelope_members, *names)}
        case "params", dict() if all(isinstance(param, str) for param in value.values()):
            return {"params": dict(dataset.params) | value}
        case "cadence_minutes", int() if not isinstance(value, bool):
            if value not in CADENCES_MINUTES:
                allowed = ", ".join(map(str, CADENCES_MINUTES))
                raise ValueError(f"[datasets.{dataset.name}] cadence_minutes = {value}: it can be {allowed}")
            return {"cadence_minutes": value}
        case "fields", dict():
            return {"fields": _fields(dataset, value)}
    if setting not in SETTINGS:
        raise ValueError(f"[datasets.{dataset.name}] {setting}: no such setting; {suggest_name(setting, SETTINGS)}")
    raise ValueError(
        f"[datasets.{dataset.name}] {setting}: "
        "records, levels, envelope_members, params, cadence_minutes and fields can be set, each with its type"
    )


def _fields(dataset: Dataset, overrides: Overrides) -> tuple[Field, ...]:
    columns = [field.column for field in dataset.fields]
    if unknown := overrides.keys() - set(columns):
        entry = f"[datasets.{dataset.name}.fields.{min(unknown)}]"
        raise ValueError(f"{entry}: no such column; {suggest_name(min(unknown), columns)}")
    return tuple(_field(dataset, field, overrides.get(field.column, {})) for field in dataset.fields)


def _field(dataset: Dataset, field: Field, settings: Mapping[str, Any]) -> Field:
    entry = f"[datasets.{dataset.name}.fields.{field.column}]"
    if not isinstance(settings, Mapping):
        raise ValueError(f"{entry}: a table is expected here, such as names = [...]")
    for setting, value in settings.items():
        if setting == "names" and isinstance(value, list) and value and all(isinstance(name, str) for name in value):
            field = dataclasses.replace(field, aliases=tuple(value))
        elif setting == "unit" and isinstance(value, str) and _is_unit_of(field, value):
            field = dataclasses.replace(field, unit=value)
        else:
            units = ("a zone such as UTC",) if field.kind == "instant" else UNITS.get(field.kind, ("none",))
            raise ValueError(
                f"{entry} {setting}: names (a list of texts) or unit (here: {', '.join(units)}) can be set"
            )
    return field


def _is_unit_of(field: Field, unit: str) -> bool:
    if field.kind != "instant":
        return unit in UNITS.get(field.kind, ())
    try:
        return bool(ZoneInfo(unit))
    except (ValueError, OSError, LookupError):
        return False
