"""``smsonline sync``."""

import sys
import uuid
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from assets.sync import SyncPipeline, SyncResult
from pipelines.bootstrap import configured_datasets, open_pipeline, select_datasets
from pipelines.cli.console import (
    FAILED,
    MISCONFIGURED,
    configure_log_file,
    exit_on_error,
    load_command_settings,
    print_json,
    print_stderr,
    print_table,
)
from pipelines.settings import Settings
from smsonline.errors import ConfigurationError, VendorError
from warehouse.errors import WarehouseError

COUNTS = ("fetched", "inserted", "changed", "unchanged", "closed", "rejected", "duplicates")


def run_sync(names: Sequence[str], *, as_json: bool, accept_shrink: bool) -> None:
    """Syncs the named datasets, or all; exits 1 or 2 when anything failed."""
    with exit_on_error(as_json=as_json):
        settings = load_command_settings()
        selected = select_datasets(names, configured_datasets(settings))
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
        print_stderr(f"error: {line}")
    if code := exit_code(results) or (FAILED if unpublished else 0):
        sys.exit(code)


def _copy_ledger(settings: Settings, pipeline: SyncPipeline) -> list[str]:
    """Copies the payments of an existing ledger; returns the error line, if any. An error here fails no dataset."""
    if settings.ledger_file and not settings.ledger_file.is_file():
        return []  # before SQLAlchemy is imported, which takes a fifth of a small sync

    from pipelines.topup_service import TopUpService
    from topups.ledger import LedgerNotFound, LedgerUnavailable

    try:
        pipeline.needs_publish |= TopUpService(settings).copy_ledger(published=False).changed
    except LedgerNotFound:
        return []
    except (LedgerUnavailable, WarehouseError) as error:
        return [str(error)]
    return []


def print_results(results: Sequence[SyncResult], title: str = "sync") -> None:
    """One row per dataset with the counts of its records."""
    rows = [
        [
            result.dataset,
            result.outcome.status,
            *(f"{getattr(result.outcome.counts, name):,}" for name in COUNTS),
            f"{result.seconds:.2f}",
        ]
        for result in results
    ]
    print_table(title, ["dataset", "status", *COUNTS, "seconds"], rows, right=(*COUNTS, "seconds"))


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
