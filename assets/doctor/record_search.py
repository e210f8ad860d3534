"""Searches a response for a dataset's records when they are not at the declared path."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any

from assets.datasets import Dataset
from assets.doctor.anonymise import display_name, is_plain_name
from assets.doctor.field_names import MIN_SIMILARITY, name_similarity
from assets.doctor.findings import Finding
from assets.errors import RecordsNotFound
from assets.normalise import RecordList, extract_records

MAX_DEPTH = 4
MAX_PATHS = 200
# A record or an envelope has fewer.
MAX_KEYS = 40
SCORED_RECORDS = 20
# Share of the declared fields that have to be present, or something similar to them.
MIN_SCORE = 0.4
SIMILAR_FIELD = 0.8


@dataclass(frozen=True)
class Candidate:
    """The objects at a dotted path, and the share of the declared fields that they hold, from 0 to 1."""

    path: str
    objects: RecordList
    score: float


def locate_records(payload: Any, dataset: Dataset, path: str) -> tuple[Candidate | None, list[Finding]]:
    """The records of ``payload``, at the declared ``path`` or elsewhere, and a finding where they are not at ``path``.

    ``None`` when they are nowhere, or nested in a way that the dataset does not declare.
    """
    declared = records_at(payload, dataset, path)
    plausible = declared is not None and (not declared.objects or declared.score >= MIN_SCORE)
    value = payload
    for step in filter(None, path.split(".")):
        value = value.get(step) if isinstance(value, dict) else None
    # The keys of an envelope are field names; a sync would read them as codes.
    is_envelope = isinstance(value, dict) and not dataset.is_object and not _is_keyed_by_code(value)
    if declared and plausible and not is_envelope:
        return declared, []
    candidate = search_records(payload, dataset)
    # A sync reads an envelope correctly nevertheless if the records in it name their codes themselves.
    names_codes = candidate is not None and _field_names(candidate.objects).issuperset(dataset.nesting_keys)
    if candidate and candidate.path != path and not (plausible and names_codes):
        text = f"no records at '{path}'; similar records are at '{candidate.path or 'the top'}'"
        return candidate, [Finding("moved", "breaking", text)]
    depth = 0  # levels of objects keyed by code above the records
    while isinstance(value, dict) and _is_keyed_by_code(value):
        value, depth = next(iter(value.values())), depth + 1
    if not plausible and depth and depth != len(dataset.nesting_keys):
        text = f"objects nested {depth} deep are at '{path}': name what their keys stand for in 'levels'"
        return None, [Finding("nested", "breaking", text)]
    if declared:
        return declared, []
    names = ", ".join(sorted(map(display_name, payload))[:10]) if isinstance(payload, dict) else "none"
    return None, [Finding("lost", "breaking", f"no records at '{path}' or elsewhere; top fields: {names}")]


def records_at(payload: Any, dataset: Dataset, path: str) -> Candidate | None:
    """The records that a sync reads at ``path``; ``None`` where it reads none."""
    try:
        objects = extract_records(payload, dataset, path)
    except RecordsNotFound:
        return None
    names = _field_names(objects[:SCORED_RECORDS])
    fields = [field for field in dataset.fields if field.aliases and field.presence != "optional"]
    absent = [field for field in fields if names.isdisjoint(field.aliases)]
    similar = sum(any(name_similarity(name, field) >= MIN_SIMILARITY for name in names) for field in absent)
    return Candidate(path, objects, (len(fields) - len(absent) + SIMILAR_FIELD * similar) / max(len(fields), 1))


def search_records(payload: Any, dataset: Dataset) -> Candidate | None:
    """The most likely records: lists before objects, then by score, then the shallowest."""
    ranked = []
    for path, value in islice(_containers(payload, "", MAX_DEPTH), MAX_PATHS):
        candidate = records_at(payload, dataset, path)
        if candidate and candidate.score >= MIN_SCORE:
            ranked.append((isinstance(value, list), candidate.score, -path.count("."), candidate))
    return max(ranked, key=itemgetter(0, 1, 2))[3] if ranked else None


def _containers(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """The objects and lists down to ``depth``, with their paths."""
    yield path, value
    if not isinstance(value, dict) or depth == 0 or _is_keyed_by_code(value):
        return
    for name, inner in value.items():
        if isinstance(inner, dict | list) and is_plain_name(name) and "." not in name:
            yield from _containers(inner, f"{path}.{name}" if path else name, depth - 1)


def _is_keyed_by_code(value: dict[str, Any]) -> bool:
    """Whether an object is a list keyed by code: its keys are no field names."""
    types = {type(inner) for inner in value.values()}
    numeric = any(name.isdecimal() for name in value)
    all_objects = types == {dict} and (numeric or len(value) > 1)
    return len(value) > MAX_KEYS or all_objects or (numeric and types == {list})


def _field_names(objects: list[Any]) -> set[str]:
    return {name for item in objects if isinstance(item, dict) for name in item}
