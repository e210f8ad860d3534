"""``smsonline report``."""

import sys
from datetime import datetime
from pathlib import Path

from pipelines.cli.console import MISCONFIGURED, exit_on_error, exit_with_error, print_stderr
from pipelines.report.build import build_report
from pipelines.report.data import load_report_data
from pipelines.report.render_html import render_html
from pipelines.report.write import PageNotWritable, default_page_path, write_page
from pipelines.settings import load_settings


def run_report(out: Path | None, now: datetime) -> None:
    """Writes the report as of ``now`` to ``out``, or beside the warehouse, and prints its path."""
    with exit_on_error():
        warehouse = load_settings().warehouse
        data = load_report_data(warehouse, now)
        path = out or default_page_path(warehouse)
        try:
            write_page(render_html(build_report(data)), path, make_folder=out is None)
        except PageNotWritable as error:
            exit_with_error(str(error), MISCONFIGURED)
        if data.problem:
            print_stderr(f"{data.problem} Run smsonline sync first; the page says so too.")
        sys.stdout.write(f"{path}\n")
