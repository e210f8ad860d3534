"""Atomic replacement of the page: a reader sees the previous page or the new one, never half of one."""

import os
from contextlib import suppress
from errno import EISDIR
from pathlib import Path

FILE_NAME = "report.html"
DOCTYPE = "<!doctype html>"


class PageNotWritable(Exception):
    """The page cannot be written to the requested path; ``str()`` is one line with the reason."""


def default_page_path(warehouse: Path) -> Path:
    """The page beside the warehouse, for callers that name no path."""
    return warehouse.with_name(FILE_NAME)


def write_page(html: str, path: Path, *, make_folder: bool = False) -> None:
    """Writes ``html`` to ``path``. Raises ``PageNotWritable`` and leaves ``path`` as it is, also if it is no page."""
    if not path.name:
        raise PageNotWritable("--out names no file")
    temporary = path.resolve().with_name(f".{path.name}.{os.getpid()}.new")
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        if not _is_replaceable(path):
            raise PageNotWritable(f"{path} exists and is no page: name another file with --out")
        temporary.write_text(html, "utf-8")
        temporary.replace(path.resolve())  # the target of a link, not the link
    except OSError as error:
        raise PageNotWritable(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _is_replaceable(path: Path) -> bool:
    """Whether ``path`` is a page, an empty file or nothing. Devices, pipes and dangling links are not replaceable."""
    if path.is_dir():
        raise IsADirectoryError(EISDIR, "it is a folder")
    if not path.exists():
        return not path.is_symlink()
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(len(DOCTYPE))
    return not start or start.lower() == DOCTYPE.encode()
