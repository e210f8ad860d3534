"""The file of the analysts' copy: its checksum, its durable replacement, and what is set aside."""

import logging
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.database.leftovers import new_copy_path
from warehouse.database.write_ahead_log import log_path
from warehouse.errors import NotAWarehouse, WarehouseUnwritable

log = logging.getLogger("smsonline.warehouse")

CHUNK_BYTES = 2**20


def file_checksum(path: Path) -> str:
    """Size and CRC-32 of a file (0.4 ms for a megabyte); empty for one that cannot be read."""
    size = crc = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                size, crc = size + len(chunk), zlib.crc32(chunk, crc)
    except OSError:
        return ""
    return f"{size} {crc:08x}"


def require_other_file(copy: Path, warehouse: Path) -> None:
    """Raises ``NotAWarehouse`` where the copy's path leads to the warehouse itself, which would be overwritten."""
    try:
        is_same = copy.samefile(warehouse)
    except OSError:
        is_same = False
    if is_same:
        raise NotAWarehouse(
            f"{copy} leads to the warehouse itself: remove that link, its place is the analysts' copy's"
        )


@contextmanager
def new_file(copy: Path) -> Iterator[Path]:
    """The path of a file to write; it is removed unless the body moved it away. Raises ``WarehouseUnwritable``."""
    path = new_copy_path(copy)
    try:
        for leftover in (path, log_path(path)):
            leftover.unlink(missing_ok=True)
        yield path
    except OSError as error:
        raise WarehouseUnwritable(f"{copy} cannot be written: {error.strerror}") from error
    finally:
        for leftover in (path, log_path(path)):
            leftover.unlink(missing_ok=True)


def move_into_place(new: Path, copy: Path) -> None:
    """Gives ``new`` the name of the copy in one step; after a power cut there is the old file or the new one, whole."""
    log_path(copy).unlink(missing_ok=True)  # of somebody who wrote into the copy: it would be replayed into the new one
    new.replace(copy)
    flush(copy.parent)


def flush(path: Path) -> None:
    """Returns when the file or folder is on the disk. Raises ``OSError``."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def set_aside(copy: Path) -> None:
    """Renames what is at the copy's path, with its log, and says so. Raises ``OSError``."""
    number = 1
    while (aside := copy.with_name(f"{copy.name}.damaged{'' if number == 1 else f'-{number}'}")).exists():
        number += 1
    copy.rename(aside)
    if log_path(copy).exists():
        log_path(copy).rename(log_path(aside))
    log.warning("%s was damaged or changed by another program: set aside as %s, made anew", copy, aside.name)
