"""``smsonline prune``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from pipelines.cli.console import clear_errors, print_json
from pipelines.settings import load_settings
from warehouse.errors import NotAWarehouse
from warehouse.raw.retention import prune


def run_prune(*, dry_run: bool, as_json: bool) -> None:
    """Removes what is older than the retention, or says what would go."""
    with clear_errors(as_json=as_json):
        settings = load_settings()
        if not settings.warehouse.exists():
            raise NotAWarehouse(f"{settings.warehouse} does not exist yet: run smsonline sync first")
        before = datetime.now(UTC) - timedelta(days=settings.raw_retention_days)
        pruned = prune(settings.warehouse, before, dry_run=dry_run)
    if as_json:
        print_json(asdict(pruned) | {"before": before.isoformat(), "dry_run": dry_run})
    else:
        verb = "would go" if dry_run else "went"
        what = f"{pruned.responses:,} raw answers from before {before:%Y-%m-%d}"
        sys.stdout.write(f"{what} {verb}, {pruned.body_bytes:,} bytes of bodies\n")
