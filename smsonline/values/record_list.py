"""Lists of records in the spellings of JSON."""

from typing import Any, TypeGuard


def is_keyed_by_position(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether ``value`` is an object that may be a list in PHP's spelling."""
    return isinstance(value, dict) and all(map(is_position, value))


def is_position(name: str) -> bool:
    """Whether the name of a member may be a position in a list."""
    return name.isascii() and name.isdecimal()
