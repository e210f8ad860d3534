"""The short way for answers that are exactly as declared: decoded straight into typed columns.

Whatever is unusual (an unknown field, another type, a missing key, a rate out of range) ends it without a result: then
the general way finds the reasons. This one only has to be right when nothing is wrong, and a test holds both together.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from types import GenericAlias
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, UnsetType

from assets.columns import ARROW_TYPES, Converted, convert
from assets.declaration import Dataset, Field
from assets.normalise import Normalised, Piece, of_params, repeated
from assets.suspicion import check_units
from smsonline.response import BYTE_ORDER_MARK

TYPES: dict[str, Any] = {
    "text": str,
    "integer": int,
    "cents": int,
    "flag": bool,
    "number": float,
    "rate": float,
}
# Rates of up to so many decimals are found to be whole in this unit, and divided once: that rounds as the text would.
DECIMALS = 6


def exact_records(body: bytes, dataset: Dataset, place: str) -> pa.Table | None:
    """The typed columns of the records of ``body``, or ``None`` when it is not exactly as ``dataset`` declares.

    ``place`` is the dotted path of the records.
    """
    if dataset.single or dataset.explode or dataset.positions or not place:
        return None
    types = tuple(_type(dataset, name) for name in _names(dataset))
    try:
        answer = _decoder(tuple(_names(dataset)), types, place).decode(body.removeprefix(BYTE_ORDER_MARK))
    except (ValueError, ArithmeticError, RecursionError):
        return None
    for _ in place.split("."):
        answer = answer.inner
    columns: dict[str, pa.Array] = {}
    for each in dataset.fields:
        if not each.param:
            column = _column(dataset, each, answer)
            if column is None or column.reasons or column.retyped or _lacks_values(dataset, each, column.array):
                return None
            columns[each.column] = column.array
    return pa.table(columns)


def normalise_exactly(dataset: Dataset, pieces: Sequence[Piece], account_id: str) -> Normalised | None:
    """The rows of ``pieces``, whose records ``exact_records`` made; ``None`` when the general way has to look.

    Raises ``UnitSuspicious`` as that does.
    """
    records = pa.concat_tables([piece.records for piece in pieces])
    origin = pa.array(np.repeat(np.arange(len(pieces)), [len(piece.records) for piece in pieces]))
    columns = {
        each.column: of_params(each, pieces, origin) if each.param else Converted(records[each.column].combine_chunks())
        for each in dataset.fields
    }
    if any(_lacks_values(dataset, each, columns[each.column].array) for each in dataset.fields if each.param):
        return None
    check_units(dataset, columns)
    arrays = {"account_id": repeated(account_id, len(records))} if dataset.per_account else {}
    arrays |= {name: column.array for name, column in columns.items()}
    arrays["extra"] = pa.nulls(len(records), pa.string())
    arrays["part"] = pa.array([piece.part for piece in pieces], pa.string()).take(origin)
    rows = pa.table(arrays)
    return Normalised(rows, rows.select(list(dataset.key)).slice(0, 0), (), {}, frozenset(), ())


def _names(dataset: Dataset) -> list[str]:
    return sorted({name for each in dataset.fields for name in each.names} | set(dataset.ignored))


def _type(dataset: Dataset, name: str) -> Any:
    """The JSON type of a field that needs no second look; ``Any`` where several columns or a derivation read it."""
    readers = [each for each in dataset.fields if name in each.names]
    plain = all(each.take is None and not each.text_number and each.counted_in != "usd" for each in readers)
    return TYPES.get(readers[0].kind, Any) if plain and len({each.kind for each in readers}) == 1 else Any


@lru_cache(maxsize=64)
def _decoder(names: tuple[str, ...], types: tuple[Any, ...], place: str) -> msgspec.json.Decoder[Any]:
    fields = [
        (_attribute(number), Any if type_ is Any else type_ | None | UnsetType, UNSET)
        for number, type_ in enumerate(types)
    ]
    rename = {_attribute(number): name for number, name in enumerate(names)}
    record = msgspec.defstruct("Record", fields, rename=rename, forbid_unknown_fields=True, gc=False)
    wanted: Any = GenericAlias(list, (record,))
    for step in reversed(place.split(".")):
        wanted = msgspec.defstruct("Envelope", [("inner", wanted)], rename={"inner": step})
    return msgspec.json.Decoder(wanted, float_hook=Decimal)


def _attribute(number: int) -> str:
    return f"field_{number}"  # the vendor's names need not be Python's


def _column(dataset: Dataset, each: Field, records: list[Any]) -> Converted | None:
    """One column; ``None`` where a field that should be there is in no record."""
    if not records:
        return Converted(pa.nulls(0, ARROW_TYPES[each.kind]))
    names = _names(dataset)
    found = [list(map(attrgetter(_attribute(names.index(name))), records)) for name in each.names]
    present = [values for values in found if not all(value is UNSET for value in values)]
    if not present:
        return Converted(pa.nulls(len(records), ARROW_TYPES[each.kind])) if each.presence == "optional" else None
    values, *others = present
    for other in others:
        pairs = zip(_without_gaps(values), _without_gaps(other), strict=True)
        values = [second if first is None else first for first, second in pairs]
    return _typed(values, each, _type(dataset, each.names[0]))


def _without_gaps(values: list[Any]) -> list[Any]:
    return [None if value is UNSET else value for value in values]


def _typed(values: list[Any], each: Field, type_: Any) -> Converted | None:
    if type_ is Any:
        values = _without_gaps(values)
        return convert([each.take(value) for value in values] if each.take else values, each)
    try:
        array = _array(values, ARROW_TYPES[each.kind])
    except (OverflowError, UnicodeEncodeError, pa.ArrowException):
        return None
    return _rates(array, each) if each.kind == "rate" else Converted(array)


def _array(values: list[Any], type_: pa.DataType) -> pa.Array:
    """Most columns have no gap: to find that out first takes as long as half of the making."""
    try:
        return pa.array(values, type_)
    except pa.ArrowException:
        return pa.array(_without_gaps(values), type_)


def _rates(array: pa.Array, each: Field) -> Converted | None:
    if each.counted_in == "percent":
        array = _hundredth(array)
    found = pc.min_max(array).as_py()
    return Converted(array) if found["min"] is None or 0 <= found["min"] <= found["max"] <= 1 else None


def _hundredth(array: pa.Array) -> pa.Array:
    """Percent as the fractions nearest to the numbers as they are written."""
    percent = array.to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):  # out of range, which the caller sees
        whole = np.rint(percent * 10**DECIMALS)
    fractions = whole / 10 ** (DECIMALS + 2)
    for row in np.flatnonzero((whole / 10**DECIMALS != percent) & ~np.isnan(percent)).tolist():
        fractions[row] = float(Decimal(repr(float(percent[row]))).scaleb(-2))
    return pa.array(fractions, pa.float64(), mask=np.isnan(percent))


def _lacks_values(dataset: Dataset, each: Field, array: pa.Array) -> bool:
    """Whether a row lacks what no row may lack."""
    if each.presence != "required" and each.column not in dataset.key:
        return False
    empty = pa.types.is_string(array.type) and pc.any(pc.equal(array, "")).as_py()
    return bool(array.null_count or empty)
