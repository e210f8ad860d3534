"""Output of the commands: results on stdout, messages on stderr, one line per error, fixed exit codes."""

import io
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from textwrap import TextWrapper
from typing import Any, NoReturn, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from pipelines.bootstrap import load_checked_settings
from pipelines.settings import Settings, SettingsError, settings_warnings
from smsonline.errors import ConfigurationError, VendorError
from warehouse.errors import NotAWarehouse, WarehouseError, WarehouseUnwritable

UNFOLDED_WIDTH = 1000
# Longer tables are only aligned, without folding: rich needs 1.5 ms per row.
MAX_RICH_ROWS = 1000
FAILED = 1
MISCONFIGURED = 2
INTERRUPTED = 130

# Names come from the vendor: an escape sequence in one must not control the terminal.
CONTROL_CHARACTERS = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"
}

# Wrong settings, and files that a setting should not point to.
WRONG_SETTING = (SettingsError, ConfigurationError, NotAWarehouse, WarehouseUnwritable)


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()
) -> None:
    """A table on stdout; the columns in ``right`` are right-aligned."""
    if len(rows) > MAX_RICH_ROWS:
        _print_aligned(title, columns, rows, [column in right for column in columns])
        return
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=sys.stdout.isatty())  # eight columns fit into 80 characters
    for column in columns:
        table.add_column(_plain(column), justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else _plain(cell) for cell in row))
    # A pipe or a file has no width: no cell is folded there.
    console = Console(width=None if sys.stdout.isatty() else UNFOLDED_WIDTH, markup=False, highlight=False)
    console.print(title, style="bold")  # a title of the table itself would be folded to its width
    console.print(table)


def print_folded(text: str, command: str = "", *, stream: TextIO | None = None) -> None:
    """A text on stdout or ``stream``, on a terminal folded between words; ``command`` follows on a line of its own."""
    stream = stream or sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else UNFOLDED_WIDTH**2
    fold = TextWrapper(width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False).fill
    stream.write("".join(f"{line}\n" for line in (fold(_plain(text)), command and f"  {command}") if line))


def _print_aligned(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[bool]) -> None:
    """The same table without folding, one line per row."""
    cells = [["" if cell is None else " ".join(_plain(cell).split("\n")) for cell in row] for row in (columns, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = ("".join(map(_padded, row, widths, right)).rstrip() for row in cells)
    rule = "─" if "utf" in (sys.stdout.encoding or "").lower() else "-"
    sys.stdout.write(f"{title}\n\n{next(lines)}\n {rule * (sum(widths) + 3 * len(widths) - 1)}\n")
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _padded(cell: str, width: int, right: bool) -> str:
    padding = " " * (width - cell_len(cell))
    return f"  {padding}{cell} " if right else f"  {cell}{padding} "


def _plain(cell: object) -> str:
    return str(cell).translate(CONTROL_CHARACTERS)


def print_stderr(line: str) -> None:
    """One line on stderr. Where nobody can read it, it is lost; the exit code stays what it is."""
    try:
        print(_plain(line), file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        _discard(2)


def print_warning(line: str) -> None:
    """One warning on stderr."""
    print_stderr(f"warning: {' '.join(line.split())}")


def exit_with_error(line: str, code: int, *, as_json: bool = False) -> NoReturn:
    """Exits with one line on stderr, and with ``as_json`` an object with that line on stdout."""
    if as_json:
        print_json({"error": line})
    print_stderr(f"error: {line}")
    sys.exit(code)


def configure_log_file(warehouse: Path) -> Path:
    """Writes the log to ``smsonline.log`` beside the warehouse (1 MB and one older file), not to stderr."""
    path = warehouse.parent / "smsonline.log"
    logging.raiseExceptions = False  # no traceback on stderr for a log that cannot be written
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
    except OSError as error:
        raise WarehouseUnwritable(f"cannot make the folder {path.parent}: {error.strerror}") from error
    logging.basicConfig(
        level=logging.WARNING, handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    return path


def os_error_line(error: OSError) -> str:
    """``data/warehouse.duckdb cannot be used: Permission denied``."""
    return f"{error.filename or 'the output'} cannot be used: {error.strerror}"


def load_command_settings() -> Settings:
    """The settings of a command, after a warning for what is most likely a mistake. Raises ``SettingsError``."""
    settings = load_checked_settings()
    for line in settings_warnings():
        print_warning(line)
    return settings


def prepare_streams() -> None:
    """Makes the standard streams usable: a name that stdout's encoding lacks is printed with replaced characters.

    Exits with 1 when stdout is closed.
    """
    # A file that is opened later must not get the number of a closed stream: C libraries write to 1 and 2.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    if sys.stderr is None:  # print() would take stdout instead
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        exit_with_error("the output cannot be used: stdout is closed; redirect it to a file or /dev/null", FAILED)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def discard_stdout() -> None:
    """Discards further output, including what is buffered until the program ends."""
    _discard(1)


def _discard(descriptor: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


class _WarningLines(logging.Handler):
    """Prints each different warning once; figures such as the number of an attempt make it no other one.

    What is worse than a warning is reported by the command itself.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        kind = re.sub(r"\d+", "#", line)
        if record.levelno == logging.WARNING and kind not in self._printed:
            self._printed.add(kind)
            print_warning(line)


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    logger, handler = logging.getLogger("smsonline"), _WarningLines()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def exit_on_error(
    *,
    as_json: bool = False,
    failures: tuple[type[Exception], ...] = (),
    interrupted: str = "interrupted; what was loaded before stays",
) -> Iterator[None]:
    """Exits with one line and a fixed code on every expected error: 2 for a wrong setting, 130 for Ctrl-C, else 1.

    ``failures`` are further expected errors with code 1.
    """
    try:
        with _warnings_on_stderr():
            yield
    except WRONG_SETTING as error:
        exit_with_error(str(error), MISCONFIGURED, as_json=as_json)
    except (VendorError, WarehouseError) as error:
        exit_with_error(str(error), FAILED, as_json=as_json)
    except failures as error:
        exit_with_error(str(error), FAILED, as_json=as_json)
    except OSError as error:
        if error.filename is None:  # a broken stream, where no message can be written
            raise
        exit_with_error(os_error_line(error), MISCONFIGURED, as_json=as_json)
    except KeyboardInterrupt:
        exit_with_error(interrupted, INTERRUPTED, as_json=as_json)


@contextmanager
def exit_on_topup_error(*, as_json: bool) -> Iterator[None]:
    """As ``exit_on_error``; exits 1 too for a ledger that cannot be used, a payment in the wrong state, a defect."""
    from topups.ledger import LedgerUnavailable
    from topups.operator_actions import ActionNotAllowed

    expected = exit_on_error(
        as_json=as_json,
        failures=(LedgerUnavailable, ActionNotAllowed),
        interrupted="interrupted; the ledger knows what was sent: run smsonline topup reconcile",
    )
    with _exit_on_defect(as_json=as_json), expected:
        yield


@contextmanager
def _exit_on_defect(*, as_json: bool) -> Iterator[None]:
    """Exits with one line for an error that nobody expected; the traceback is in the log file only."""
    try:
        yield
    except BrokenPipeError:
        raise
    except Exception as error:
        with suppress(Exception):  # the line is more important than the log
            if not logging.getLogger().handlers:
                configure_log_file(load_checked_settings().warehouse)
            logging.getLogger("smsonline.topups").exception("a defect stopped the command")
        line = f"a defect stopped the command ({type(error).__name__}); the traceback is in smsonline.log"
        sent = "the ledger knows what was sent: run smsonline topup reconcile"
        exit_with_error(f"{line}; {sent}; please report it", FAILED, as_json=as_json)
