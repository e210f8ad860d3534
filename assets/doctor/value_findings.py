"""Compares the values of a response with a dataset definition: units, types, keys, status words and timestamps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow.compute as pc

from assets.declaration import UNITS, Dataset, Field
from assets.doctor.anonymise import display_name, example, fields_by_alias
from assets.doctor.field_names import Record
from assets.doctor.findings import Finding, Severity
from assets.errors import UnitSuspicious
from assets.normalise import Normalised, Piece, normalise

TypeCounts = Mapping[str, Mapping[str, int]]

KINDS = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "cents": "an amount of money",
    "rate": "a rate",
    "flag": "true or false",
    "instant": "a timestamp",
}
JSON_TYPES = {"str": "text", "int": "whole number", "Decimal": "fraction", "bool": "flag", "NoneType": "null"}
JSON_TYPES |= {"dict": "object", "list": "list"}
# These timestamps cannot lie in the future, unless the vendor uses another time zone than declared.
PAST_COLUMNS = ("created_at", "issued_at", "first_sms_at")
CLOCK_TOLERANCE = timedelta(minutes=5)
MAX_QUOTED_VALUES = 5


def type_counts(records: Sequence[Any]) -> dict[str, dict[str, int]]:
    """How many records hold which JSON type, by field."""
    counts = Counter(
        (name, type(value).__name__) for record in records if isinstance(record, dict) for name, value in record.items()
    )
    types: dict[str, dict[str, int]] = {}
    for (name, kind), count in counts.items():
        types.setdefault(display_name(name), {})[JSON_TYPES.get(kind, kind)] = count
    return types


def unit_findings(dataset: Dataset, records: Sequence[Record]) -> tuple[list[Finding], dict[str, str]]:
    """Columns that are probably in another unit than declared, and by column the unit that fits, if one does."""
    findings: list[Finding] = []
    units: dict[str, str] = {}
    for field in (field for field in dataset.fields if field.kind in UNITS):
        column = _load_column(dataset, field, records)
        severity: Severity = "note"
        if text := column.mismatch:
            severity = "breaking"
            others = [unit for unit in UNITS[field.kind] if unit != field.counted_in]
            if fitting := [u for u in others if _load_column(dataset, replace(field, unit=u), records).fits]:
                units[field.column] = fitting[0]
                text += f"; unit '{fitting[0]}' fits"
        elif field.counted_in == "cents" and any(isinstance(value, Decimal) for value in column.values):
            text = "amounts with a decimal point where whole cents are declared: the unit may be 'usd'"
        elif field.counted_in == "percent" and _may_be_fractions(column.loaded):
            text = "no value above 1 where percent is declared, in too few records to be certain"
        if text:
            findings.append(Finding("unit", severity, text, field.names[0], field.column))
    return findings, units


@dataclass(frozen=True)
class _Column:
    """One column as a sync loads it: ``mismatch`` says why the unit is doubtful, ``fits`` that every value loads."""

    values: Sequence[Any]
    loaded: Sequence[Any] = ()
    mismatch: str = ""
    fits: bool = False


def _load_column(dataset: Dataset, field: Field, records: Sequence[Record]) -> _Column:
    aliased = ({name: record.get(name) for name in field.names} for record in records)
    filled = [record for record in aliased if any(value is not None for value in record.values())]
    values = [value for record in filled for value in record.values()]
    if not filled:
        return _Column(values)
    # As its own key, a column without a value is a reject.
    single = replace(dataset, fields=(field,), key=(field.column,), single=False)
    try:
        loaded = normalise(single, [Piece("", "", {}, filled)], "")
    except UnitSuspicious as error:
        # "dataset.column: problem; setting": the setting is what is being looked for here.
        return _Column(values, mismatch=str(error).partition(";")[0].partition(": ")[2])
    return _Column(values, loaded.rows[field.column].to_pylist(), fits=not loaded.rejects)


def _may_be_fractions(rates: Sequence[float]) -> bool:
    return any(0 < rate < 0.01 for rate in rates) and max(rates) <= 0.01


@dataclass(frozen=True)
class Rows:
    """The records of a response, and what a sync makes of them.

    ``types`` counts the JSON types of the response as received, ``now`` is the vendor's clock in UTC.
    """

    dataset: Dataset
    records: Sequence[Record]
    loaded: Normalised
    types: TypeCounts
    now: datetime

    @property
    def distinct_keys(self) -> int:
        """The number of different keys among the valid rows."""
        return int(self.loaded.rows.group_by(list(self.dataset.key)).aggregate([]).num_rows)

    def findings(self, known_values: Mapping[str, frozenset[str]]) -> list[Finding]:
        """Every difference between the rows and the dataset; ``known_values`` are the status words by column."""
        return [
            *self._rejected(),
            *self._retyped(),
            *self._duplicates(),
            *self._unknown_values(known_values),
            *self._future_timestamps(),
        ]

    def _rejected(self) -> list[Finding]:
        """Per column, how many records a sync rejects. More than half of them is breaking."""
        columns: dict[str, list[int]] = {}
        for reject in self.loaded.rejects:
            for column in dict.fromkeys(reason.partition(":")[0] for reason in reject.reasons):
                columns.setdefault(column, []).append(reject.row_index)
        fields = {field.column: field for field in self.dataset.fields}
        findings = []
        for column, rows in columns.items():
            text = f"{len(rows)} of {len(self.records)} records would be rejected: "
            severity: Severity = "breaking" if 2 * len(rows) > len(self.records) else "note"
            if column not in fields:
                findings.append(Finding("type", severity, text + column))
                continue
            name = next((name for name in fields[column].names if name in self.types), "")
            shown = example(self.records[rows[0]].get(name), name, fields_by_alias([self.dataset]))
            text += self._type_text(fields[column], name)
            findings.append(Finding("type", severity, text, name or (*fields[column].names, "")[0], column, shown))
        return findings

    def _retyped(self) -> list[Finding]:
        """Fields of an unexpected JSON type that can be read nevertheless."""
        bad = {reason.partition(":")[0] for reject in self.loaded.rejects for reason in reject.reasons}
        findings = []
        for name in (drift.field for drift in self.loaded.drift if drift.kind == "retyped"):
            field = next(field for field in self.dataset.fields if name in field.names)
            has_point = field.kind == "cents" and "fraction" in self.types.get(name, {})  # reported as a unit
            if field.column not in bad and not has_point:
                text = f"{self._type_text(field, name)}; it can be read nevertheless"
                findings.append(Finding("type", "note", text, name, field.column))
        return findings

    def _duplicates(self) -> list[Finding]:
        """Rows that repeat a key. If most of them do, the key is read from the wrong field."""
        total = self.loaded.rows.num_rows
        repeated = total - self.distinct_keys
        if not repeated:
            return []
        text = f"{repeated} of {total} records repeat the key ({', '.join(self.dataset.key)}) of another"
        return [Finding("duplicates", "breaking" if 2 * repeated > total else "note", text)]

    def _unknown_values(self, known_values: Mapping[str, frozenset[str]]) -> list[Finding]:
        """Values of an enumerated column that are not known, such as a new status."""
        findings = []
        for field in (field for field in self.dataset.fields if field.column in known_values):
            counts = Counter(value for value in self.loaded.rows[field.column].to_pylist() if value is not None)
            new = sorted(value for value in counts if value.lower() not in known_values[field.column])
            if new:
                fields = fields_by_alias([self.dataset])
                quoted = ", ".join(example(value, field.names[0], fields) for value in new[:MAX_QUOTED_VALUES])
                number = sum(counts[value] for value in new)
                text = f"{number} records have an unknown {field.column}: {quoted}"
                findings.append(Finding("words", "note", text, field.names[0], field.column))
        return findings

    def _future_timestamps(self) -> list[Finding]:
        """Timestamps of the past that lie in the future: the vendor's time zone is not the declared one."""
        findings = []
        for field in (field for field in self.dataset.fields if field.column in PAST_COLUMNS):
            newest = pc.max(self.loaded.rows[field.column]).as_py()
            if newest is not None and newest - self.now > CLOCK_TOLERANCE:
                hours = (newest - self.now).total_seconds() / 3600
                text = f"the newest is {hours:.1f} h ahead of the vendor's clock: its zone is not {field.counted_in}"
                findings.append(Finding("unit", "note", text, field.names[0], field.column))
        return findings

    def _type_text(self, field: Field, name: str) -> str:
        counts = dict(self.types.get(name, {}))
        absent = len(self.records) - sum(counts.values())
        counts |= {"nothing": absent} if absent else {}
        received = " and ".join(f"{kind} ({count})" for kind, count in counts.items())
        return f"{KINDS[field.kind]} is declared, received {received}"
