"""A readers-writer lock for each warehouse file within this process.

DuckDB's lock keeps other processes out. But closing any handle of a file ends all locks that the process has on it, and
DuckDB reads a file's first bytes before it finds out that it has the file open already. So nothing in this process may
touch a file that another thread writes.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.errors import WarehouseLocked

_released = threading.Condition()
_writing: set[Path] = set()
_readers: Counter[Path] = Counter()


@contextmanager
def file_lock(path: Path, *, exclusive: bool, wait_seconds: float) -> Iterator[bool]:
    """Waits for the file; gives whether no other thread of this process has it open.

    Raises ``WarehouseLocked`` after ``wait_seconds``.
    """
    key = path.resolve()
    with _released:
        if not _released.wait_for(lambda: key not in _writing and not (exclusive and _readers[key]), wait_seconds):
            raise WarehouseLocked(f"{path} is held by another part of this program: wait for it, then try again")
        is_only_user = not _readers[key]
        if exclusive:
            _writing.add(key)
        else:
            _readers[key] += 1
    try:
        yield is_only_user
    finally:
        with _released:
            if exclusive:
                _writing.discard(key)
            else:
                _readers[key] -= 1
            _released.notify_all()
