"""Checks of a whole response against the dataset's definition: units that cannot be right, and schema drift."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assets.datasets import Dataset, Field
from assets.errors import UnitMismatch
from assets.normalise.record_list import RecordList
from assets.normalise.storable_json import storable_text
from assets.normalise.types import TypedColumn
from smsonline.values.amounts import quote
from warehouse.loading.batch import SchemaDrift

# Fewer rates than this may all be small by chance.
MIN_RATES = 20


def check_units(dataset: Dataset, columns: Mapping[str, TypedColumn]) -> None:
    """Raises ``UnitMismatch`` when a whole column of rates or money looks counted in another unit than declared."""
    for field in dataset.fields:
        column = columns[field.column]
        filled = column.values.count()
        enough = filled + len(column.reasons) >= MIN_RATES
        if field.unit == "percent" and filled >= MIN_RATES and 0 < column.values.max() <= 0.01:
            raise _unit_error(dataset, field, "fraction", "no value above 1 where percent are declared")
        if field.unit == "fraction" and enough and _mostly_rejected(column, "a rate of"):
            raise _unit_error(dataset, field, "percent", "values above 1 where fractions are declared")
        if field.unit == "cents" and _mostly_rejected(column, "whole cents"):
            raise _unit_error(dataset, field, "usd", "amounts with fractions where whole cents are declared")


def _mostly_rejected(column: TypedColumn, expectation: str) -> bool:
    """Whether more than half of the values that are present were rejected for this reason."""
    count = sum(expectation in reason for reason in column.reasons)
    return bool(count * 2 > column.values.count() + len(column.reasons))


def _unit_error(dataset: Dataset, field: Field, unit: str, problem: str) -> UnitMismatch:
    setting = f'[datasets.{dataset.name}.fields.{field.column}] unit = "{unit}" in smsonline.toml'
    return UnitMismatch(f"{dataset.name}.{field.column}: {problem}; if the vendor counts so, set {setting}")


def unknown_fields(dataset: Dataset, present: set[str]) -> list[str]:
    """Fields of the response that neither a column nor the list of ignored fields names, sorted."""
    declared = {name for field in dataset.fields for name in field.aliases}
    return sorted(present - declared - set(dataset.ignored_fields))


def schema_drift(
    dataset: Dataset, objects: Sequence[Mapping[str, Any]], present: set[str], columns: Mapping[str, TypedColumn]
) -> list[SchemaDrift]:
    """Unknown, missing and retyped fields, each with one example."""
    unknown = unknown_fields(dataset, present)
    drift = [SchemaDrift(storable_text(name), "unknown", _example(objects, name)) for name in unknown]
    retyped: set[str] = set()
    for field in dataset.fields:
        names = [name for name in field.aliases if name in present]
        column = columns[field.column]
        if objects and field.aliases and not names and field.presence == "expected":
            drift.append(SchemaDrift(field.aliases[0], "missing", None))
        if names and column.retyped and names[0] not in retyped:
            retyped.add(names[0])  # two columns may read one field
            unusual = [objects[row] for row in (*column.emptied[:1], *column.reasons.index[:1])]
            drift.append(SchemaDrift(names[0], "retyped", _example([*unusual, *objects], names[0])))
    return drift


def envelope_drift(record_lists: Iterable[Sequence[Any]]) -> list[SchemaDrift]:
    """The unknown members beside the records of some responses, each with one example."""
    members: dict[str, Any] = {}
    for records in record_lists:
        members = (records.members if isinstance(records, RecordList) else {}) | members
    return [SchemaDrift(storable_text(f"envelope.{name}"), "unknown", quote(members[name])) for name in sorted(members)]


def _example(objects: Sequence[Mapping[str, Any]], name: str) -> str:
    """The field's value in the first record that has it."""
    return quote(next(record[name] for record in objects if name in record))
