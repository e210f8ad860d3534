"""``smsonline report``."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from pipelines.cli.console import MISCONFIGURED, exit_on_error, exit_with_error, print_stderr
from pipelines.report.contents import report_of
from pipelines.report.facts import read_facts
from pipelines.report.page import html_of
from pipelines.report.saving import NotWritable, default_path, save
from pipelines.settings import load_settings


def run_report(out: Path | None, now: datetime) -> None:
    """Writes the report as of ``now`` to ``out``, or beside the warehouse, and prints its path."""
    with exit_on_error():
        warehouse = load_settings().warehouse
        facts = read_facts(warehouse, now)
        path = out or default_path(warehouse)
        try:
            save(html_of(report_of(facts)), path, make_folder=out is None)
        except NotWritable as error:
            exit_with_error(str(error), MISCONFIGURED)
        if facts.problem:
            print_stderr(f"{facts.problem} Run smsonline sync first; the page says so too.")
        sys.stdout.write(f"{path}\n")
