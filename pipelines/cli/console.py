"""How commands speak: results on stdout, everything else on stderr, one line per error, fixed exit codes."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, NoReturn

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from pipelines.settings import SettingsError
from smsonline.errors import ConfigurationError, VendorError
from warehouse.errors import NotAWarehouse, WarehouseError, WarehouseUnwritable

WIDEST = 1000
# From here on rows are aligned and nothing more: rich takes a millisecond and a half for each.
MANY_ROWS = 1000
FAILED = 1
MISCONFIGURED = 2

# Names are the vendor's: one with an escape sequence must not steer the terminal.
CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}

# Wrong settings, and files that a setting should point away from.
SETTING_IS_WRONG = (SettingsError, ConfigurationError, NotAWarehouse, WarehouseUnwritable)


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()
) -> None:
    """A table on stdout; columns named in ``right`` are aligned for numbers."""
    if len(rows) > MANY_ROWS:
        _print_lines(title, columns, rows, [column in right for column in columns])
        return
    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(_plain(column), justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else _plain(cell) for cell in row))
    # A pipe or a file has no width: nothing is folded there.
    console = Console(width=None if sys.stdout.isatty() else WIDEST, markup=False, highlight=False)
    console.print(title, style="bold")  # not the table's own, which is folded to the table's width
    console.print(table)


def _print_lines(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[bool]) -> None:
    """The same table, one line per row however wide."""
    cells = [["" if cell is None else " ".join(_plain(cell).split("\n")) for cell in row] for row in (columns, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = ("".join(map(_padded, row, widths, right)).rstrip() for row in cells)
    sys.stdout.write(f"{title}\n\n{next(lines)}\n {'─' * (sum(widths) + 3 * len(widths) - 1)}\n")
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _padded(cell: str, width: int, right: bool) -> str:
    room = " " * (width - cell_len(cell))
    return f"  {room}{cell} " if right else f"  {cell}{room} "


def _plain(cell: object) -> str:
    return str(cell).translate(CONTROLS)


def say(line: str) -> None:
    """One line on stderr."""
    print(line, file=sys.stderr)  # noqa: T201


def stop(line: str, code: int, *, as_json: bool = False) -> NoReturn:
    """Ends the command with one clear line on stderr, and with ``--json`` an object that holds it on stdout."""
    if as_json:
        print_json({"error": line})
    say(f"error: {line}")
    sys.exit(code)


def log_beside(warehouse: Path) -> Path:
    """Sends the log to ``smsonline.log`` beside the warehouse, 1 MB and one older file; stderr stays for the user."""
    path = warehouse.parent / "smsonline.log"
    logging.raiseExceptions = False  # a log that cannot be written must not spill onto the user's screen
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
    except OSError as error:
        raise WarehouseUnwritable(f"cannot make the folder {path.parent}: {error.strerror}") from error
    logging.basicConfig(
        level=logging.WARNING, handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    return path


def unusable(error: OSError) -> str:
    """``data/warehouse.duckdb cannot be used: Permission denied``."""
    return f"{error.filename or 'the output'} cannot be used: {error.strerror}"


def silence_stdout() -> None:
    """Nothing more is written there, not even what is still waiting when the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def clear_errors(*, as_json: bool = False) -> Iterator[None]:
    """Turns every expected error of the body into one line and the contract's exit code."""
    try:
        yield
    except SETTING_IS_WRONG as error:
        stop(str(error), MISCONFIGURED, as_json=as_json)
    except (VendorError, WarehouseError) as error:
        stop(str(error), FAILED, as_json=as_json)
    except OSError as error:
        if error.filename is None:  # a stream: there is no telling anything there
            raise
        stop(unusable(error), MISCONFIGURED, as_json=as_json)
    except KeyboardInterrupt:
        stop("interrupted; what was loaded before stays", 130, as_json=as_json)
