"""Whose turn it is within this process: one part of the program writes a file alone, several may read it together.

DuckDB's lock keeps other processes out. But closing any handle of a file ends all locks that the process has on it, and
DuckDB looks at a file's first bytes before it finds out that it has the file open already. So nothing in this process
may touch a file that another part of it writes.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.errors import WarehouseLocked

_changed = threading.Condition()
_writing: set[Path] = set()
_reading: Counter[Path] = Counter()


@contextmanager
def turn(path: Path, *, alone: bool, wait_seconds: float) -> Iterator[bool]:
    """Waits for the file to be free; gives whether no other part of this process has it open.

    Raises ``WarehouseLocked`` after ``wait_seconds``.
    """
    name = path.resolve()
    with _changed:
        if not _changed.wait_for(lambda: _is_free(name, alone=alone), wait_seconds):
            raise WarehouseLocked(f"{path} is held by another part of this program: wait for it, then try again")
        first = not _reading[name]
        _begin(name, alone=alone)
    try:
        yield first
    finally:
        with _changed:
            _end(name, alone=alone)
            _changed.notify_all()


def _is_free(name: Path, *, alone: bool) -> bool:
    return name not in _writing and not (alone and _reading[name])


def _begin(name: Path, *, alone: bool) -> None:
    if alone:
        _writing.add(name)
    else:
        _reading[name] += 1


def _end(name: Path, *, alone: bool) -> None:
    if alone:
        _writing.discard(name)
    else:
        _reading[name] -= 1
