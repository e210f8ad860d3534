"""Compares the values of a response with a dataset definition: units, types, keys, status words and timestamps."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow.compute as pc

from assets.datasets import Dataset, Field
from assets.datasets.spec import UNITS
from assets.doctor.anonymise import display_name, example, fields_by_alias
from assets.doctor.findings import Finding, Severity
from assets.errors import ContractViolation, UnitMismatch
from assets.normalise import NormalisedRecords, ParsedResponse, normalise
from smsonline.pii import REDACTED

Record = Mapping[str, Any]
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
# Share of the values of a renamed field that may not fit.
MAX_MISFITS = 0.1


def type_counts(records: Sequence[Any]) -> dict[str, dict[str, int]]:
    """How many records hold which JSON type, by field."""
    counts = Counter(
        (name, type(value).__name__) for record in records if isinstance(record, dict) for name, value in record.items()
    )
    types: dict[str, dict[str, int]] = {}
    for (name, kind), count in counts.items():
        types.setdefault(display_name(name), {})[JSON_TYPES.get(kind, kind)] = count
    return types


def values_fit(field: Field, values: Sequence[Any]) -> bool:
    """Whether ``values`` can be read as ``field``, in whatever unit. Redacted and absent values cannot."""
    records = [{field.aliases[0]: value} for value in values if value is not None]
    if not records or any(value == REDACTED for value in values):
        return False
    units = UNITS.get(field.kind, (field.unit,))
    return any(_reject_share(replace(field, unit=unit), records) <= MAX_MISFITS for unit in units)


def unit_findings(dataset: Dataset, records: Sequence[Record]) -> tuple[list[Finding], dict[str, str]]:
    """Columns that are probably in another unit than declared, and by column the unit that fits, if one does."""
    findings: list[Finding] = []
    fitting_units: dict[str, str] = {}
    for field in (field for field in dataset.fields if field.kind in UNITS):
        severity: Severity = "note"
        text = ""
        try:
            rates = _load_column(field, records).rows[field.column].to_pylist()
        except UnitMismatch as error:
            # The error is "dataset.column: problem; setting". The setting is what the doctor suggests itself.
            severity, text = "breaking", str(error).partition(";")[0].partition(": ")[2]
            units = (unit for unit in UNITS[field.kind] if not _reject_share(replace(field, unit=unit), records))
            if unit := next(units, None):
                fitting_units[field.column] = unit
                text += f"; unit '{unit}' fits"
        else:
            has_point = any(isinstance(record.get(name), Decimal) for record in records for name in field.aliases)
            if field.unit == "cents" and has_point:
                text = "amounts with a decimal point where whole cents are declared: the unit may be 'usd'"
            elif field.unit == "percent" and any(0 < rate < 0.01 for rate in rates) and max(rates) <= 0.01:
                text = "no value above 1 where percent is declared, in too few records to be certain"
        if text:
            findings.append(Finding("unit", severity, text, field.aliases[0], field.column))
    return findings, fitting_units


def _load_column(field: Field, records: Sequence[Record]) -> NormalisedRecords:
    """The values of one column as a sync loads them. Raises ``AnswerRefused`` as a sync does."""
    aliased = ({name: record.get(name) for name in field.aliases} for record in records)
    filled = [record for record in aliased if any(value is not None for value in record.values())]
    # The column is its own key, so that a value which cannot be read is a reject.
    column = Dataset("column", "", key=(field.column,), fields=(field,), cadence_minutes=1)
    return normalise(column, [ParsedResponse("", "", {}, filled)], "")


def _reject_share(field: Field, records: Sequence[Record]) -> float:
    """The share of values that a sync rejects, from 0 to 1."""
    try:
        loaded = _load_column(field, records)
    except ContractViolation:
        return 1.0
    rejected, valid = len(loaded.rejects), int(loaded.rows.num_rows)
    return rejected / max(rejected + valid, 1)


@dataclass(frozen=True)
class Rows:
    """The records of a response, and what a sync makes of them.

    ``types`` counts the JSON types of the response as received, ``now`` is the vendor's clock in UTC.
    """

    dataset: Dataset
    records: Sequence[Record]
    loaded: NormalisedRecords
    types: TypeCounts
    now: datetime

    @property
    def distinct_keys(self) -> int:
        """The number of different keys among the valid rows."""
        return int(self.loaded.rows.group_by(list(self.dataset.key)).aggregate([]).num_rows)

    def findings(self, known_values: Mapping[str, frozenset[str]]) -> list[Finding]:
        """Every difference between the rows and the dataset; ``known_values`` are the status words by column."""
        findings = self._type_findings()
        total = self.loaded.rows.num_rows
        if repeated := total - self.distinct_keys:
            # If most rows repeat a key, it is read from the wrong field.
            text = f"{repeated} of {total} records repeat the key ({', '.join(self.dataset.key)}) of another"
            findings.append(Finding("duplicates", "breaking" if 2 * repeated > total else "note", text))
        for field in self.dataset.fields:
            if field.column in known_values:
                findings += self._unknown_values(field, known_values[field.column])
        for field in self.dataset.fields:
            newest = pc.max(self.loaded.rows[field.column]).as_py() if field.column in PAST_COLUMNS else None
            if newest is not None and newest - self.now > CLOCK_TOLERANCE:
                hours = (newest - self.now).total_seconds() / 3600
                text = f"the newest is {hours:.1f} h ahead of the vendor's clock: its zone is not {field.unit}"
                findings.append(Finding("unit", "note", text, field.aliases[0], field.column))
        return findings

    def _type_findings(self) -> list[Finding]:
        """Values that a sync rejects (breaking in most records), and values of an unexpected type that it can read."""
        rejected: dict[str, list[int]] = {}
        for reject in self.loaded.rejects:
            for column in dict.fromkeys(reason.partition(":")[0] for reason in reject.reasons):
                rejected.setdefault(column, []).append(reject.row_index)
        fields = {field.column: field for field in self.dataset.fields}
        findings = []
        for column, rows in rejected.items():
            severity: Severity = "breaking" if 2 * len(rows) > len(self.records) else "note"
            text = f"{len(rows)} of {len(self.records)} records would be rejected: "
            if column not in fields:
                findings.append(Finding("type", severity, text + column))
                continue
            names = fields[column].aliases or ("",)
            name = next((name for name in names if name in self.types), names[0])
            shown = example(self.records[rows[0]].get(name), name, fields_by_alias([self.dataset]))
            findings.append(Finding("type", severity, text + self._types_of(fields[column], name), name, column, shown))
        for name in (drift.field for drift in self.loaded.drift if drift.kind == "retyped"):
            field = next(field for field in self.dataset.fields if name in field.aliases)
            is_unit_finding = field.kind == "cents" and "fraction" in self.types.get(name, {})
            if field.column not in rejected and not is_unit_finding:
                text = f"{self._types_of(field, name)}; it can be read nevertheless"
                findings.append(Finding("type", "note", text, name, field.column))
        return findings

    def _unknown_values(self, field: Field, known_values: frozenset[str]) -> list[Finding]:
        """Values of an enumerated column that are not known, such as a new status."""
        values = [value for value in self.loaded.rows[field.column].to_pylist() if value is not None]
        unknown = [value for value in values if value.lower() not in known_values]
        if not unknown:
            return []
        fields = fields_by_alias([self.dataset])
        quoted = [example(value, field.aliases[0], fields) for value in sorted(set(unknown))[:MAX_QUOTED_VALUES]]
        text = f"{len(unknown)} records have an unknown {field.column}: {', '.join(quoted)}"
        return [Finding("words", "note", text, field.aliases[0], field.column)]

    def _types_of(self, field: Field, name: str) -> str:
        counts = dict(self.types.get(name, {}))
        absent = len(self.records) - sum(counts.values())
        counts |= {"nothing": absent} if absent else {}
        received = " and ".join(f"{kind} ({count})" for kind, count in counts.items())
        return f"{KINDS[field.kind]} is declared, received {received}"
