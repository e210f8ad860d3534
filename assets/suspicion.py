"""What in an answer does not look as declared: units that cannot be right, fields that came, went or changed type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from assets.columns import Converted, shown
from assets.declaration import Dataset, Field
from assets.errors import UnitSuspicious
from warehouse.loading.batch import SchemaDrift

# Fewer rates than this may all be small by chance.
LARGE_ANSWER = 20


def check_units(dataset: Dataset, columns: Mapping[str, Converted]) -> None:
    """Raises ``UnitSuspicious`` when a whole column of rates or money looks counted in another unit than declared."""
    for each in dataset.fields:
        column = columns[each.column]
        if each.kind == "rate":
            _check_rates(dataset, each, column)
        if each.kind == "cents" and each.counted_in == "cents" and _mostly(column, "whole cents"):
            raise _suspicious(dataset, each, "usd", "amounts with fractions where whole cents are declared")


def _check_rates(dataset: Dataset, each: Field, column: Converted) -> None:
    filled = len(column.array) - column.array.null_count
    if each.counted_in == "percent" and filled >= LARGE_ANSWER and 0 < pc.max(column.array).as_py() <= 0.01:
        raise _suspicious(dataset, each, "fraction", "no value above 1 where percent are declared")
    if each.counted_in == "fraction" and filled + len(column.reasons) >= LARGE_ANSWER and _mostly(column, "a rate of"):
        raise _suspicious(dataset, each, "percent", "values above 1 where fractions are declared")


def _mostly(column: Converted, expected: str) -> bool:
    odd = sum(expected in reason for reason in column.reasons.values())
    return bool(odd * 2 > len(column.array) - column.array.null_count + len(column.reasons))


def _suspicious(dataset: Dataset, each: Field, unit: str, problem: str) -> UnitSuspicious:
    setting = f'[datasets.{dataset.name}.fields.{each.column}] unit = "{unit}" in smsonline.toml'
    return UnitSuspicious(f"{dataset.name}.{each.column}: {problem}; if the vendor counts so, set {setting}")


def unknown_fields(dataset: Dataset, present: set[str]) -> set[str]:
    """Fields of the answer that neither a column nor the list of ignored ones names."""
    known = {name for each in dataset.fields for name in each.names} | set(dataset.ignored)
    return present - known


def drift_of(
    dataset: Dataset, objects: list[Any], present: set[str], columns: Mapping[str, Converted]
) -> list[SchemaDrift]:
    """Unknown, missing and retyped fields, each with one example."""
    found = [SchemaDrift(name, "unknown", _example(objects, name)) for name in sorted(unknown_fields(dataset, present))]
    retyped = set()
    for each in dataset.fields:
        names = [name for name in each.names if name in present]
        if objects and each.names and not names and each.presence == "expected":
            found.append(SchemaDrift(each.names[0], "missing", None))
        if names and columns[each.column].retyped and names[0] not in retyped:
            retyped.add(names[0])  # two columns may read one field
            found.append(SchemaDrift(names[0], "retyped", _example(objects, names[0], columns[each.column])))
    return found


def _example(objects: list[Any], name: str, column: Converted | None = None) -> str:
    odd = next(iter(column.reasons), None) if column else None
    record = objects[odd] if odd is not None else next(record for record in objects if name in record)
    return shown(record.get(name))
