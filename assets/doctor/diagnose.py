"""Compares one response with one dataset definition: what a sync loads, and which override would fix it.

The doctor reads the response with the normaliser of the ordinary data path. It changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from assets.datasets import Dataset
from assets.doctor.field_names import field_findings
from assets.doctor.findings import Diagnosis, Finding, SuggestedOverride
from assets.doctor.record_search import Candidate, locate_records, records_at
from assets.doctor.value_findings import Rows, type_counts, unit_findings
from assets.errors import ContractViolation
from assets.normalise import ParsedResponse, incompleteness, normalise


@dataclass(frozen=True)
class DiagnosisInput:
    """A response as a sync would read it.

    ``payload`` is the decoded body without private contents, ``original`` the body as received (only its JSON types
    are reported). ``path`` is the dotted path of the records, ``params`` are those of the request, ``now`` is the
    vendor's clock in UTC. ``known_values`` are the status words by column.
    """

    payload: Any
    path: str
    now: datetime
    account_id: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    original: Any = None
    known_values: Mapping[str, frozenset[str]] = field(default_factory=dict)


def diagnose(dataset: Dataset, response: DiagnosisInput) -> Diagnosis:
    """Every difference between ``response`` and ``dataset``, and what a sync loads with the suggested override."""
    located, findings = locate_records(response.payload, dataset, response.path)
    if located is None:
        return Diagnosis(dataset.name, findings=findings, loads=False)
    override = SuggestedOverride(None if located.path == response.path else located.path)
    if problem := incompleteness(located.objects, dataset):
        incomplete = Finding("incomplete", "breaking", problem)
        return Diagnosis(dataset.name, len(located.objects), findings=[*findings, incomplete], loads=False)
    if not located.objects:
        empty = Finding("empty", "note", "the response holds no records: nothing could be compared")
        return Diagnosis(dataset.name, findings=[*findings, empty], override=override)
    return _compare(dataset, response, located, override, findings)


def _compare(
    dataset: Dataset,
    response: DiagnosisInput,
    located: Candidate,
    override: SuggestedOverride,
    findings: list[Finding],
) -> Diagnosis:
    records = [item if isinstance(item, dict) else {} for item in located.objects]
    named, aliases = field_findings(dataset, records)
    override = replace(override, aliases=aliases)
    counted, units = unit_findings(override.apply_to(dataset), records)
    override = replace(override, units=units)
    corrected = override.apply_to(dataset)
    findings = [*findings, *named, *counted]
    # Redaction turns numbers into texts: count the types of the response as received.
    original = records_at(response.original, dataset, located.path) if response.original is not None else None
    types = type_counts((original or located).objects)
    try:
        loaded = normalise(corrected, [ParsedResponse("", "", response.params, located.objects)], response.account_id)
    except ContractViolation as error:
        if not any(finding.severity == "breaking" for finding in findings):
            findings.append(Finding("refused", "breaking", str(error)))
        return Diagnosis(dataset.name, len(records), types=types, findings=findings, override=override, loads=False)
    rows = Rows(corrected, records, loaded, types, response.now)
    return Diagnosis(
        dataset.name,
        record_count=len(records),
        loaded=rows.distinct_keys,
        rejected=len(loaded.rejects),
        duplicates=loaded.rows.num_rows - rows.distinct_keys,
        types=types,
        findings=[*findings, *rows.findings(response.known_values)],
        override=override,
        loads=rows.distinct_keys > 0,
        rows=loaded.rows,
    )
