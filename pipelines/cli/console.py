"""How commands speak: results on stdout, everything else on stderr, one line per error, fixed exit codes."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, NoReturn

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.settings import SettingsError
from smsonline.errors import ConfigurationError, VendorError
from warehouse.errors import NotAWarehouse, WarehouseError, WarehouseUnwritable

WIDEST = 1000
FAILED = 1
MISCONFIGURED = 2

# Wrong settings, and files that a setting should point away from.
SETTING_IS_WRONG = (SettingsError, ConfigurationError, NotAWarehouse, WarehouseUnwritable)


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()
) -> None:
    """A table on stdout; columns named in ``right`` are aligned for numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    # A pipe or a file has no width: nothing is folded there.
    Console(width=None if sys.stdout.isatty() else WIDEST, markup=False, highlight=False).print(table)


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


@contextmanager
def clear_errors(*, as_json: bool = False) -> Iterator[None]:
    """Turns every expected error of the body into one line and the contract's exit code."""
    try:
        yield
    except SETTING_IS_WRONG as error:
        stop(str(error), MISCONFIGURED, as_json=as_json)
    except (VendorError, WarehouseError) as error:
        stop(str(error), FAILED, as_json=as_json)
    except KeyboardInterrupt:
        stop("interrupted; what was loaded before stays", 130, as_json=as_json)
