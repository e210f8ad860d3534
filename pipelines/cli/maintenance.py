"""``smsonline replay`` and ``smsonline prune``: rebuild tables from raw responses, and delete old ones."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from pipelines.bootstrap import configured_datasets, configured_endpoints, select_datasets
from pipelines.cli.console import configure_log_file, exit_on_error, load_command_settings, print_json
from pipelines.settings import Settings
from warehouse.errors import NotAWarehouse


def run_replay(names: Sequence[str], since: datetime | None, *, as_json: bool) -> None:
    """Rebuilds the named datasets, or all, and publishes the result."""
    from assets.replay import Replay
    from pipelines.cli.sync import print_results
    from warehouse.publishing.publish import publish

    with exit_on_error(as_json=as_json):
        settings = load_command_settings()
        datasets = configured_datasets(settings)
        selected = select_datasets(names, datasets)
        _require_warehouse(settings)
        configure_log_file(settings.warehouse)
        start = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
        results = list(Replay(settings.warehouse, datasets, configured_endpoints(settings)).run(selected, start))
        publish(settings.warehouse, [dataset.table for dataset in datasets.values()])
    if as_json:
        print_json({"datasets": [result.as_dict() for result in results]})
    else:
        print_results(results, "replay")


def run_prune(*, dry_run: bool, as_json: bool) -> None:
    """Deletes raw responses older than their retention, or shows what would be deleted."""
    from warehouse.raw.retention import prune

    with exit_on_error(as_json=as_json):
        settings = load_command_settings()
        _require_warehouse(settings)
        now = datetime.now(UTC)
        before = now - timedelta(days=settings.raw_retention_days)
        failed_before = now - timedelta(days=settings.failed_response_retention_days)
        pruned = prune(settings.warehouse, before, failed_before, dry_run=dry_run)
    if as_json:
        dates = {"before": before.isoformat(), "failed_before": failed_before.isoformat()}
        print_json(asdict(pruned) | dates | {"dry_run": dry_run})
        return
    verb = "would delete" if dry_run else "deleted"
    usable, failed = pruned.responses - pruned.failed_responses, pruned.failed_responses
    usable_text = f"{usable:,} raw responses older than {before:%Y-%m-%d}"
    failed_text = f"{failed:,} failed ones older than {failed_before:%Y-%m-%d}"
    sys.stdout.write(
        f"{verb} {usable_text} and {failed_text}, {pruned.rejects:,} rejected records, "
        f"{pruned.body_bytes:,} bytes of bodies\n"
    )


def _require_warehouse(settings: Settings) -> None:
    if not settings.warehouse.exists():
        raise NotAWarehouse(f"{settings.warehouse} does not exist yet: run smsonline sync first")
