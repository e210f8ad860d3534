"""The records of one response, in each of the shapes that JSON gives a list: PHP's objects, nests by code, wrappers."""

from collections.abc import Iterator, Mapping
from typing import Any

from assets.datasets import Dataset
from smsonline.values.paging import PAGING_WORDS, plain_name
from smsonline.values.record_list import WRAPPERS, is_keyed_by_position, is_position

# Objects that describe a list. Their names may be codes of services too, so that the fields decide.
DESCRIPTIONS = frozenset(
    {
        *("meta", "metadata", "_meta", "pagination", "paging", "pager", "paginator", "page", "page_info", "pageinfo"),
        *("links", "_links", "cursor", "cursors", "info", "query", "filter", "filters", "summary", "debug"),
    }
)
# Fields of a record that may describe a list, too: they alone make no record of an object beside records.
COMMON_FIELDS = frozenset({"count", "total", "limit", "page", "status", "success"})
# Single values that others send beside their records; a member of any other name may be a code with a broken record.
NOTES = frozenset(
    {
        *("ok", "error", "errormessage", "message", "status", "success", "code", "currency", "unit", "version"),
        *("updated", "updatedat", "time", "timestamp", "date", "generatedat", "lang", "language", "userid", "user"),
    }
)
Members = dict[str, Any]


class RecordList(list[Any]):
    """Dicts, or whatever stands where a record should.

    ``members`` are those of the objects around the records that the dataset does not know, by name. ``counts`` are the
    numbers that a total of the vendor may mean: of records, of elements before they were exploded, of codes.
    """

    def __init__(self, records: list[Any], members: Mapping[str, Any] | None = None, *counts: int) -> None:
        super().__init__(records)
        self.members = dict(members or {})
        self.counts = frozenset({len(records), *counts})


def as_list(value: Any, dataset: Dataset, levels: tuple[str, ...]) -> list[Any] | None:
    """A list, or the values of an object whose names are positions: PHP sends a list with gaps so.

    The names are codes instead where the objects are nested by code and no record names its own.
    """
    if isinstance(value, list):
        return value
    if not is_keyed_by_position(value):
        return None
    records = [inner for inner in value.values() if is_record(inner, dataset)]
    names_code = not levels or any(not _own_names(dataset, levels[0]).isdisjoint(record) for record in records)
    return list(value.values()) if names_code and 0 < len(value) <= 2 * len(records) else None


def list_in_object(value: Members, dataset: Dataset) -> RecordList | None:
    """The records of an object: a list in PHP's spelling, a wrapped list, or a nest by code; ``None`` if it is none."""
    elements = as_list(value, dataset, dataset.nesting_keys)
    if elements is not None:
        return RecordList(elements)
    wrapper = _wrapper(value, dataset)
    if wrapper is not None:
        inner, members = value[wrapper], {name: value[name] for name in value if name != wrapper}
        elements = as_list(inner, dataset, dataset.nesting_keys) if inner else []
        records = RecordList(elements) if elements is not None else list_in_object(inner, dataset)
        return None if records is None else RecordList(records, members | records.members, *records.counts)
    return _nested_records(value, dataset) if dataset.nesting_keys else None


def is_record(value: Any, dataset: Dataset) -> bool:
    """Whether ``value`` is an object with a declared field, or an array where records are arrays."""
    if dataset.array_columns and (isinstance(value, list) or (value and is_keyed_by_position(value))):
        return True
    return isinstance(value, dict) and any(
        name in dataset.known_fields and not isinstance(inner, dict) for name, inner in value.items()
    )


def _own_names(dataset: Dataset, level: str) -> set[str]:
    """The fields in which a record names its own code of this level."""
    return {level}.union(*(field.aliases for field in dataset.fields if level in field.aliases))


def _wrapper(value: Members, dataset: Dataset) -> str | None:
    """The only member that can hold the records, if the others cannot be codes beside it."""
    containers = [name for name, inner in value.items() if isinstance(inner, dict | list)]
    # Where records are nested by more than one code, the innermost level may be a list.
    lists = [
        name
        for name in containers
        if name.lower() in WRAPPERS or (len(dataset.nesting_keys) < 2 and not is_position(name))
        if isinstance(value[name], list) and any(is_record(item, dataset) for item in value[name])
    ]
    if len(lists) == 1:
        return lists[0]
    codes = [name for name in containers if not _is_beside(name, value[name], containers, dataset)]
    codes += [name for name, inner in value.items() if inner is None and name.lower() in WRAPPERS]  # an empty list
    return codes[0] if len(codes) == 1 and codes[0].lower() in WRAPPERS else None


def _nested_records(value: Members, dataset: Dataset) -> RecordList | None:
    """The records nested by code, or ``None`` when no innermost object is one.

    Codes are given to records alone: what stands in the place of a record is returned as it came, to be rejected.
    """
    first, levels = dataset.nesting_keys[0], dataset.nesting_keys[1:]
    containers = [name for name, inner in value.items() if isinstance(inner, dict | list)]
    members = {name: inner for name, inner in value.items() if _is_beside(name, inner, containers, dataset)}
    leaves = [
        leaf
        for code, nested in value.items()
        if code not in members
        for leaf in _leaves(nested, levels, {first: code}, dataset)
    ]
    sure = any(_is_certain_record(leaf, dataset) for _, leaf in leaves)
    is_certain = _is_certain_record if sure else is_record
    records = [codes | leaf if is_certain(leaf, dataset) else leaf for codes, leaf in leaves]
    has_record = any(is_certain(leaf, dataset) for _, leaf in leaves)
    if len(members) == len(value) or (leaves and not has_record):
        return None
    return RecordList(records, members, len(value) - len(members))


def _is_beside(name: str, value: Any, containers: list[str], dataset: Dataset) -> bool:
    """Whether a member of a nest is no code."""
    if isinstance(value, dict | list):
        return name.lower() in DESCRIPTIONS and not any(
            _is_certain_record(leaf, dataset) for _, leaf in _leaves(value, dataset.nesting_keys[1:], {}, dataset)
        )
    if value is None or is_position(name):
        return False
    return plain_name(name) in NOTES | PAGING_WORDS or (bool(containers) and all(map(is_position, containers)))


def _is_certain_record(value: Any, dataset: Dataset) -> bool:
    return isinstance(value, dict) and any(
        name in dataset.known_fields and name not in COMMON_FIELDS and not isinstance(inner, dict)
        for name, inner in value.items()
    )


def _leaves(
    value: Any, levels: tuple[str, ...], codes: dict[str, str], dataset: Dataset
) -> Iterator[tuple[dict[str, str], Any]]:
    """What stands at the innermost level, with the codes of the objects around it."""
    is_exploded = isinstance(value, dict) and dataset.explode and isinstance(value.get(dataset.explode[0]), list)
    if not levels or is_exploded:  # a list replaces the next level
        yield codes, value
    elif (elements := as_list(value, dataset, levels)) is not None:
        yield from ((codes, element) for element in elements)
    elif isinstance(value, dict):
        for code, nested in value.items():
            yield from _leaves(nested, levels[1:], codes | {levels[0]: code}, dataset)
    elif value is not None:  # null is an empty level
        yield codes, value
