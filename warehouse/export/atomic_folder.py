"""Atomic replacement of a folder: a reader sees the old content or the new, never a mixture.

The new content is written into a sibling folder, which then gets the old one's name in one step. Only folders without
other files than those in their manifest are replaced.
"""

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
from warehouse.export.manifest import exported_paths

AT_FDCWD = -100
EXCHANGE = 2  # RENAME_EXCHANGE of Linux and RENAME_SWAP of macOS
UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}


@contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill; it replaces ``folder`` when the body succeeds and is removed when it raises.

    Raises ``WarehouseUnwritable`` for a folder with other files in it, one that is in use, and when there is no room.
    """
    target = folder.resolve()
    require_own_folder(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(target.parent):
            _clear_leftovers(target)
            work = _sibling(target, "new")
            work.mkdir()
            try:
                yield work
                _move_into_place(work, target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise WarehouseUnwritable(f"{folder} cannot be written: {error.strerror}") from error


def require_own_folder(target: Path) -> None:
    """Raises ``WarehouseUnwritable`` unless ``target`` is new, empty, or an export and nothing else."""
    if Path.cwd().is_relative_to(target):
        raise WarehouseUnwritable(f"{target} is the working folder or above it: name a folder of its own")
    if not target.exists():
        return
    if not target.is_dir():
        raise WarehouseUnwritable(f"{target} is a file: name a folder")
    own_paths = exported_paths(target)
    for path in sorted(target.rglob("*")):
        name = path.relative_to(target).as_posix()
        if (path.is_symlink() or not path.is_dir()) and name not in own_paths:
            raise WarehouseUnwritable(f"{target} holds {name}, which no export wrote: name a new or empty folder")


@contextmanager
def _exclusive(parent: Path) -> Iterator[None]:
    """One export at a time per parent folder, so that no leftover is in use."""
    handle = os.open(parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sibling(target: Path, suffix: str) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.export-{suffix}")


def _clear_leftovers(target: Path) -> None:
    """Cleans up after a killed export: restores the old folder if there is none of its name, removes the rest."""
    for old in target.parent.glob(f".{target.name}.*.export-old"):
        if not target.exists():
            old.rename(target)
    for pattern in ("new", "old"):
        for leftover in target.parent.glob(f".{target.name}.*.export-{pattern}"):
            shutil.rmtree(leftover, ignore_errors=True)


def _move_into_place(work: Path, target: Path) -> None:
    """Gives ``work`` the name ``target``; ``work`` then is the old folder, if there was one."""
    if not target.exists():
        work.rename(target)
        return
    require_own_folder(target)
    shutil.copymode(target, work)
    _swap(work, target)
    try:
        require_own_folder(work)  # what somebody put there since
    except WarehouseUnwritable:
        _swap(work, target)
        require_own_folder(target)
        raise


def _swap(work: Path, target: Path) -> None:
    """Exchanges the names of two folders."""
    if not _exchange(work, target):
        old = _sibling(target, "old")
        target.rename(old)  # briefly there is no folder
        work.rename(target)
        old.rename(work)


def _exchange(left: Path, right: Path) -> bool:
    """Exchanges the names of two folders in one step; false where the system cannot. Raises ``OSError``."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(left), os.fsencode(right)
    try:
        if sys.platform == "darwin":
            code = libc.renamex_np(*names, EXCHANGE)
        else:
            code = libc.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], EXCHANGE)
    except AttributeError:
        return False
    number = ctypes.get_errno()
    if code and number not in UNSUPPORTED:
        raise OSError(number, os.strerror(number))
    return not code
