"""Compares the field names of a response with a dataset definition: missing, unknown and renamed fields."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Any

from assets.datasets import Dataset, Field
from assets.doctor.anonymise import display_name, example, fields_by_alias, is_plain_name
from assets.doctor.findings import Finding
from assets.doctor.value_findings import Record, values_fit
from assets.normalise.contract import unknown_fields
from smsonline.pii import REDACTED

MIN_SIMILARITY = 0.74
TESTED_VALUES = 500
# Other names for a column: those of similar vendors (vendor-api.md, section 6) and obvious guesses.
SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "country_code": ("countryId", "cCode", "cId", "iso", "code", "id"),
        "country": ("countryName", "title", "name"),
        "carrier": ("operator", "provider", "carrierName"),
        "service_code": ("serviceId", "sCode", "sId", "product", "code", "id"),
        "service": ("serviceName", "title", "name"),
        "price_cents": ("cost", "amount", "retailPrice"),
        "purchase_price_cents": ("price", "cost", "charged"),
        "stock": ("available", "quantity", "qty", "inStock", "amount"),
        "rank": ("position", "place", "index"),
        "success_rate": ("rate", "deliveryRate", "successPercent", "percent", "ratio"),
        "attempts": ("orders", "totalCount", "tries"),
        "successes": ("delivered", "successful", "successCount", "completed"),
        "average_seconds": ("average", "avgSeconds", "averageTime", "avgTime", "meanSeconds", "wait"),
        "order_id": ("id", "order"),
        "payment_id": ("id", "uuid", "invoiceId"),
        "session_id": ("uuid", "session"),
        "amount_cents": ("amount", "sum", "value", "total", "price"),
        "balance_cents": ("credit", "funds", "money"),
        "total_charges_cents": ("totalCharges", "total", "charged", "totalTopups"),
        "status": ("state",),
        "created_at": ("created", "date", "createdOn", "createdAt"),
        "issued_at": ("issued", "created", "createdAt"),
        "expires_at": ("expires", "expiry", "expiresAt", "validUntil", "end"),
        "percent": ("discount", "rate"),
        "sms_count": ("messages", "smsList", "texts"),
    }
)


def field_findings(dataset: Dataset, records: Sequence[Record]) -> tuple[list[Finding], dict[str, tuple[str, ...]]]:
    """Missing and unknown fields, and new aliases by column where an unknown field is probably a missing one."""
    present = {name for record in records for name in record}
    names = sorted(unknown_fields(dataset, present))
    unknown = {name: [record[name] for record in records if name in record] for name in names}
    missing = [field for field in dataset.fields if field.aliases and not present.intersection(field.aliases)]
    # A required field that is present only under a later alias may be renamed as well.
    required = [field for field in dataset.fields if field.aliases and field.presence == "required"]
    fallback = [field for field in required if field not in missing and field.aliases[0] not in present]
    renamed = match_renamed_fields([*missing, *fallback], unknown)
    # Two columns may read one field: it is reported for the first.
    reported = {field.aliases[0]: field for field in reversed(missing) if field.presence != "optional"}
    findings = [_missing(field, renamed.get(field.column), unknown) for field in reversed(reported.values())]
    for field in required:
        gaps = [record for record in records if record.get(field.aliases[0]) is None]
        used = {name for record in gaps for name in field.aliases[1:] if record.get(name) is not None}
        if used:
            text = f"null or missing in {len(gaps)} of {len(records)} records; '{min(used)}' is used instead"
            findings.append(Finding("missing", "note", text, field.aliases[0], field.column))
    for name, values in unknown.items():
        text = f"unknown field, in {len(values)} of {len(records)} records; stored in 'extra'"
        text += "; see the suggestion" if name in renamed.values() else ""
        value = next((value for value in values if value is not None), None)
        shown = example(value, name, fields_by_alias([dataset]))
        findings.append(Finding("unknown", "note", text, display_name(name), "", shown))
    declared = {field.column: field.aliases for field in dataset.fields}
    return findings, {column: (name, *declared[column]) for column, name in renamed.items()}


def match_renamed_fields(missing: Iterable[Field], unknown: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """``{column: unknown name}``: a field and a name match if each is the other's only best candidate.

    ``unknown`` are the values by name; they have to be readable as the field. Columns that read one field share the
    match.
    """
    fields: dict[tuple[str, ...], list[Field]] = {}
    for field in missing:
        fields.setdefault(field.aliases, []).append(field)
    scores: dict[tuple[tuple[str, ...], str], float] = {}
    for name, values in unknown.items():
        for aliases, columns in fields.items() if is_plain_name(name) else ():
            score = max(name_similarity(name, field) for field in columns)
            if score >= MIN_SIMILARITY and any(values_fit(field, values[:TESTED_VALUES]) for field in columns):
                scores[aliases, name] = score

    def is_only_best(aliases: tuple[str, ...], name: str) -> bool:
        rivals = (pair for pair in scores if pair != (aliases, name) and (pair[0] == aliases or pair[1] == name))
        return scores[aliases, name] > max((scores[pair] for pair in rivals), default=0)

    return {field.column: name for aliases, name in scores if is_only_best(aliases, name) for field in fields[aliases]}


def name_similarity(name: str, field: Field) -> float:
    """From 0 to 1: how much ``name`` resembles one of the field's names or a synonym."""
    letters = [re.sub(r"[\W_]", "", term).lower() for term in (name, *field.aliases, field.column)]
    synonyms = [synonym.lower() for synonym in SYNONYMS.get(field.column, ())]
    return max(SequenceMatcher(None, letters[0], term).ratio() for term in (*letters[1:], *synonyms))


def _missing(field: Field, renamed: str | None, unknown: Mapping[str, Sequence[Any]]) -> Finding:
    required = field.presence == "required"
    text = "required, but in no record" if required else "in no record"
    similar = (name for name in unknown if name_similarity(name, field) >= MIN_SIMILARITY)
    redacted = next((name for name in similar if REDACTED in unknown[name]), None)
    if renamed:
        text += f"; '{display_name(renamed)}' looks like it"
    elif redacted:
        text += (
            f"; '{display_name(redacted)}' looks like it, but undeclared fields of a private response are redacted"
            " before it is read: only a new version of this program can read it"
        )
    return Finding("missing", "breaking" if required else "note", text, field.aliases[0], field.column)
