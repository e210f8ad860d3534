"""Extraction of the records from a decoded response, and refusal of one that says it is not complete."""

from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from assets.datasets import Dataset
from assets.errors import IncompleteResponse, RecordsNotFound
from assets.normalise.record_list import RecordList, as_list, list_in_object
from assets.normalise.storable_json import rejected_records
from smsonline.values.paging import incomplete_member, plain_name
from smsonline.values.record_list import ENVELOPE, is_keyed_by_position
from warehouse.loading.batch import MAX_EXAMPLES

JSON_NAMES = {dict: "an object", list: "a list", str: "text", bool: "a flag", type(None): "null"}


class ResponseSource(Protocol):
    """A response that can be loaded, fetched just now or stored in raw."""

    @property
    def response_id(self) -> str:
        """Its row in ``raw.responses``."""

    @property
    def requested_at(self) -> datetime:
        """When the successful attempt was sent, UTC."""

    @property
    def sha256(self) -> str:
        """Hex digest of the stored body."""

    @property
    def payload(self) -> Any:
        """The decoded body. Raises ``ValueError`` when it is not JSON."""


def read_records(source: ResponseSource, dataset: Dataset, records_path: str) -> RecordList:
    """The records of a response.

    Raises ``RecordsNotFound``, also when it is not JSON, and ``IncompleteResponse`` when it speaks of more.
    """
    try:
        records = extract_records(source.payload, dataset, records_path)
    except ValueError as error:
        raise RecordsNotFound(f"{dataset.name}: {error}") from None
    if problem := incompleteness(records, dataset):
        rejects = list(islice(rejected_records(source.response_id, records, problem), MAX_EXAMPLES))
        raise IncompleteResponse(f"{dataset.name}: {problem}", len(records), rejects)
    return records


def incompleteness(records: RecordList, dataset: Dataset) -> str | None:
    """Why the records are not all, in one line; ``None`` when nothing says so.

    A list that a limit cuts is not complete anyway, and an object is no list.
    """
    if dataset.is_object or not dataset.full_snapshot:
        return None
    member = incomplete_member(
        records.members, records.counts, frozenset(dataset.envelope_members), plain_name(dataset.name)
    )
    if member is None:
        return None
    path, value = member
    return (
        f"{len(records)} records came, but {path!r} is {value}: the response is not complete, further pages are not "
        f"read; if that is no paging, set [datasets.{dataset.name}] envelope_members = [{path!r}] in smsonline.toml"
    )


def extract_records(payload: Any, dataset: Dataset, records_path: str) -> RecordList:
    """The records of ``payload``: a list of dicts, or of whatever stands where a record should.

    ``records_path`` is their dotted path. A bare array without the envelope is accepted, and so is a list that PHP sent
    as an object, or that an object such as ``{"items": [...], "meta": {...}}`` wraps. Records nested by code are
    flattened: with the levels ``cShort``, ``sShort`` the object ``{"12": {"ds": {"price": 16}}}`` is the record
    ``{"cShort": "12", "sShort": "ds", "price": 16}``. Null and an empty object are an empty list. Raises
    ``RecordsNotFound`` when there is none of these.
    """
    value, members = _select(payload, records_path, dataset)
    extracted = _records_at_path(value, dataset)
    records: list[Any] = extracted
    if dataset.array_columns:
        records = [_zip_array(record, dataset.array_columns) for record in records]
    if dataset.explode:
        records = [element for record in records for element in _explode(record, *dataset.explode)]
    expected = {*ENVELOPE, *dataset.envelope_members}
    unknown = {name: inner for name, inner in (members | extracted.members).items() if name not in expected}
    return RecordList(records, unknown, *extracted.counts)


def _select(payload: Any, records_path: str, dataset: Dataset) -> tuple[Any, dict[str, Any]]:
    """The value at the path, and the members of the objects around it."""
    members: dict[str, Any] = {}
    value, steps = payload, list(filter(None, records_path.split(".")))
    if isinstance(value, dict) and steps[:1] == ["body"] and "body" not in value and "ok" not in value:
        value = {"body": {name: inner for name, inner in value.items() if name != "error" or inner}}
    for index, step in enumerate(steps):
        if isinstance(value, list) and not dataset.is_object:
            break
        if index and value in (None, {}):  # nothing, instead of an object that holds an empty list
            return [], members
        if not isinstance(value, dict) or step not in value:
            raise _no_records(dataset, f"'{step}' is missing", records_path)
        members |= {name: inner for name, inner in value.items() if name != step}
        value = value[step]
    return value, members


def _records_at_path(value: Any, dataset: Dataset) -> RecordList:
    if dataset.is_object:
        elements = as_list(value, dataset, ())
        record = elements[0] if elements and len(elements) == 1 else value
        if not isinstance(record, dict):
            raise _no_records(dataset, f"one object was expected, {_describe(value)}")
        return RecordList([record])
    if isinstance(value, list):
        return RecordList(value)
    if value is None or value == {}:
        return RecordList([])
    records = list_in_object(value, dataset) if isinstance(value, dict) else None
    if records is None:
        raise _no_records(dataset, _unexpected(value, dataset))
    return records


def _unexpected(value: Any, dataset: Dataset) -> str:
    if not (isinstance(value, dict) and dataset.nesting_keys):
        return f"a list was expected, {_describe(value)}"
    while isinstance(value, dict) and value:
        value = next(iter(value.values()))
    return f"a list, or objects nested by {', '.join(dataset.nesting_keys)} were expected, in them {_describe(value)}"


def _zip_array(record: Any, names: tuple[str, ...]) -> Any:
    """A record that is an array as an object; elements without a name are ``element_3`` and so on."""
    if isinstance(record, list):
        record = {str(position): element for position, element in enumerate(record)}
    if not is_keyed_by_position(record):
        return record
    named = dict(enumerate(names))
    return {named.get(int(position), f"element_{position}"): element for position, element in record.items()}


def _explode(record: Any, list_field: str, element_field: str) -> list[Any]:
    """One record per element of the list: ``{"carriers": ["any"]}`` becomes ``{"carrier": "any"}``."""
    elements = record.get(list_field) if isinstance(record, dict) else None
    if is_keyed_by_position(elements):
        elements = list(elements.values())
    if not isinstance(elements, list):
        return [record]
    rest = {name: value for name, value in record.items() if name != list_field}
    return [rest | (element if isinstance(element, dict) else {element_field: element}) for element in elements]


def _no_records(dataset: Dataset, problem: str, records_path: str = "") -> RecordsNotFound:
    where = f" at '{records_path}'" if records_path else ""
    return RecordsNotFound(
        f"{dataset.name}: no records{where} in the response: {problem}; "
        f'if the shape has changed, set [datasets.{dataset.name}] records = "..." in smsonline.toml'
    )


def _describe(value: Any) -> str:
    """A JSON value in a few words, without quoting it."""
    return f"{JSON_NAMES.get(type(value), 'a number')} came" + (" (empty)" if value in ({}, [], "") else "")
