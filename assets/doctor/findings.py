"""Result types of the doctor: findings, the override that would fix them, and the diagnosis of one response."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from assets.datasets import Dataset
from assets.datasets.overrides import with_overrides

Severity = Literal["note", "breaking"]
WorstSeverity = Literal["ok", "note", "breaking"]


@dataclass(frozen=True)
class Finding:
    """One difference between a response and its dataset definition. ``text`` is one line without private contents.

    ``breaking``: a sync of this response loads nothing, or wrong values, or loses most rows. ``field`` is the vendor's
    name, ``column`` the name of our column.
    """

    kind: str
    severity: Severity
    text: str
    field: str = ""
    column: str = ""
    example: str = ""


@dataclass(frozen=True)
class SuggestedOverride:
    """Settings of ``smsonline.toml`` that make a response fit its dataset definition.

    ``records_path`` is the dotted path of the records (``None``: as declared); ``aliases`` and ``units`` are the
    vendor's field names and the vendor's unit by column.
    """

    records_path: str | None = None
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.records_path is not None or bool(self.aliases or self.units)

    @property
    def columns(self) -> dict[str, dict[str, Any]]:
        """The tables ``[datasets.NAME.fields.COLUMN]``, by column."""
        tables: dict[str, dict[str, Any]] = {column: {"names": list(names)} for column, names in self.aliases.items()}
        for column, unit in self.units.items():
            tables.setdefault(column, {})["unit"] = unit
        return tables

    def apply_to(self, dataset: Dataset) -> Dataset:
        """``dataset`` with the aliases and units of this override, as the settings file would change it."""
        return with_overrides({dataset.name: dataset}, {dataset.name: {"fields": self.columns}})[dataset.name]


@dataclass(frozen=True)
class Diagnosis:
    """One response compared with one dataset definition.

    ``loaded``, ``rejected``, ``duplicates`` and ``rows`` are what a sync makes of the response once ``override`` is
    set; ``loads`` says whether it loads any row at all. ``types`` counts the JSON types per field of the records.
    """

    dataset: str
    record_count: int = 0
    loaded: int = 0
    rejected: int = 0
    duplicates: int = 0
    types: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    override: SuggestedOverride = field(default_factory=SuggestedOverride)
    loads: bool = True
    rows: pa.Table | None = field(default=None, repr=False)

    @property
    def severity(self) -> WorstSeverity:
        """The severity of the worst finding; ``ok`` without findings."""
        return worst_severity(finding.severity for finding in self.findings)


def worst_severity(severities: Iterable[str]) -> WorstSeverity:
    """``breaking`` or ``note`` if any of ``severities`` is, else ``ok``."""
    present = set(severities)
    return "breaking" if "breaking" in present else "note" if "note" in present else "ok"
