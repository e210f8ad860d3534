"""Records to typed rows: column by column with pandas, a reason for every fault, nothing dropped in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa

from assets.columns import ARROW_TYPES, Converted, convert
from assets.declaration import Dataset, Field
from assets.errors import FieldMissing
from assets.suspicion import check_units, drift_of, unknown_fields
from warehouse.loading.batch import RejectedRecord, SchemaDrift

ENCODER = msgspec.json.Encoder(order="sorted", decimal_format="number")


@dataclass(frozen=True)
class Piece:
    """The records of one answer: ``part`` and ``params`` say which request, ``response_id`` which raw response.

    ``records`` are a list, or typed columns where they are exactly as declared.
    """

    part: str
    response_id: str
    params: Mapping[str, str]
    records: Any


@dataclass(frozen=True)
class Normalised:
    """``rows``: the business columns plus ``part``. ``protected``: keys of rejected records whose key could be read.

    ``rejected`` counts per part; ``unreadable`` names the parts with a rejected record whose key could not be read.
    """

    rows: pa.Table
    protected: pa.Table
    rejects: Sequence[RejectedRecord]
    rejected: Mapping[str, int]
    unreadable: frozenset[str]
    drift: Sequence[SchemaDrift]


def normalise(dataset: Dataset, pieces: Sequence[Piece], account_id: str) -> Normalised:
    """The typed rows of ``pieces`` and everything that did not fit.

    Raises ``FieldMissing`` when a required field is in no record, ``UnitSuspicious`` when the numbers look counted in
    another unit than the declared one.
    """
    records = list(chain.from_iterable(piece.records for piece in pieces))
    objects = records if set(map(type, records)) <= {dict} else [r if type(r) is dict else {} for r in records]
    present = set(chain.from_iterable(objects))
    origin = pa.array(np.repeat(np.arange(len(pieces)), [len(piece.records) for piece in pieces]))
    columns = {each.column: _column(dataset, each, objects, present, pieces, origin) for each in dataset.fields}
    check_units(dataset, columns)
    frame = _frame(dataset, columns, objects, present, account_id)
    frame["part"] = _series(pa.array([piece.part for piece in pieces], pa.string()).take(origin))
    faults = _faults(dataset, frame, columns, records)
    return _split(dataset, frame, faults, pieces, records, drift_of(dataset, objects, present, columns))


def _column(
    dataset: Dataset, each: Field, objects: list[Any], present: set[str], pieces: Sequence[Piece], origin: pa.Array
) -> Converted:
    if each.param:
        return of_params(each, pieces, origin)
    names = [name for name in each.names if name in present]
    if not names:
        if each.presence == "required" and objects:
            raise FieldMissing(f"{dataset.name}: the required field '{each.names[0]}' is missing from the answer")
        return Converted(pa.nulls(len(objects), ARROW_TYPES[each.kind]))
    values = [record.get(names[0]) for record in objects]
    for name in names[1:]:
        values = [record.get(name) if value is None else value for value, record in zip(values, objects, strict=True)]
    return convert([each.take(value) for value in values] if each.take else values, each)


def of_params(each: Field, pieces: Sequence[Piece], origin: pa.Array) -> Converted:
    """A column that the requests give; ``origin`` is the piece's position per record."""
    return Converted(pa.array([piece.params[each.param] for piece in pieces], pa.string()).take(origin))


def _frame(
    dataset: Dataset, columns: Mapping[str, Converted], objects: list[Any], present: set[str], account_id: str
) -> pd.DataFrame:
    series = {"account_id": _series(repeated(account_id, len(objects)))} if dataset.per_account else {}
    series |= {name: _series(column.array) for name, column in columns.items()}
    unknown = sorted(unknown_fields(dataset, present))
    series["extra"] = _series(_extra(objects, unknown) if unknown else pa.nulls(len(objects), pa.string()))
    return pd.DataFrame(series)


def _extra(objects: list[Any], unknown: list[str]) -> pa.Array:
    found = ({name: record[name] for name in unknown if name in record} for record in objects)
    return pa.array([ENCODER.encode(each).decode() if each else None for each in found], pa.string())


def repeated(text: str, times: int) -> pa.Array:
    """The text so many times."""
    return pa.array([text], pa.string()).take(pa.array(np.zeros(times, dtype="int64")))


def _series(array: pa.Array) -> pd.Series[Any]:
    return pd.Series(pd.arrays.ArrowExtensionArray(array))


def _faults(
    dataset: Dataset, frame: pd.DataFrame, columns: Mapping[str, Converted], records: list[Any]
) -> dict[int, list[str]]:
    """Reasons per row number."""
    faults: dict[int, list[str]] = {}
    if set(map(type, records)) - {dict}:
        faults = {row: ["not an object"] for row, record in enumerate(records) if type(record) is not dict}
    for name, column in columns.items():
        for number, reason in column.reasons.items():
            faults.setdefault(number, []).append(reason)
        required = name in dataset.key or any(f.column == name and f.presence == "required" for f in dataset.fields)
        for row in np.flatnonzero(_absent(frame[name])).tolist() if required else ():
            if row not in column.reasons and type(records[row]) is dict:
                faults.setdefault(row, []).append(f"{name}: missing")
    return faults


def _absent(series: pd.Series[Any]) -> Any:
    empty = series.isna()
    return empty | (series == "").fillna(value=False) if pa.types.is_string(series.array._pa_array.type) else empty


def _split(
    dataset: Dataset,
    frame: pd.DataFrame,
    faults: Mapping[int, list[str]],
    pieces: Sequence[Piece],
    records: list[Any],
    drift: Sequence[SchemaDrift],
) -> Normalised:
    keys = frame[list(dataset.key)]
    if not faults:
        return Normalised(_arrow(frame), _arrow(keys[:0]), (), {}, frozenset(), drift)
    bad = np.zeros(len(frame), dtype=bool)
    bad[list(faults)] = True
    readable = bad & ~np.logical_or.reduce([_absent(keys[name]).to_numpy() for name in dataset.key])
    starts = [0, *accumulate(len(piece.records) for piece in pieces)]
    owner = np.searchsorted(starts, sorted(faults), side="right") - 1
    rejects = [
        RejectedRecord(
            pieces[piece].response_id, row - starts[piece], ENCODER.encode(records[row]).decode(), faults[row]
        )
        for row, piece in zip(sorted(faults), owner.tolist(), strict=True)
    ]
    return Normalised(
        rows=_arrow(frame[~bad]),
        protected=_arrow(keys[readable]),
        rejects=rejects,
        rejected=Counter(frame.loc[bad, "part"]),
        unreadable=frozenset(frame.loc[bad & ~readable, "part"]),
        drift=drift,
    )


def _arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)
