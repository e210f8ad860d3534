"""A SQLite file that no program has open, read without locks."""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

SIDE_FILES = ("-wal", "-shm", "-journal")


def has_side_files(path: Path) -> bool:
    """Whether a program has the file open for writing, or died while it had."""
    return any(path.with_name(path.name + suffix).exists() for suffix in SIDE_FILES)


class StillFile(sqlite3.Connection):
    """A connection to a file that stays as it is. With locks SQLite would leave two new files beside it.

    Locks nobody out: ``was_written`` says whether what was read can be trusted.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(f"file:{quote(str(path))}?immutable=1", uri=True, **options)
        self._path = path
        self._before = path.stat().st_mtime_ns

    def was_written(self) -> bool:
        """Whether another program opened or changed the file since."""
        return has_side_files(self._path) or self._path.stat().st_mtime_ns != self._before
