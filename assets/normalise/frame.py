"""Records to typed rows with pandas.

A frame of raw values becomes one typed column and one Series of reasons per field; a mask over the rows splits off the
rejected records. Every record ends as a row or as a reject with its reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from typing import Any

import pandas as pd
import pyarrow as pa

from assets.datasets import Dataset, Field
from assets.errors import ContractViolation, MissingField
from assets.normalise.contract import check_units, envelope_drift, schema_drift, unknown_fields
from assets.normalise.storable_json import ENCODER, find_problem, rejected_records, storable_json
from assets.normalise.types import DTYPES, TypedColumn, convert_columns, is_missing
from smsonline.values.amounts import quote
from warehouse.loading.batch import MAX_EXAMPLES, RejectedRecord, SchemaDrift

TEXT = DTYPES["text"]


@dataclass(frozen=True)
class ParsedResponse:
    """The records of one response, the partition it holds, and the parameters of its request."""

    partition: str
    response_id: str
    params: Mapping[str, str]
    records: Sequence[Any]


@dataclass(frozen=True)
class NormalisedRecords:
    """``rows``: the business columns plus ``part``. ``rejected_keys``: keys of rejected records that could be read.

    ``reject_counts`` is per partition; ``unreadable_partitions`` have a rejected record whose key could not be read.
    """

    rows: pa.Table
    rejected_keys: pa.Table
    rejects: Sequence[RejectedRecord]
    reject_counts: Mapping[str, int]
    unreadable_partitions: frozenset[str]
    drift: Sequence[SchemaDrift]


def normalise(dataset: Dataset, responses: Sequence[ParsedResponse], account_id: str) -> NormalisedRecords:
    """The typed rows of ``responses``, and every record and field that did not fit.

    Raises ``MissingField`` when a required field is in no record, ``UnitMismatch`` when the numbers look counted in
    another unit than the declared one; both with the number of records and examples.
    """
    try:
        return _normalise(dataset, responses, account_id)
    except ContractViolation as violation:
        violation.fetched = sum(len(response.records) for response in responses)
        reason = str(violation).partition(";")[0]
        every = (rejected_records(response.response_id, response.records, reason) for response in responses)
        violation.rejects = list(islice(chain.from_iterable(every), MAX_EXAMPLES))
        raise


def _normalise(dataset: Dataset, responses: Sequence[ParsedResponse], account_id: str) -> NormalisedRecords:
    records = list(chain.from_iterable(response.records for response in responses))
    not_objects = [row for row, record in enumerate(records) if type(record) is not dict]
    objects = [record if type(record) is dict else {} for record in records] if not_objects else records
    present: set[str] = set().union(*objects)
    declared = {name for field in dataset.fields for name in field.aliases}
    # dtype=object: whole numbers beside nulls must not become floats.
    table = pd.DataFrame(objects, columns=sorted(declared & present), dtype=object)
    raw = {field.column: _raw_values(dataset, field, table, responses) for field in dataset.fields}
    columns = convert_columns(dataset.fields, raw)
    check_units(dataset, columns)
    unknown = unknown_fields(dataset, present)
    drift = [
        *envelope_drift([response.records for response in responses]),
        *schema_drift(dataset, objects, present, columns),
    ]

    account = {"account_id": pd.Series(account_id, table.index, dtype=TEXT)} if "account_id" in dataset.key else {}
    frame = pd.DataFrame(account | {name: column.values for name, column in columns.items()}, index=table.index)
    frame["extra"], unstorable = _extra(objects, unknown)
    frame["part"] = _per_record([response.partition for response in responses], responses)
    reasons = _reasons_by_row(dataset, columns, not_objects, unstorable)
    return _split_rejected(dataset, frame, reasons, responses, records, drift)


def _raw_values(
    dataset: Dataset, field: Field, table: pd.DataFrame, responses: Sequence[ParsedResponse]
) -> pd.Series[Any]:
    """The field's values, of several spellings the first that is not null, or the value of the request's parameter."""
    if field.from_param:
        return _per_record([response.params[field.from_param] for response in responses], responses)
    names = [name for name in field.aliases if name in table]
    if not names:
        if field.presence == "required" and len(table):
            raise MissingField(f"{dataset.name}: the required field '{field.aliases[0]}' is missing from the response")
        return pd.Series(None, index=table.index, dtype=object)
    values: pd.Series[Any] = table[names[0]]
    for name in names[1:]:
        values = values.where(values.notna(), table[name])
    if field.transform:
        # Not Series.map: it infers float64 for whole numbers beside nulls.
        given = values.dropna()
        values = pd.Series([field.transform(value) for value in given], given.index, dtype=object).reindex(table.index)
    return values


def _per_record(texts: Sequence[str], responses: Sequence[ParsedResponse]) -> pd.Series[Any]:
    """The text of each response, repeated for each of its records."""
    sizes = [len(response.records) for response in responses]
    return pd.Series(texts, dtype=TEXT).repeat(sizes).reset_index(drop=True)


def _extra(objects: Sequence[Mapping[str, Any]], unknown: Sequence[str]) -> tuple[pd.Series[Any], dict[int, str]]:
    """The unknown fields of each record as JSON, null for a record that has none; and by row why they cannot be stored.

    All of a record's names and values are stored as one text, so one that cannot be stored spoils the record.
    """
    if not unknown:
        return pd.Series(None, index=range(len(objects)), dtype=TEXT), {}
    texts: list[str | None] = []
    unstorable: dict[int, str] = {}
    for row, record in enumerate(objects):
        extra = {name: record[name] for name in unknown if name in record}
        problem = find_problem(extra) if extra else None
        if problem:
            unstorable[row] = f"{_problem_field(extra)}: {problem}"
        texts.append(ENCODER.encode(extra).decode() if extra and not problem else None)
    return pd.Series(texts, dtype=TEXT), unstorable


def _problem_field(extra: Mapping[str, Any]) -> str:
    """The first field that cannot be stored, as it can be shown."""
    return quote(next(name for name, value in extra.items() if find_problem({name: value})))


def _reasons_by_row(
    dataset: Dataset, columns: Mapping[str, TypedColumn], not_objects: list[int], unstorable: Mapping[int, str]
) -> pd.Series[Any]:
    """The reasons of each rejected record as a list, by row."""
    reasons = [pd.Series("not an object", not_objects, dtype=object)]
    required = {*dataset.key, *(field.column for field in dataset.fields if field.presence == "required")}
    for name, column in columns.items():
        reasons.append(column.reasons)
        if name in required:
            missing = column.values.index[is_missing(column.values)].difference([*column.reasons.index, *not_objects])
            reasons.append(pd.Series(f"{name}: missing", missing, dtype=object))
    reasons.append(pd.Series(unstorable, dtype=object))
    every = [series for series in reasons if len(series)]
    return pd.concat(every).groupby(level=0).agg(list) if every else pd.Series(dtype=object)


def _split_rejected(
    dataset: Dataset,
    frame: pd.DataFrame,
    reasons: pd.Series[Any],
    responses: Sequence[ParsedResponse],
    records: Sequence[Any],
    drift: Sequence[SchemaDrift],
) -> NormalisedRecords:
    keys = frame[list(dataset.key)]
    if reasons.empty:
        return NormalisedRecords(_to_arrow(frame), _to_arrow(keys[:0]), (), {}, frozenset(), drift)
    rejected = pd.Series(frame.index.isin(reasons.index))
    no_key = pd.concat([is_missing(keys[name]) for name in dataset.key], axis=1).any(axis=1)
    return NormalisedRecords(
        rows=_to_arrow(frame[~rejected]),
        rejected_keys=_to_arrow(keys[rejected & ~no_key]),
        rejects=_rejects(reasons, responses, records),
        reject_counts=Counter(frame["part"][rejected]),
        unreadable_partitions=frozenset(frame["part"][rejected & no_key]),
        drift=drift,
    )


def _rejects(
    reasons: pd.Series[Any], responses: Sequence[ParsedResponse], records: Sequence[Any]
) -> list[RejectedRecord]:
    """The rejected records as JSON; the row index counts within the record's own response."""
    sizes = [len(response.records) for response in responses]
    ids = _per_record([response.response_id for response in responses], responses)
    first_rows = pd.Series(list(accumulate(sizes, initial=0))[:-1]).repeat(sizes).reset_index(drop=True)
    return [
        RejectedRecord(ids[row], int(row - first_rows[row]), storable_json(records[row]), row_reasons)
        for row, row_reasons in zip(reasons.index.tolist(), reasons, strict=True)
    ]


def _to_arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)
