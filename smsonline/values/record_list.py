"""Lists of records in the spellings of JSON."""

from typing import Any, TypeGuard

# Names under which others send a list of records. They are no codes.
WRAPPERS = frozenset(
    {
        *("items", "data", "results", "result", "records", "rows", "list", "entries", "elements", "content", "values"),
        *("objects", "payload", "response", "body", "collection", "hits", "docs", "edges", "nodes"),
    }
)
# Members of every envelope: success, error and its text.
ENVELOPE = frozenset({"ok", "error", "errorMessage", "message"})


def is_keyed_by_position(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether ``value`` is an object that may be a list in PHP's spelling."""
    return isinstance(value, dict) and all(map(is_position, value))


def is_position(name: str) -> bool:
    """Whether the name of a member may be a position in a list."""
    return name.isascii() and name.isdecimal()


def select_member(payload: Any, path: str) -> tuple[Any, dict[str, Any]]:
    """The value at the dotted ``path``, and the members of the objects around it, by name.

    A list is accepted in the place of an envelope. Raises ``LookupError`` that names what is missing.
    """
    value: Any = payload
    members: dict[str, Any] = {}
    for step in filter(None, path.split(".")):
        if isinstance(value, list):
            break
        if not isinstance(value, dict) or step not in value:
            raise LookupError(f"{step!r} is missing in the response")
        members |= {name: inner for name, inner in value.items() if name != step and name not in ENVELOPE}
        value = value[step]
    return value, members


def list_elements(value: Any) -> tuple[list[Any], dict[str, Any]] | None:
    """The elements of a list, and the members beside it where an object such as ``{"items": [...]}`` wraps it.

    PHP sends an empty list as ``{}`` and one with gaps as an object whose names are positions. None if it is no list.
    """
    if isinstance(value, list):
        return value, {}
    if not isinstance(value, dict):
        return None
    if is_keyed_by_position(value):
        elements = list(value.values())
        return (elements, {}) if all(isinstance(element, dict) for element in elements) else None
    wrappers = [name for name, inner in value.items() if name.lower() in WRAPPERS and isinstance(inner, dict | list)]
    inner = list_elements(value[wrappers[0]]) if len(wrappers) == 1 else None
    if inner is None:
        return None
    beside = {name: member for name, member in value.items() if name != wrappers[0] and name not in ENVELOPE}
    return inner[0], beside | inner[1]


def only_record(value: Any) -> dict[str, Any] | None:
    """The object, or the only one of a list; None if there is none, or more."""
    if isinstance(value, dict) and not is_keyed_by_position(value):
        return value
    elements = list_elements(value)
    first = elements[0][0] if elements and len(elements[0]) == 1 else None
    return first if isinstance(first, dict) else None
