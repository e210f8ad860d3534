"""One job per cadence, one for everything, one for the checks alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from assets.dagster.dataset_assets import asset_key
from assets.declaration import Dataset
from pipelines.defs.hooks import tell_and_stop

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

SYNC_ALL = "sync_all"
CHECK_ALL = "check_all"
# Far beyond any healthy run: what is still going then hangs, and holds the warehouse's only slot.
MAX_RUNTIME_SECONDS = 1800
NAMES = {1: "every_minute", 60: "hourly", 1440: "daily", 10080: "weekly"}


@dataclass(frozen=True)
class Cadence:
    """The datasets that are synced together, every ``minutes``."""

    minutes: int
    datasets: tuple[str, ...]

    @property
    def name(self) -> str:
        """As in ``every_15_minutes``, ``hourly``, ``every_6_hours``, ``daily``."""
        hours, rest = divmod(self.minutes, 60)
        return NAMES.get(self.minutes) or (f"every_{self.minutes}_minutes" if rest else f"every_{hours}_hours")

    @property
    def job(self) -> str:
        """Name of the cadence's job."""
        return f"sync_{self.name}"


def cadences(datasets: Mapping[str, Dataset]) -> list[Cadence]:
    """The datasets grouped by how often they are synced, the most frequent first."""
    minutes = sorted({dataset.cadence_minutes for dataset in datasets.values()})
    return [Cadence(m, tuple(n for n, each in datasets.items() if each.cadence_minutes == m)) for m in minutes]


def all_jobs(datasets: Mapping[str, Dataset]) -> list[Job]:
    """A job per cadence, ``sync_all`` and ``check_all``."""
    grouped = [
        # Where runs wait for each other, the cheap and frequent ones go first.
        _job(each.job, _assets(each.datasets), f"Syncs {', '.join(each.datasets)}.", priority=-each.minutes)
        for each in cadences(datasets)
    ]
    check = _job(CHECK_ALL, dg.AssetSelection.all_asset_checks(), "Checks every dataset; asks the vendor nothing.")
    return [*grouped, _job(SYNC_ALL, _assets(tuple(datasets)), "Syncs every dataset."), check]


def _assets(names: Sequence[str]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(asset_key(name) for name in names))


def _job(name: str, selection: dg.AssetSelection, description: str, priority: int = 0) -> Job:
    tags = {"dagster/max_runtime": str(MAX_RUNTIME_SECONDS), "dagster/priority": str(priority)}
    # In-process: a process per asset costs seconds here, and two of them would wait for one file.
    return dg.define_asset_job(
        name,
        selection,
        description=description,
        tags=tags,
        hooks={tell_and_stop},
        executor_def=dg.in_process_executor,
    )
