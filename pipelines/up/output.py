"""What the processes of ``make up`` print: all of it goes to a log file, one line per event to the terminal."""

import logging
import re
import time
from collections.abc import Callable, Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from pipelines.cli.console import print_stderr

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What the loggers of Dagster begin a record with; the lines up to the next one belong to it.
RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
EXCEPTION = re.compile(r"(?:\w+\.)*(\w*(?:Error|Exception|Failure|Unreachable)\w*: .+)")
CHANGING_PART = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
REPEAT_SECONDS = 60.0


class Output:
    """Shows records and the exceptions in them without their tracebacks, and a repeated line once a minute.

    Shows nothing while ``is_muted`` says so, which is asked before a line is shown.
    """

    def __init__(
        self,
        log_file: Path,
        is_muted: Callable[[], bool],
        show: Callable[[str], None] = print_stderr,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_muted, self._show, self._clock = is_muted, show, clock
        self._shown_at: dict[str, float] = {}
        self._log = logging.getLogger("smsonline.up")
        self._log.propagate = False
        logging.raiseExceptions = False  # a log that cannot be written, on a full disk, is no news
        handler = RotatingFileHandler(log_file, maxBytes=5_000_000, backupCount=1, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(message)s"))
        self._log.handlers[:] = [handler]

    def read(self, lines: Iterable[str]) -> str:
        """Consumes the output of one process; returns its last line, which tells why it ended."""
        last, is_record_shown = "", True
        for text in lines:
            line = COLOUR.sub("", text.rstrip())
            self._log.warning(line)
            if RECORD.match(line):
                is_record_shown = self._is_due(line)
                if is_record_shown:
                    self._show(line)
            elif line and not line[0].isspace():
                last = line
                exception = EXCEPTION.match(line)
                if exception and is_record_shown and self._is_due(exception[1]):
                    self._show(f"  {exception[1]}")
        return last

    def _is_due(self, line: str) -> bool:
        key, now = CHANGING_PART.sub("", line), self._clock()
        if now - self._shown_at.get(key, -REPEAT_SECONDS) < REPEAT_SECONDS or self._is_muted():
            return False
        self._shown_at[key] = now
        return True
