"""Every command and its options; the work is imported when a command runs, so that ``--help`` starts fast."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.choices import Format, Scale
from pipelines.cli.topup.app import topup_app

app = typer.Typer(
    name="smsonline",
    help="Syncs an SMSOnline account into DuckDB, answers which numbers deliver, and keeps the account funded.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(topup_app)
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]


@app.command()
def demo() -> None:
    """Shows everything at once, on a sandbox: sync, let time pass, sync again, plan a top-up, success rates."""
    from pipelines.cli.demo import run_demo

    run_demo()


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8777,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 7,
    scale: Annotated[Scale, typer.Option(help="large has over 200,000 statistics rows.")] = Scale.small,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="ENDPOINT=KIND[:N]", help="Break an endpoint, the first N times.")
    ] = None,
) -> None:
    """Serves a stand-in for the vendor on this machine."""
    from pipelines.cli.sandbox import run_sandbox

    run_sandbox(port, seed, scale.value, fault or [])


@app.command()
def sync(
    dataset: Annotated[list[str] | None, typer.Argument(metavar="[DATASET]...", help="All when none is named.")] = None,
    json: Json = False,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Load an answer that has lost most of its rows.")
    ] = False,
) -> None:
    """Pulls datasets into the warehouse, one pass. Exits 1 when some failed, 2 on a wrong setting."""
    from pipelines.cli.sync import run_sync

    run_sync(dataset or [], as_json=json, accept_shrink=accept_shrink)


@app.command()
def status(json: Json = False) -> None:
    """Age, rows and rejects per dataset, balance and open payments. Exits 1 when something is stale."""
    from pipelines.cli.status import run_status

    run_status(as_json=json)


# A statement may begin with a remark, and `-- where does Discord stand?` is no option.
@app.command(context_settings={"ignore_unknown_options": True})
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT; sms.*, ops.*, raw.* and marts.* can be read.")],
    format: Annotated[Format, typer.Option(help="How to write the rows.")] = Format.table,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
) -> None:
    """Reads the warehouse with SQL; never writes to it. Exits 1 on an SQL error."""
    from pipelines.cli.query import run_query

    run_query(sql, format, out)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or one that an export has written.")],
    json: Json = False,
) -> None:
    """Writes sms.*, marts.* and topups.* as parquet files with a manifest; replaces an older export in one step."""
    from pipelines.cli.export import run_export

    run_export(folder, as_json=json)


@app.command()
def report(
    out: Annotated[
        Path | None,
        typer.Option(metavar="F.html", help="Where to write it; report.html beside the warehouse otherwise."),
    ] = None,
) -> None:
    """Writes one HTML page: where numbers deliver for the money, what moved, balance and runway, freshness."""
    from pipelines.cli.report import run_report

    run_report(out, datetime.now(UTC))


@app.command()
def replay(
    dataset: Annotated[list[str] | None, typer.Argument(metavar="[DATASET]...", help="All when none is named.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Rebuild from this instant (UTC) on; before it nothing changes.")
    ] = None,
    json: Json = False,
) -> None:
    """Rebuilds tables from raw answers, for example after a declaration was mended; calls nobody."""
    from pipelines.cli.replay import run_replay

    run_replay(dataset or [], since, as_json=json)


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False, json: Json = False
) -> None:
    """Removes raw answers older than SMSONLINE_RAW_RETENTION_DAYS; tables and history stay."""
    from pipelines.cli.prune import run_prune

    run_prune(dry_run=dry_run, as_json=json)


@app.command()
def doctor(
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write redacted samples of the answers into this folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Compares every answer of the vendor with what is expected, and says what to set. Exits 1 when a sync breaks."""
    from pipelines.cli.doctor import run_doctor

    run_doctor(save, as_json=json)


def main() -> None:
    """Runs the command named on the command line."""
    from pipelines.cli.console import FAILED, silence_stdout, stop, unusable

    try:
        app()
    except OSError as error:  # a full disk behind stdout, most likely
        silence_stdout()
        stop(unusable(error), FAILED)
