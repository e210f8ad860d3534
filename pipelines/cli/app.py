"""Every command and its options. A command imports its implementation when it runs, so that ``--help`` starts fast."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.topup.app import topup_app

app = typer.Typer(
    name="smsonline",
    help="Syncs an SMSOnline account into DuckDB, reports which numbers deliver, and keeps the account funded.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(topup_app)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Datasets = Annotated[list[str] | None, typer.Argument(metavar="DATASET", help="Datasets (default: all).")]


@app.command()
def demo() -> None:
    """Runs a tour on a local sandbox: sync, a second sync three hours later, a top-up plan, success rates."""
    from pipelines.cli.demo import run_demo

    run_demo()


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 selects a free one.")] = 8777,
    seed: Annotated[int, typer.Option(help="The same seed generates the same data.")] = 7,
    scale: Annotated[Literal["small", "large"], typer.Option(help="large has over 200,000 statistics rows.")] = "small",
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="ENDPOINT=KIND[:N]", help="Inject a fault into an endpoint, for the first N requests."),
    ] = None,
) -> None:
    """Runs a local mock of the vendor's API."""
    from pipelines.cli.sandbox import run_sandbox

    run_sandbox(port, seed, scale, fault or [])


@app.command()
def sync(
    dataset: Datasets = None,
    json: Json = False,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Load a snapshot that lost most of its rows.")
    ] = False,
) -> None:
    """Pulls datasets into the warehouse once. Exits 1 when a dataset failed, 2 on a wrong setting."""
    from pipelines.cli.sync import run_sync

    run_sync(dataset or [], as_json=json, accept_shrink=accept_shrink)


@app.command()
def status(json: Json = False) -> None:
    """Shows age, rows and rejects per dataset, balance and open payments. Exits 1 when a dataset is stale."""
    from pipelines.cli.status import run_status

    run_status(as_json=json)


# A statement that begins with a comment (`-- where does Discord stand?`) is not an option.
@app.command(context_settings={"ignore_unknown_options": True})
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT statement; sms.*, marts.*, topups.*, ops.*, raw.*.")],
    format: Annotated[
        Literal["table", "csv", "tsv", "json", "ndjson", "parquet"] | None,
        typer.Option(help="Output format (default: as the ending of --out says, otherwise table).", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Output file, in UTF-8 (default: stdout).")] = None,
    json: Json = False,
) -> None:
    """Runs a read-only SQL query on the warehouse. Exits 1 on an SQL error, or after SMSONLINE_QUERY_TIMEOUT_SECONDS.

    Values are written as they are: a spreadsheet takes a name such as =HYPERLINK(...) for a formula, so import a CSV
    file as text.
    """
    from pipelines.cli.query import run_query

    run_query(sql, format, out, as_json=json)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or one written by an earlier export.")],
    json: Json = False,
) -> None:
    """Writes sms.*, marts.* and topups.* as Parquet files with a manifest; replaces an earlier export atomically."""
    from pipelines.cli.export import run_export

    run_export(folder, as_json=json)


@app.command()
def report(
    out: Annotated[
        Path | None,
        typer.Option(metavar="F.html", help="Output file (default: report.html beside the warehouse)."),
    ] = None,
    json: Json = False,
) -> None:
    """Writes one HTML page: best value, changes in success rates, balance and runway, data freshness."""
    from pipelines.cli.report import run_report

    run_report(out, datetime.now(UTC), as_json=json)


@app.command()
def replay(
    dataset: Datasets = None,
    since: Annotated[datetime | None, typer.Option(help="Rebuild history from this time (UTC) on.")] = None,
    json: Json = False,
) -> None:
    """Rebuilds tables from raw responses, for example after fixing a dataset definition. Makes no API calls."""
    from pipelines.cli.maintenance import run_replay

    run_replay(dataset or [], since, as_json=json)


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted without deleting it.")] = False,
    json: Json = False,
) -> None:
    """Deletes raw responses older than SMSONLINE_RAW_RETENTION_DAYS; keeps tables and history."""
    from pipelines.cli.maintenance import run_prune

    run_prune(dry_run=dry_run, as_json=json)


@app.command()
def doctor(
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write redacted samples of the responses into this folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Compares the vendor's responses with what is expected, and suggests settings. Exits 1 when a sync would fail."""
    from pipelines.cli.doctor import run_doctor

    run_doctor(save, as_json=json)


def main() -> None:
    """Runs the command given on the command line.

    A reader that closes the pipe early, such as ``head``, ends it quietly with 0.
    """
    from pipelines.cli.console import (
        FAILED,
        INTERRUPTED,
        discard_stdout,
        exit_with_error,
        os_error_line,
        prepare_streams,
        print_json,
        print_stderr,
    )

    prepare_streams()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # here, where an error can still be reported
    except SystemExit as stop:
        cause = stop.__context__
        if isinstance(cause, BrokenPipeError):  # Typer and rich exit with 1
            discard_stdout()
            sys.exit(0)
        if stop.code == INTERRUPTED and not isinstance(cause, KeyboardInterrupt):  # outside of exit_on_error
            print_stderr("error: interrupted")
        if "--json" in sys.argv and (usage_error := getattr(cause, "format_message", None)):
            print_json({"error": usage_error()})
        raise
    except BrokenPipeError:
        discard_stdout()
        sys.exit(0)
    except OSError as error:  # most likely a full disk behind stdout
        discard_stdout()
        exit_with_error(os_error_line(error), FAILED)
