"""What of the processes' output reaches the terminal and the log file."""

import logging

import pytest

from pipelines.up.output import REPEAT_SECONDS, Output

RECORD = "2026-05-04 12:00:00 +0000 - dagster.daemon - ERROR - Sensor initial_load failed"
TRACEBACK = [
    "Traceback (most recent call last):",
    '  File "storage.py", line 7, in read',
    "    raise sqlite3.OperationalError()",
    "sqlite3.OperationalError: disk I/O error",
]


class Terminal:
    def __init__(self, folder):
        self.lines, self.seconds, self.is_muted, self.log = [], 0.0, False, folder / "up.log"
        self.output = Output(self.log, lambda: self.is_muted, self.lines.append, lambda: self.seconds)

    def reads(self, *lines: str) -> list[str]:
        """The lines that these made appear."""
        before = len(self.lines)
        self.output.read(f"{line}\n" for line in lines)
        return self.lines[before:]


@pytest.fixture
def terminal(tmp_path):
    yield Terminal(tmp_path)
    for handler in logging.getLogger("smsonline.up").handlers:
        handler.close()


def test_a_record_and_its_error_are_shown_without_the_traceback(terminal):
    assert terminal.reads(RECORD, *TRACEBACK) == [RECORD, "  OperationalError: disk I/O error"]
    assert terminal.log.read_text().splitlines() == [RECORD, *TRACEBACK]


def test_a_repeated_record_is_shown_once_a_minute(terminal):
    first = terminal.reads(f"{RECORD} in run 7c9e6679-7425-40de-944b-e07fc1f90ae7 after 3 s", *TRACEBACK)
    again = f"{RECORD} in run 1b4e28ba-2fa1-41d2-883f-0016d3cca427 after 14 s", *TRACEBACK
    assert len(first) == 2
    terminal.seconds = REPEAT_SECONDS - 1
    assert terminal.reads(*again) == []
    terminal.seconds = REPEAT_SECONDS
    assert len(terminal.reads(*again)) == 2


def test_another_record_is_shown_at_once(terminal):
    terminal.reads(RECORD)
    assert terminal.reads(RECORD.replace("initial_load", "marts_follow_data"))


def test_a_known_problem_is_not_shown_but_logged(terminal):
    terminal.is_muted = True
    assert terminal.reads(RECORD, *TRACEBACK) == []
    assert RECORD in terminal.log.read_text()
    terminal.is_muted = False
    assert terminal.reads(RECORD) == [RECORD]


def test_colours_are_removed(terminal):
    assert terminal.reads(f"\x1b[31m{RECORD}\x1b[0m") == [RECORD]


def test_the_last_line_says_why_the_process_ended(terminal):
    assert terminal.output.read(f"{line}\n" for line in [RECORD, *TRACEBACK, "  ", ""]) == TRACEBACK[-1]
    assert terminal.output.read([]) == ""
