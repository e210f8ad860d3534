"""A folder that is replaced as a whole: whoever looks sees the old content or the new, never a mixture.

The new content is made in a folder beside it, which then takes the old one's name in one step. Only folders that hold
nothing but what an earlier manifest lists are ever replaced.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from warehouse.errors import WarehouseUnwritable
from warehouse.export_manifest import listed

AT_FDCWD = -100
SWAP = 2  # RENAME_EXCHANGE of Linux and RENAME_SWAP of macOS
UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """An empty folder to fill; it becomes ``folder`` when the body ends well, and is removed when it does not.

    Raises ``WarehouseUnwritable`` for a folder with other files in it, one that is in use, and when there is no room.
    """
    target = folder.resolve()
    refuse_foreign(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent):
            _clear_leftovers(target)
            work = _beside(target, "new")
            work.mkdir()
            try:
                yield work
                _put_in_place(work, target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise WarehouseUnwritable(f"{folder} cannot be written: {error.strerror}") from error


def refuse_foreign(target: Path) -> None:
    """Raises ``WarehouseUnwritable`` unless ``target`` is new, empty, or an export and nothing else."""
    if Path.cwd().is_relative_to(target):
        raise WarehouseUnwritable(f"{target} is the working folder or above it: name a folder of its own")
    if not target.exists():
        return
    if not target.is_dir():
        raise WarehouseUnwritable(f"{target} is a file: name a folder")
    known = listed(target)
    for path in sorted(target.rglob("*")):
        name = path.relative_to(target).as_posix()
        if (path.is_symlink() or not path.is_dir()) and name not in known:
            raise WarehouseUnwritable(f"{target} holds {name}, which no export wrote: name a new or empty folder")


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """One export at a time per parent folder, so that what lies about is nobody's work any more."""
    handle = os.open(parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _beside(target: Path, what: str) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.export-{what}")


def _clear_leftovers(target: Path) -> None:
    """Ends what a killed export left: puts an old export back whose place is empty, removes the rest."""
    for old in target.parent.glob(f".{target.name}.*.export-old"):
        if not target.exists():
            old.rename(target)
    for pattern in ("new", "old"):
        for leftover in target.parent.glob(f".{target.name}.*.export-{pattern}"):
            shutil.rmtree(leftover, ignore_errors=True)


def _put_in_place(work: Path, target: Path) -> None:
    """Afterwards ``target`` is what ``work`` was, and ``work`` holds the old content if there was any."""
    if not target.exists():
        work.rename(target)
        return
    refuse_foreign(target)
    shutil.copymode(target, work)
    if not _swapped(work, target):
        old = _beside(target, "old")
        target.rename(old)  # for a moment there is nothing: only where the system cannot swap
        work.rename(target)
        old.rename(work)


def _swapped(left: Path, right: Path) -> bool:
    """Gives two folders each other's name in one step; false where system or file system cannot. Raises ``OSError``."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(left), os.fsencode(right)
    try:
        if sys.platform == "darwin":
            code = libc.renamex_np(*names, SWAP)
        else:
            code = libc.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], SWAP)
    except AttributeError:
        return False
    number = ctypes.get_errno()
    if code and number not in UNSUPPORTED:
        raise OSError(number, os.strerror(number))
    return not code
