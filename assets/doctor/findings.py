"""The words in which an examined answer is told: what was found, what would mend it, what would be loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from assets.declaration import Dataset, Field

Severity = Literal["note", "breaking"]
Verdict = Literal["ok", "note", "breaking"]


@dataclass(frozen=True)
class Finding:
    """One difference between an answer and its declaration, in a line that quotes nothing private.

    ``breaking``: a sync of this answer loads nothing, or wrong values, or loses most rows. ``field`` is the vendor's
    name, ``column`` ours.
    """

    kind: str
    severity: Severity
    text: str
    field: str = ""
    column: str = ""
    example: str = ""


@dataclass(frozen=True)
class Mend:
    """What ``smsonline.toml`` can change so that the answer fits: place of the records, names and units by column."""

    place: str | None = None
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.place is not None or bool(self.names or self.units)

    def applied(self, dataset: Dataset) -> Dataset:
        """``dataset`` with the names and units of this mend."""
        return dataclasses.replace(dataset, fields=tuple(self._field(each) for each in dataset.fields))

    def _field(self, each: Field) -> Field:
        names, unit = self.names.get(each.column, each.names), self.units.get(each.column, each.unit)
        return dataclasses.replace(each, names=names, unit=unit)


@dataclass(frozen=True)
class Examined:
    """One answer beside one declaration.

    ``loaded``, ``rejected``, ``duplicates`` and ``rows`` are what a sync would make of the answer with ``mend`` in
    place; ``works`` says whether it would load at all then. ``types`` counts JSON types per field of the records.
    """

    dataset: str
    records: int = 0
    loaded: int = 0
    rejected: int = 0
    duplicates: int = 0
    types: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    mend: Mend = field(default_factory=Mend)
    works: bool = True
    rows: pa.Table | None = field(default=None, repr=False)

    @property
    def verdict(self) -> Verdict:
        """The gravest finding."""
        grave = {finding.severity for finding in self.findings}
        return "breaking" if "breaking" in grave else "note" if grave else "ok"
