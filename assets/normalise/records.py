"""Extraction of the records from a decoded response, in each of the shapes that the vendor may send."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol

from assets.datasets import Dataset
from assets.errors import RecordsNotFound

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


def read_records(source: ResponseSource, dataset: Dataset, records_path: str) -> list[Any]:
    """The records of a response. Raises ``RecordsNotFound``, also when it is not JSON."""
    try:
        return extract_records(source.payload, dataset, records_path)
    except ValueError as error:
        raise RecordsNotFound(f"{dataset.name}: {error}") from None


def extract_records(payload: Any, dataset: Dataset, records_path: str) -> list[Any]:
    """The records of ``payload``: a list of dicts, or of whatever stands where a record should.

    ``records_path`` is their dotted path. A bare array without the envelope is accepted. Records nested by code are
    flattened: with the levels ``cShort``, ``sShort`` the object ``{"12": {"ds": {"price": 16}}}`` is the record
    ``{"cShort": "12", "sShort": "ds", "price": 16}``. Raises ``RecordsNotFound`` when there is neither a list nor such
    an object.
    """
    records = _flatten(_select(payload, records_path, dataset), dataset)
    if dataset.array_columns:
        records = [_zip_array(record, dataset.array_columns) for record in records]
    if dataset.explode:
        records = [element for record in records for element in _explode(record, *dataset.explode)]
    return records


def _select(payload: Any, records_path: str, dataset: Dataset) -> Any:
    value, steps = payload, list(filter(None, records_path.split(".")))
    if isinstance(value, dict) and steps[:1] == ["body"] and "body" not in value and "ok" not in value:
        value = {"body": value}
    for step in steps:
        if isinstance(value, list) and not dataset.is_object:
            return value
        if not isinstance(value, dict) or step not in value:
            raise _no_records(dataset, f"'{step}' is missing", records_path)
        value = value[step]
    return value


def _flatten(value: Any, dataset: Dataset) -> list[Any]:
    if dataset.is_object:
        if not isinstance(value, dict):
            raise _no_records(dataset, f"one object was expected, {_json_name(value)} came")
        return [value]
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and dataset.nesting_keys:
        return list(_flatten_levels(value, dataset.nesting_keys, {}, dataset))
    raise _no_records(dataset, f"a list was expected, {_json_name(value)} came")


def _flatten_levels(value: Any, levels: tuple[str, ...], codes: dict[str, str], dataset: Dataset) -> Iterator[Any]:
    """``codes`` are the keys of the objects around ``value``, by the field that each stands for."""
    if not levels:
        yield codes | value if isinstance(value, dict) else value
    elif isinstance(value, list):
        yield from (codes | record if isinstance(record, dict) else record for record in value)
    elif not isinstance(value, dict):
        expected = f"objects nested by {', '.join(dataset.nesting_keys)}"
        raise _no_records(dataset, f"{expected} were expected, {_json_name(value)} came")
    elif dataset.explode and isinstance(value.get(dataset.explode[0]), list):
        yield codes | value  # a list replaces the next level
    else:
        for code, nested in value.items():
            yield from _flatten_levels(nested, levels[1:], codes | {levels[0]: code}, dataset)


def _zip_array(record: Any, names: tuple[str, ...]) -> Any:
    """A record that is an array as an object; elements without a name are ``element_3`` and so on."""
    if not isinstance(record, list):
        return record
    surplus = {f"element_{index}": value for index, value in enumerate(record[len(names) :], len(names))}
    return dict(zip(names, record, strict=False)) | surplus


def _explode(record: Any, list_field: str, element_field: str) -> list[Any]:
    """One record per element of the list: ``{"carriers": ["any"]}`` becomes ``{"carrier": "any"}``."""
    if not isinstance(record, dict) or not isinstance(record.get(list_field), list):
        return [record]
    rest = {name: value for name, value in record.items() if name != list_field}
    elements = record[list_field]
    return [rest | (element if isinstance(element, dict) else {element_field: element}) for element in elements]


def _no_records(dataset: Dataset, problem: str, records_path: str = "") -> RecordsNotFound:
    where = f" at '{records_path}'" if records_path else ""
    return RecordsNotFound(
        f"{dataset.name}: no records{where} in the response: {problem}; "
        f'if the shape has changed, set [datasets.{dataset.name}] records = "..." in smsonline.toml'
    )


def _json_name(value: Any) -> str:
    return JSON_NAMES.get(type(value), "a number")
