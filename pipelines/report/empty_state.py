"""Why a section has nothing to show, how old what it shows is, and what to run for more."""

from __future__ import annotations

from dataclasses import replace

from pipelines.report.data import ReportData
from pipelines.report.formatting import age, timestamp
from pipelines.report.model import Section

SYNC = "smsonline sync"


def empty_section(section: Section, facts: ReportData, query: str, datasets: str, otherwise: str) -> Section:
    """``section`` where ``query`` has no rows, and why: ``otherwise`` when all ``datasets`` were loaded."""
    dataset, *others = datasets.split()
    if missing := [name for name in (dataset, *others) if facts.last_load(name) is None]:
        line = f"No {' and no '.join(missing)} have been loaded yet."
        return replace(section, empty=line, command=f"{SYNC} {' '.join(missing)}")
    if query in facts.absent:
        return replace(section, empty="This warehouse was last synced by an older version.", command=SYNC)
    return replace(section, empty=otherwise, source=provenance(facts, dataset, *others))


def provenance(facts: ReportData, *datasets: str) -> str:
    """``statistics of 2026-03-04 12:00 UTC, 7 min old; inventory ...``."""
    found = []
    for dataset in datasets:
        at = facts.last_load(dataset)
        found.append(f"{dataset} of {timestamp(at)} UTC, {age(at, facts.now)}" if at else f"{dataset} never loaded")
    return "; ".join(found)
