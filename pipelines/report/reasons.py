"""Why a section has nothing to show, how old what it shows is, and what to run for more."""

from __future__ import annotations

from dataclasses import replace

from pipelines.report.facts import Facts
from pipelines.report.figures import Section
from pipelines.report.wording import age, instant

SYNC = "smsonline sync"


def emptied(section: Section, facts: Facts, query: str, datasets: str, otherwise: str) -> Section:
    """``section`` where ``query`` has no rows, and why: ``otherwise`` when all ``datasets`` were loaded."""
    dataset, *others = datasets.split()
    if missing := [name for name in (dataset, *others) if facts.loaded(name) is None]:
        line = f"No {' and no '.join(missing)} have been loaded yet."
        return replace(section, empty=line, command=f"{SYNC} {' '.join(missing)}")
    if query in facts.absent:
        return replace(section, empty="This warehouse was last synced by an older version.", command=SYNC)
    return replace(section, empty=otherwise, source=source(facts, dataset, *others))


def source(facts: Facts, *datasets: str) -> str:
    """``statistics of 2026-03-04 12:00 UTC, 7 min old; inventory ...``."""
    found = []
    for dataset in datasets:
        at = facts.loaded(dataset)
        found.append(f"{dataset} of {instant(at)} UTC, {age(at, facts.now)}" if at else f"{dataset} never loaded")
    return "; ".join(found)
