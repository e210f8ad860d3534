"""``smsonline sync``."""

import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from assets.datasets import Dataset
from assets.sync import SyncPipeline, SyncResult
from pipelines.bootstrap import configured_datasets, open_pipeline, select_datasets
from pipelines.cli.console import (
    FAILED,
    MISCONFIGURED,
    configure_log_file,
    exit_on_error,
    load_command_settings,
    print_folded,
    print_json,
    print_table,
)
from pipelines.settings import Settings
from smsonline.errors import ConfigurationError, VendorError
from warehouse.database.opening import open_warehouse
from warehouse.errors import WarehouseError
from warehouse.status import read_loads

TABLE_WIDTH = 110
FAILED_LOADS = """smsonline query "FROM ops.loads WHERE status <> 'ok'" """.strip()
COUNTS = ("fetched", "inserted", "changed", "unchanged", "closed", "rejected", "duplicates")


def run_sync(names: Sequence[str], *, as_json: bool, accept_shrink: bool) -> None:
    """Syncs the named datasets, or all; exits 1 or 2 when anything failed."""
    with exit_on_error(as_json=as_json):
        settings = load_command_settings()
        datasets = configured_datasets(settings)
        selected = select_datasets(names, datasets)
        run_id = uuid.uuid4().hex
        with open_pipeline(settings, accept_shrink=accept_shrink) as pipeline:
            configure_log_file(settings.warehouse)
            results = list(_with_progress(pipeline.sync(selected, run_id), len(selected), quiet=as_json))
            uncopied = _copy_ledger(settings, pipeline)
            unpublished = []
            try:
                pipeline.publish()
            except WarehouseError as error:  # what was loaded stays loaded
                unpublished = [str(error)]
    results.sort(key=lambda result: selected.index(result.dataset))
    if as_json:
        print_json({"run_id": run_id, "datasets": [result.as_dict() for result in results]})
    else:
        print_results(results)
    for line in dict.fromkeys([*problems(results), *uncopied, *unpublished]):
        print_folded(f"error: {line}", stream=sys.stderr)
    for text, command in notes(results, settings.warehouse, datasets):
        print_folded(f"note: {text}", command, stream=sys.stderr)
    if code := exit_code(results) or (FAILED if unpublished else 0):
        sys.exit(code)


def _copy_ledger(settings: Settings, pipeline: SyncPipeline) -> list[str]:
    """Copies the payments of an existing ledger; returns the error line, if any. An error here fails no dataset."""
    if settings.ledger_file and not settings.ledger_file.is_file():
        return []  # before SQLAlchemy is imported, which takes a fifth of a small sync

    from pipelines.topups.service import TopUpService
    from topups.ledger import LedgerNotFound, LedgerUnavailable

    try:
        pipeline.needs_publish |= TopUpService(settings).copy_ledger(published=False).changed
    except LedgerNotFound:
        return []
    except (LedgerUnavailable, WarehouseError) as error:
        return [str(error)]
    return []


def print_results(results: Sequence[SyncResult], title: str = "sync") -> None:
    """One row per dataset with the counts of its records; in a narrow terminal only with those that are not 0."""
    is_narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < TABLE_WIDTH
    columns = ("fetched", "records") if is_narrow else COUNTS
    rows = []
    for result in results:
        counts = {name: f"{getattr(result.outcome.counts, name):,}" for name in COUNTS}
        records = ", ".join(f"{count} {name}" for name, count in counts.items() if count != "0" and name != "fetched")
        cells = [counts["fetched"], records] if is_narrow else counts.values()
        rows.append([result.dataset, result.outcome.status, *cells, f"{result.seconds:.2f}"])
    print_table(title, ["dataset", "status", *columns, "seconds"], rows, right=(*COUNTS, "seconds"))


def problems(results: Sequence[SyncResult]) -> Iterator[str]:
    """Each distinct error once, with the datasets that it affected unless it affected all."""
    affected: dict[str, list[str]] = {}
    for result in results:
        if result.outcome.error:
            endpoint = result.failure.endpoint if isinstance(result.failure, VendorError) else result.dataset
            affected.setdefault(result.outcome.error.removeprefix(f"{endpoint}: "), []).append(result.dataset)
    for error, datasets in affected.items():
        yield error if len(datasets) == len(results) > 1 else f"{', '.join(datasets)}: {error}"


def exit_code(results: Sequence[SyncResult]) -> int:
    """0 without an error, 2 when a wrong setting stopped every dataset, otherwise 1."""
    if all(result.outcome.status == "ok" for result in results):
        return 0
    return MISCONFIGURED if all(isinstance(r.failure, ConfigurationError) for r in results) else FAILED


def notes(results: Sequence[SyncResult], warehouse: Path, datasets: Mapping[str, Dataset]) -> Iterator[tuple[str, str]]:
    """What to look at next, with the command that shows it: of rejected records and of loads that failed."""
    if all(result.outcome.status == "ok" and not result.outcome.counts.rejected for result in results):
        return  # the usual sync reads nothing more
    from pipelines.cli.status import has_rejects, rejects_command, rejects_text, response_command

    tables = {result.dataset: datasets[result.dataset].table for result in results}
    try:
        with open_warehouse(warehouse, read_only=True, wait_seconds=1) as connection:
            loads = {(load["dataset"], load["account_id"]): load for load in read_loads(connection, tables)}
    except (WarehouseError, duckdb.Error):  # the errors say what is wrong with the file
        return
    failed: dict[str, list[str]] = {}
    for result in results:
        load = loads.get((result.dataset, result.account_id if tables[result.dataset].per_account else None))
        if load and result.outcome.counts.rejected and has_rejects(load):
            yield f"{result.dataset}: {rejects_text(load)}", rejects_command(result.dataset)
        if load and result.outcome.status != "ok":
            command = response_command(load) or FAILED_LOADS
            failed.setdefault(command, []).append(result.dataset)
    for command, names in failed.items():
        yield (
            "see all loads that failed" if command == FAILED_LOADS else f"{', '.join(names)}: see the response",
            command,
        )


def _with_progress(results: Iterator[SyncResult], total: int, *, quiet: bool) -> Iterator[SyncResult]:
    """The results as they arrive, with a progress bar on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield from results
        return
    task_name = TextColumn("{task.description}")
    columns = (SpinnerColumn(), task_name, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("syncing", total=total)
        for result in results:
            progress.update(task, advance=1, description=f"{result.dataset} {result.outcome.status}")
            yield result
