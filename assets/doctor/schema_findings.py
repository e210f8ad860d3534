"""Compares the names and the units of an answer's records with a declaration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from assets.columns import Converted, convert
from assets.declaration import UNITS, Dataset, Field
from assets.doctor.anonymise import example, fields_by_name, is_plain, shown_name
from assets.doctor.field_names import LIKE_ENOUGH, TRIED_VALUES, alike, renamed
from assets.doctor.findings import Finding, Severity
from assets.errors import UnitSuspicious
from assets.suspicion import LARGE_ANSWER, check_units, unknown_fields
from smsonline.privacy import REDACTED

Objects = Sequence[Mapping[str, Any]]
Names = Mapping[str, tuple[str, ...]]


def names_of(dataset: Dataset, objects: Objects) -> tuple[list[Finding], Names]:
    """Missing and unknown fields, and the names to read a column by where an unknown field looks like a missing one."""
    present = {name for record in objects for name in record}
    unknown = {name: _some(objects, name) for name in sorted(unknown_fields(dataset, present))}
    missing = [each for each in dataset.fields if each.names and not present.intersection(each.names)]
    wanting = [*missing, *(each for each in dataset.fields if _is_substituted(each, present))]
    taken = renamed(wanting, {name: values for name, values in unknown.items() if is_plain(name)})
    wanted = {each.names[0]: each for each in reversed(missing) if each.presence != "optional"}
    found = [_missing(each, taken.get(each.column), unknown) for each in reversed(wanted.values())]
    found += [told for each in dataset.fields for told in _substituted(each, objects)]
    found += [_unknown(name, objects, dataset, name in taken.values()) for name in unknown]
    return found, {each.column: (taken[each.column], *each.names) for each in wanting if each.column in taken}


def units_of(dataset: Dataset, objects: Objects) -> tuple[list[Finding], Mapping[str, str]]:
    """Columns that look counted in another unit than declared, and the unit that fits, where there is one."""
    found: list[Finding] = []
    units: dict[str, str] = {}
    for each in (each for each in dataset.fields if each.kind in UNITS):
        values = values_of(each, objects)
        if problem := _suspicion(dataset, each, convert(values, each)):
            unit = next((unit for unit in UNITS[each.kind] if _counts_well(dataset, each, unit, values)), "")
            units |= {each.column: unit} if unit else {}
            found.append(finding("unit", "breaking", problem + (f"; unit '{unit}' fits" if unit else ""), each))
        elif each.kind == "cents" and each.counted_in == "cents" and any(isinstance(v, Decimal) for v in values):
            text = "amounts with a decimal point where whole cents are declared: perhaps the unit is 'usd'"
            found.append(finding("unit", "note", text, each))
        elif _all_small(each, values):
            text = f"no value above 1 where {each.counted_in} is declared, in too few records to tell"
            found.append(finding("unit", "note", text, each))
    return found, units


def values_of(each: Field, objects: Objects) -> list[Any]:
    """The column's values as normalising takes them: of several spellings the first that is not null."""
    values = [next((v for name in each.names if (v := record.get(name)) is not None), None) for record in objects]
    return [each.take(value) for value in values] if each.take else values


def finding(kind: str, severity: Severity, text: str, each: Field, shown: str = "", name: str = "") -> Finding:
    """A finding about one declared field."""
    return Finding(kind, severity, text, name or (each.names[0] if each.names else ""), each.column, shown)


def _missing(each: Field, taken: str | None, unknown: Mapping[str, Sequence[Any]]) -> Finding:
    required = each.presence == "required"
    text = "required, but in no record" if required else "in no record"
    hidden = [name for name, values in unknown.items() if REDACTED in values and alike(name, each) >= LIKE_ENOUGH]
    if taken:
        text += f"; '{shown_name(taken)}' looks like it"
    elif hidden:
        text += (
            f"; '{shown_name(hidden[0])}' looks like it, but what a private answer does not promise is redacted before"
            " it is read: only a new version of this program can mend that"
        )
    return finding("missing", "breaking" if required else "note", text, each)


def _unknown(name: str, objects: Objects, dataset: Dataset, taken: bool) -> Finding:
    values = [record[name] for record in objects if name in record]
    filled = next((value for value in values if value is not None), None)
    text = f"unknown field, in {len(values)} of {len(objects)} records; kept in 'extra'"
    shown = example(filled, name, fields_by_name([dataset]))
    return Finding("unknown", "note", text + ("; see the suggestion" if taken else ""), shown_name(name), "", shown)


def _is_substituted(each: Field, present: set[str]) -> bool:
    """Whether a required field comes by another spelling than its first."""
    return each.presence == "required" and bool(present.intersection(each.names)) and each.names[0] not in present


def _substituted(each: Field, objects: Objects) -> list[Finding]:
    """Whether a required field has to be taken from another spelling than its first, in all records or in some."""
    if each.presence != "required" or len(each.names) < 2:
        return []
    gaps = [record for record in objects if record.get(each.names[0]) is None]
    used = {name for record in gaps for name in each.names[1:] if record.get(name) is not None}
    if not used:
        return []
    text = f"null or missing in {len(gaps)} of {len(objects)} records; '{min(used)}' is taken instead"
    return [finding("missing", "note", text, each)]


def _suspicion(dataset: Dataset, each: Field, column: Converted) -> str:
    """The doubt that a sync would have about this column alone, without its advice; empty for none."""
    try:
        check_units(dataclasses.replace(dataset, fields=(each,)), {each.column: column})
    except UnitSuspicious as doubt:
        return str(doubt).partition(";")[0].partition(": ")[2]
    return ""


def _counts_well(dataset: Dataset, each: Field, unit: str, values: list[Any]) -> bool:
    other = dataclasses.replace(each, unit=unit)
    column = convert(values, other)
    return unit != each.counted_in and not column.reasons and not _suspicion(dataset, other, column)


def _all_small(each: Field, values: list[Any]) -> bool:
    """Whether percent could as well be fractions: all at most 1, some between, and too few for a sync to doubt."""
    if each.kind != "rate" or each.counted_in != "percent":
        return False
    rates = convert(values, each).array.drop_null().to_pylist()
    return 0 < len(rates) < LARGE_ANSWER and max(rates) <= 0.01 and any(0 < rate < 0.01 for rate in rates)


def _some(objects: Objects, name: str) -> list[Any]:
    return list(islice((record[name] for record in objects if name in record), TRIED_VALUES))
