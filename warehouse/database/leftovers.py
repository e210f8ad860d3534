"""Files beside a warehouse that a killed process left. Whoever holds the warehouse's lock removes them."""

import os
import re
from pathlib import Path

from warehouse.database.write_ahead_log import log_path


def new_copy_path(copy: Path) -> Path:
    """Where the next copy is made. One name: the lock of the warehouse lets in one process at a time."""
    return copy.with_name(f"{copy.name}.new")


def rebuild_path(warehouse: Path) -> Path:
    """Where a replay rebuilds the tables."""
    return warehouse.with_name(f"{warehouse.name}.rebuild")


def remove_leftovers(warehouse: Path, copy: Path) -> None:
    """Removes unfinished copies and rebuilt tables, with their logs. Hold the warehouse's lock for writing.

    An earlier release put its process id into the name of an unfinished copy; one of a running process stays.
    """
    try:
        for path in (new_copy_path(copy), rebuild_path(warehouse)):
            path.unlink(missing_ok=True)
            log_path(path).unlink(missing_ok=True)
        of_earlier_release = re.compile(rf"{re.escape(copy.name)}\.(\d+)\.new(\.wal)?")
        with os.scandir(copy.parent) as entries:
            numbered = [(entry.path, of_earlier_release.fullmatch(entry.name)) for entry in entries]
        for leftover, match in numbered:
            if match and not _is_running(int(match[1])):
                Path(leftover).unlink(missing_ok=True)
    except OSError:
        pass  # a folder that may only be read: whoever writes there says so


def _is_running(pid: int) -> bool:
    """Whether another process has this number."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
