"""Writes the page in one step: a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import os
from errno import EISDIR
from pathlib import Path

NAME = "report.html"
BEGINNING = "<!doctype html>"


class PageNotWritable(Exception):
    """The page cannot be written where it was asked for; ``str()`` is one line that says why."""


def default_page_path(warehouse: Path) -> Path:
    """Where the page goes when nobody says where: beside the warehouse, as everything that is made from it."""
    return warehouse.with_name(NAME)


def write_page(html: str, path: Path, *, make_folder: bool = False) -> None:
    """Raises ``PageNotWritable``; then ``path`` is as it was. What is no page is never replaced."""
    if not path.name:
        raise PageNotWritable("--out names no file")
    successor = path.resolve().with_name(f".{path.name}.{os.getpid()}.new")
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        if not _may_be_replaced(path):
            raise PageNotWritable(f"{path} exists and is no page: name another file with --out")
        successor.write_text(html, "utf-8")
        successor.replace(path.resolve())  # what a link leads to, not the link
    except OSError as error:
        raise PageNotWritable(f"{path} cannot be written: {error.strerror}") from None
    finally:
        _remove(successor)


def _may_be_replaced(path: Path) -> bool:
    """A page, an empty file, or nothing. Never a device or a pipe: taking its place would destroy it for everybody."""
    if path.is_dir():
        raise IsADirectoryError(EISDIR, "it is a folder")
    if not path.exists():
        return not path.is_symlink()
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(len(BEGINNING))
    return not start or start.lower() == BEGINNING.encode()


def _remove(successor: Path) -> None:
    try:
        successor.unlink(missing_ok=True)
    except OSError:  # it was never made
        return
