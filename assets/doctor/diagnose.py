"""Compares one answer with one declaration: what a sync would make of it, and what would mend it. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from assets.declaration import Dataset
from assets.doctor import schema_findings as compare
from assets.doctor import value_findings as compare_rows
from assets.doctor.anonymise import shown_name
from assets.doctor.findings import Examined, Finding, Mend
from assets.doctor.record_search import PLAUSIBLE, Place, at, elsewhere, is_envelope, nesting
from assets.errors import AnswerRefused
from assets.normalise import Normalised, Piece, normalise

JSON_TYPES = {"str": "text", "int": "whole number", "Decimal": "fraction", "bool": "flag", "NoneType": "null"}
JSON_TYPES |= {"dict": "object", "list": "list"}


@dataclass(frozen=True)
class Arrived:
    """An answer as a sync would read it.

    ``document`` is decoded and without private contents, ``original`` as it came (looked at for types alone).
    ``place`` is the dotted path of the records, ``params`` those of the request, ``now`` the vendor's clock in UTC.
    ``known`` are the words that a column is known to hold.
    """

    document: Any
    place: str
    now: datetime
    account_id: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    original: Any = None
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)


def examine(dataset: Dataset, arrived: Arrived) -> Examined:
    """Everything in which ``arrived`` differs from ``dataset``; the mend is tried on the answer itself."""
    declared = at(arrived.document, dataset, arrived.place)
    place, findings = _placed(dataset, arrived, declared)
    if place is None:
        return Examined(dataset.name, findings=findings, works=False)
    mend = Mend(place=None if place is declared else place.path)
    if not place.records:
        empty = Finding("empty", "note", "the answer holds no records: nothing could be compared")
        return Examined(dataset.name, findings=[*findings, empty], mend=mend)
    return _compared(dataset, arrived, place, mend, findings)


def _placed(dataset: Dataset, arrived: Arrived, declared: Place | None) -> tuple[Place | None, list[Finding]]:
    fits = declared and (not declared.records or declared.score >= PLAUSIBLE)
    unnested = is_envelope(arrived.document, dataset, arrived.place)
    if declared and fits and not unnested:
        return declared, []
    other = elsewhere(arrived.document, dataset)
    if other and other.path != arrived.place and (not fits or not _has_levels(other, dataset)):
        told = f"no records at '{arrived.place}'; records like these lie at '{other.path or 'the top'}'"
        return other, [Finding("moved", "breaking", told)]
    if declared and fits:
        return declared, []
    depth = nesting(arrived.document, arrived.place)
    if depth and depth != len(dataset.levels):
        told = f"objects nested {depth} deep lie at '{arrived.place}': name what their keys stand for in 'levels'"
        return None, [Finding("nested", "breaking", told)]
    if declared:
        return declared, []
    names = ", ".join(sorted(map(shown_name, arrived.document))[:10]) if isinstance(arrived.document, dict) else "none"
    return None, [Finding("lost", "breaking", f"no records at '{arrived.place}' or elsewhere; top fields: {names}")]


def _has_levels(place: Place, dataset: Dataset) -> bool:
    """Whether the records name the codes themselves that unnesting would take from the keys above them."""
    names = {name for record in place.records if isinstance(record, dict) for name in record}
    return names.issuperset(dataset.levels)


def _compared(dataset: Dataset, arrived: Arrived, place: Place, mend: Mend, findings: list[Finding]) -> Examined:
    objects = [record if isinstance(record, dict) else {} for record in place.records]
    named, names = compare.names_of(dataset, objects)
    mend = replace(mend, names=names)
    counted, units = compare.units_of(mend.applied(dataset), objects)
    mend = replace(mend, units=units)
    mended = mend.applied(dataset)
    types = _types(dataset, arrived, place)
    found = [*findings, *named, *counted]
    try:
        pieces = [Piece("", "", arrived.params, place.records)]
        loaded = normalise(mended, pieces, arrived.account_id)
    except AnswerRefused as refusal:
        grave = any(finding.severity == "breaking" for finding in found)
        found += [] if grave else [Finding("refused", "breaking", str(refusal))]
        return Examined(dataset.name, len(objects), types=types, findings=found, mend=mend, works=False)
    found += compare_rows.refused(mended, objects, loaded.rejects, types)
    found += compare_rows.retyped(mended, objects, loaded, types)
    found += compare_rows.repeated(mended, loaded.rows)
    found += compare_rows.unknown_words(loaded.rows, mended, arrived.known)
    found += compare_rows.ahead(loaded.rows, mended, arrived.now)
    return _told(mended, mend, types, found, loaded, len(objects))


def _told(
    dataset: Dataset,
    mend: Mend,
    types: Mapping[str, Mapping[str, int]],
    found: list[Finding],
    loaded: Normalised,
    records: int,
) -> Examined:
    different = compare_rows.different_keys(dataset, loaded.rows)
    return Examined(
        dataset.name,
        records,
        loaded=different,
        rejected=len(loaded.rejects),
        duplicates=loaded.rows.num_rows - different,
        types=types,
        findings=found,
        mend=mend,
        works=different > 0,
        rows=loaded.rows,
    )


def _types(dataset: Dataset, arrived: Arrived, place: Place) -> dict[str, dict[str, int]]:
    """JSON types per field, counted in the answer as it came: redaction makes texts of what it hides."""
    original = at(arrived.original, dataset, place.path) if arrived.original is not None else place
    records = original.records if original else place.records
    counts = Counter(
        (name, type(value).__name__) for record in records if isinstance(record, dict) for name, value in record.items()
    )
    types: dict[str, dict[str, int]] = {}
    for (name, kind), count in counts.items():
        types.setdefault(shown_name(name), {})[JSON_TYPES.get(kind, kind)] = count
    return types
