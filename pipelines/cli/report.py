"""``smsonline report``."""

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pipelines.cli.console import (
    MISCONFIGURED,
    exit_on_error,
    exit_with_error,
    load_command_settings,
    print_json,
    print_stderr,
)
from pipelines.report.build import build_report
from pipelines.report.data import load_report_data
from pipelines.report.render_html import render_html
from pipelines.report.write import PageNotWritable, default_page_path, write_page
from pipelines.settings import expand_home
from pipelines.topups.state import read_topup_state


def run_report(out: Path | None, now: datetime, *, as_json: bool) -> None:
    """Writes the report as of ``now`` to ``out``, or beside the warehouse, and prints its path."""
    with exit_on_error(as_json=as_json):
        settings = load_command_settings()
        warehouse = settings.warehouse
        data = replace(load_report_data(warehouse, now), topups=read_topup_state(settings))
        path = expand_home(out) if out else default_page_path(warehouse)
        try:
            write_page(render_html(build_report(data)), path, make_folder=out is None)
        except PageNotWritable as error:
            exit_with_error(str(error), MISCONFIGURED, as_json=as_json)
        if data.problem:
            print_stderr(f"{data.problem} Run smsonline sync first; the page says so too.")
    if as_json:
        print_json({"path": str(path), "problem": data.problem or None})
    else:
        sys.stdout.write(f"{path}\n")
