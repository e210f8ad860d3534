"""Sections without data, with the command that loads it, and the age of the data of the others."""

from dataclasses import replace

from pipelines.report.data import ReportData
from pipelines.report.formatting import age, timestamp
from pipelines.report.model import Section

SYNC = "smsonline sync"


def empty_section(section: Section, data: ReportData, query: str, datasets: str, reason: str) -> Section:
    """``section`` with the text that explains why ``query`` has no rows.

    ``datasets`` are those that the query needs, separated by spaces; ``reason`` applies when all of them were loaded.
    """
    names = datasets.split()
    if missing := [name for name in names if data.last_load(name) is None]:
        line = f"No {' and no '.join(missing)} have been loaded yet."
        return replace(section, empty=line, command=f"{SYNC} {' '.join(missing)}")
    if query in data.absent:
        return replace(section, empty="This warehouse was last synced by an older version.", command=SYNC)
    return replace(section, empty=reason, source=provenance(data, *names))


def provenance(data: ReportData, *datasets: str) -> str:
    """``statistics of 2026-03-04 12:00 UTC, 7 min old; inventory ...``."""
    loads = ((dataset, data.last_load(dataset)) for dataset in datasets)
    return "; ".join(
        f"{dataset} of {timestamp(at)} UTC, {age(at, data.now)}" if at else f"{dataset} never loaded"
        for dataset, at in loads
    )
