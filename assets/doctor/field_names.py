"""Compares the field names of a response with a dataset definition: missing, unknown and renamed fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Any

from assets.declaration import UNITS, Dataset, Field
from assets.doctor.anonymise import display_name, example, fields_by_alias, is_plain_name
from assets.doctor.findings import Finding
from assets.errors import AnswerRefused
from assets.normalise import Piece, normalise
from assets.suspicion import unknown_fields
from smsonline.privacy import REDACTED

Record = Mapping[str, Any]

MIN_SIMILARITY = 0.74
SYNONYM = 0.95
CONTAINED = 0.8
# A shorter name is contained in too many others.
MIN_CONTAINED_LENGTH = 4
MAX_MISFITS = 0.1
TESTED_VALUES = 500
# Other names for a column: those of similar vendors (vendor-api.md, section 6) and obvious guesses.
SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "country_code": ("countryId", "cCode", "cId", "iso", "code", "id"),
        "country": ("countryName", "title", "name"),
        "carrier": ("operator", "provider", "carrierName"),
        "service_code": ("serviceId", "sCode", "sId", "product", "code", "id"),
        "service": ("serviceName", "title", "name"),
        "price_cents": ("price", "cost", "amount", "retailPrice"),
        "purchase_price_cents": ("purchasePrice", "price", "cost", "charged"),
        "stock": ("available", "quantity", "qty", "inStock", "amount"),
        "rank": ("position", "place", "index"),
        "success_rate": ("rate", "deliveryRate", "percent", "ratio"),
        "attempts": ("orders", "totalCount", "tries"),
        "successes": ("delivered", "successful", "successCount", "completed"),
        "average_seconds": ("average", "avgSeconds", "averageTime", "avgTime", "meanSeconds", "wait"),
        "order_id": ("id", "order"),
        "payment_id": ("id", "uuid", "invoiceId"),
        "session_id": ("uuid", "session"),
        "amount_cents": ("amount", "sum", "value", "total", "price"),
        "balance_cents": ("balance", "credit", "funds", "money"),
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
    unknown = {
        name: [record[name] for record in records if name in record][:TESTED_VALUES]
        for name in sorted(unknown_fields(dataset, present))
    }
    missing = [field for field in dataset.fields if field.names and not present.intersection(field.names)]
    substituted = [field for field in dataset.fields if _uses_fallback(field, present)]
    renamed = match_renamed_fields([*missing, *substituted], unknown)
    # Two columns may read one field: it is reported for the first.
    reported = {field.names[0]: field for field in reversed(missing) if field.presence != "optional"}
    findings = [_missing(field, renamed.get(field.column), unknown) for field in reversed(reported.values())]
    findings += [finding for field in dataset.fields for finding in _fallback_findings(field, records)]
    findings += [_unknown(name, records, dataset, is_renamed=name in renamed.values()) for name in unknown]
    by_column = {field.column: field for field in dataset.fields}
    return findings, {column: (name, *by_column[column].names) for column, name in renamed.items()}


def match_renamed_fields(missing: Iterable[Field], unknown: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """``{column: unknown name}``: a field and a name match if each is the other's only best candidate.

    ``unknown`` holds some values per name; they have to be readable as the field. Columns that read one field share
    the match.
    """
    fields: dict[tuple[str, ...], list[Field]] = {}
    for field in missing:
        fields.setdefault(field.names, []).append(field)
    scores = {
        (aliases, name): score
        for aliases, columns in fields.items()
        for name, values in unknown.items()
        if is_plain_name(name)
        and (score := max(name_similarity(name, field) for field in columns)) >= MIN_SIMILARITY
        and any(values_fit(field, values) for field in columns)
    }
    best: dict[Any, float] = {}
    for (aliases, name), score in scores.items():
        best[aliases], best[name] = max(score, best.get(aliases, 0)), max(score, best.get(name, 0))
    top = [pair for pair, score in scores.items() if score == best[pair[0]] == best[pair[1]]]
    sides = [side for pair in top for side in pair]
    pairs = [pair for pair in top if sides.count(pair[0]) == sides.count(pair[1]) == 1]
    return {field.column: name for aliases, name in pairs for field in fields[aliases]}


def name_similarity(name: str, field: Field) -> float:
    """From 0 to 1: how much ``name`` resembles the field's aliases, its column and their synonyms."""
    word = _letters(name)
    declared = {_letters(alias) for alias in (*field.names, field.column)}
    synonyms = {_letters(synonym) for synonym in SYNONYMS.get(field.column, ())}
    if word in declared:
        return 1.0
    if word in synonyms:
        return SYNONYM
    return max((_letter_similarity(word, candidate) for candidate in declared | synonyms), default=0.0)


def values_fit(field: Field, values: Sequence[Any]) -> bool:
    """Whether ``values`` can be read as ``field``, in whatever unit. Redacted and absent values cannot."""
    records = [{field.names[0]: value} for value in values if value is not None]
    if not records or any(value == REDACTED for value in values):
        return False
    units = UNITS.get(field.kind, (field.unit,))
    return any(_misfits(replace(field, unit=unit), records) <= MAX_MISFITS for unit in units)


def _misfits(field: Field, records: Sequence[Record]) -> float:
    """The share of records that a load of this column alone rejects."""
    column = Dataset("column", "", key=(field.column,), fields=(field,), cadence_minutes=1)
    try:
        return len(normalise(column, [Piece("", "", {}, records)], "").rejects) / len(records)
    except AnswerRefused:
        return 1.0


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _letter_similarity(left: str, right: str) -> float:
    ratio = SequenceMatcher(None, left, right).ratio()
    short, long = sorted((left, right), key=len)
    return max(ratio, CONTAINED) if len(short) >= MIN_CONTAINED_LENGTH and short in long else ratio


def _missing(field: Field, renamed: str | None, unknown: Mapping[str, Sequence[Any]]) -> Finding:
    required = field.presence == "required"
    text = "required, but in no record" if required else "in no record"
    redacted = [
        name
        for name, values in unknown.items()
        if REDACTED in values and name_similarity(name, field) >= MIN_SIMILARITY
    ]
    if renamed:
        text += f"; '{display_name(renamed)}' looks like it"
    elif redacted:
        text += (
            f"; '{display_name(redacted[0])}' looks like it, but undeclared fields of a private response are redacted"
            " before it is read: only a new version of this program can read it"
        )
    return Finding("missing", "breaking" if required else "note", text, field.names[0], field.column)


def _unknown(name: str, records: Sequence[Record], dataset: Dataset, *, is_renamed: bool) -> Finding:
    values = [record[name] for record in records if name in record]
    value = next((value for value in values if value is not None), None)
    text = f"unknown field, in {len(values)} of {len(records)} records; stored in 'extra'"
    shown = example(value, name, fields_by_alias([dataset]))
    return Finding(
        "unknown", "note", text + ("; see the suggestion" if is_renamed else ""), display_name(name), "", shown
    )


def _uses_fallback(field: Field, present: set[str]) -> bool:
    """Whether a required field is present, but only under another alias than its first."""
    return field.presence == "required" and bool(present.intersection(field.names)) and field.names[0] not in present


def _fallback_findings(field: Field, records: Sequence[Record]) -> list[Finding]:
    """Whether some records give a required field only under another alias than its first."""
    if field.presence != "required" or len(field.names) < 2:
        return []
    gaps = [record for record in records if record.get(field.names[0]) is None]
    used = {name for record in gaps for name in field.names[1:] if record.get(name) is not None}
    if not used:
        return []
    text = f"null or missing in {len(gaps)} of {len(records)} records; '{min(used)}' is used instead"
    return [Finding("missing", "note", text, field.names[0], field.column)]
