"""Compares what normalising made of an answer with what was declared: types, keys, words, instants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.declaration import Dataset, Field
from assets.doctor.anonymise import example, fields_by_name
from assets.doctor.findings import Finding, Severity
from assets.doctor.schema_findings import Objects, finding
from assets.normalise import Normalised
from warehouse.batch import Reject

Types = Mapping[str, Mapping[str, int]]

KINDS = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "cents": "an amount of money",
    "rate": "a rate",
    "flag": "true or false",
    "instant": "an instant",
}
# Instants that cannot lie ahead, unless their zone is another than declared.
PAST_COLUMNS = ("created_at", "issued_at", "first_sms_at")
AHEAD = timedelta(minutes=5)
MOST_WORDS = 5


def refused(dataset: Dataset, objects: Objects, rejects: Sequence[Reject], types: Types) -> list[Finding]:
    """Per column: how many records a sync would reject, and why. More than half of them is breaking."""
    met = Counter(reason.partition(":")[0] for reject in rejects for reason in dict.fromkeys(reject.reasons))
    fields = {each.column: each for each in dataset.fields}
    found = []
    for column, count in met.items():
        text = f"{count} of {len(objects)} records would be rejected: "
        severity: Severity = "breaking" if 2 * count > len(objects) else "note"
        if column not in fields:
            found.append(Finding("type", severity, text + column))
            continue
        each = fields[column]
        name = next((name for name in each.names if name in types), "")
        text += f"{KINDS[each.kind]} is declared, {_told(types, name, objects)} came"
        found.append(finding("type", severity, text, each, _odd(each, name, dataset, objects, rejects), name))
    return found


def retyped(dataset: Dataset, objects: Objects, loaded: Normalised, types: Types) -> list[Finding]:
    """Fields whose JSON type is another than usual, although they can be read."""
    bad = {reason.partition(":")[0] for reject in loaded.rejects for reason in reject.reasons}
    found = []
    for name in (drift.field for drift in loaded.drift if drift.kind == "retyped"):
        each = next(each for each in dataset.fields if name in each.names)
        pointed = each.kind == "cents" and "fraction" in types.get(name, {})  # told as a unit
        if each.column not in bad and not pointed:
            text = f"{KINDS[each.kind]} is declared, {_told(types, name, objects)} came; it can be read all the same"
            found.append(finding("type", "note", text, each, name=name))
    return found


def different_keys(dataset: Dataset, rows: pa.Table) -> int:
    """How many keys the rows have."""
    return int(rows.group_by(list(dataset.key)).aggregate([]).num_rows)


def repeated(dataset: Dataset, rows: pa.Table) -> list[Finding]:
    """Rows whose key another row has. Where most repeat, the key is read from the wrong field."""
    again = rows.num_rows - different_keys(dataset, rows)
    if not again:
        return []
    text = f"{again} of {rows.num_rows} records repeat the key ({', '.join(dataset.key)}) of another"
    return [Finding("duplicates", "breaking" if 2 * again > rows.num_rows else "note", text)]


def unknown_words(rows: pa.Table, dataset: Dataset, known: Mapping[str, frozenset[str]]) -> list[Finding]:
    """Words that a column is not known to hold, such as a new status."""
    found = []
    for each in (each for each in dataset.fields if each.column in known):
        counts = Counter(word for word in rows[each.column].to_pylist() if word is not None)
        new = sorted(word for word in counts if word.lower() not in known[each.column])
        if new:
            words = ", ".join(example(word, each.names[0], fields_by_name([dataset])) for word in new[:MOST_WORDS])
            text = f"{sum(counts[word] for word in new)} records hold words nobody knows yet: {words}"
            found.append(finding("words", "note", text, each))
    return found


def ahead(rows: pa.Table, dataset: Dataset, now: datetime) -> list[Finding]:
    """Instants of the past that lie in the future: their zone is not the declared one."""
    found = []
    for each in (each for each in dataset.fields if each.column in PAST_COLUMNS):
        newest = pc.max(rows[each.column]).as_py()
        if newest is not None and newest - now > AHEAD:
            hours = (newest - now).total_seconds() / 3600
            text = f"the newest is {hours:.1f} h ahead of the vendor's clock: its zone is not {each.counted_in}"
            found.append(finding("unit", "note", text, each))
    return found


def _told(types: Types, name: str, objects: Objects) -> str:
    counts = dict(types.get(name, {}))
    absent = len(objects) - sum(counts.values())
    counts |= {"nothing": absent} if absent else {}
    return " and ".join(f"{kind} ({count})" for kind, count in counts.items())


def _odd(each: Field, name: str, dataset: Dataset, objects: Objects, rejects: Sequence[Reject]) -> str:
    row = next(r.row_index for r in rejects if any(reason.startswith(f"{each.column}:") for reason in r.reasons))
    value: Any = objects[row].get(name)
    return example(value, name, fields_by_name([dataset]))
