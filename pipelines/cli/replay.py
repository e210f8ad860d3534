"""``smsonline replay``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from assets.replay import Replay
from pipelines.bootstrap import configured_datasets, configured_endpoints, select_datasets
from pipelines.cli.console import clear_errors, log_beside, print_json
from pipelines.cli.sync import print_results
from pipelines.settings import load_settings
from warehouse.errors import NotAWarehouse
from warehouse.publish import publish


def run_replay(names: Sequence[str], since: datetime | None, *, as_json: bool) -> None:
    """Rebuilds ``names``, or all, and publishes the result."""
    with clear_errors(as_json=as_json):
        settings = load_settings()
        datasets = configured_datasets(settings)
        wanted = select_datasets(names, datasets)
        if not settings.warehouse.exists():
            raise NotAWarehouse(f"{settings.warehouse} does not exist yet: run smsonline sync first")
        log_beside(settings.warehouse)
        start = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
        results = list(Replay(settings.warehouse, datasets, configured_endpoints(settings)).run(wanted, start))
        publish(settings.warehouse, [dataset.table for dataset in datasets.values()])
    if as_json:
        print_json({"datasets": [result.as_dict() for result in results]})
    else:
        print_results(results, "replay")
