"""Runs every load of every peer, interleaved, each in a process of its own on files that start from the same state."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.one_load import Load


@dataclass(frozen=True)
class Scenario:
    """One load: which shape and variant, by whom, and whether the file already holds the first load."""

    name: str
    shape: str
    variant: str
    peers: tuple[str, ...]
    again: bool = False


SCENARIOS = (
    Scenario("first load", "statistics", "first", ("ours", "ours, no copy", "dlt merge", "dlt scd2", "floor")),
    Scenario("identical", "statistics", "first", ("ours", "dlt scd2"), again=True),
    Scenario("another order", "statistics", "reordered", ("ours", "dlt scd2"), again=True),
    Scenario("1 % changed", "statistics", "changed", ("ours", "ours, no copy", "dlt scd2"), again=True),
    Scenario("100 bodies", "services", "first", ("ours", "dlt merge")),
)

Measured = Mapping[tuple[str, str], list[Load]]


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of a figure."""

    median: float
    lowest: float
    highest: float


def measure_all(root_url: str, folder: Path, repeats: int, tell: Callable[[str], None]) -> Measured:
    """The loads by scenario and peer, in the order of the repeats. Raises ``RuntimeError`` when one fails."""
    found: dict[tuple[str, str], list[Load]] = {(s.name, peer): [] for s in SCENARIOS for peer in s.peers}
    for repeat in range(repeats):
        for scenario, peer in _turns(repeat):
            load = _load(scenario, peer, root_url, folder)
            found[scenario.name, peer].append(load)
            tell(f"{repeat + 1}/{repeats} {scenario.name}: {peer} {load.wall_seconds:.2f} s")
    return found


def spread(loads: list[Load], figure: str) -> Spread:
    """The spread of one of a load's figures."""
    values = [float(getattr(load, figure)) for load in loads]
    return Spread(median(values), min(values), max(values))


def ratios(measured: Measured, scenario: str, peer: str, against: str = "ours", figure: str = "wall_seconds") -> Spread:
    """How many times ``against`` fits into ``peer``: of the medians, with the extremes of the pairs of one repeat."""
    theirs, base = measured[scenario, peer], measured[scenario, against]
    pairs = [getattr(a, figure) / getattr(b, figure) for a, b in zip(theirs, base, strict=True)]
    return Spread(spread(theirs, figure).median / spread(base, figure).median, min(pairs), max(pairs))


def _turns(repeat: int) -> Iterator[tuple[Scenario, str]]:
    """A, B, A, B; every other repeat begins with the other peer."""
    for scenario in SCENARIOS:
        for peer in scenario.peers if repeat % 2 == 0 else reversed(scenario.peers):
            yield scenario, peer


def _load(scenario: Scenario, peer: str, root_url: str, folder: Path) -> Load:
    """Works in one place per peer, so that paths a loader remembers stay true; the state after first loads is kept."""
    place, kept = folder / peer, folder / f"{peer} after {scenario.shape}"
    shutil.rmtree(place, ignore_errors=True)
    if scenario.again:
        shutil.copytree(kept, place)
    else:
        place.mkdir()
    arguments = [peer, scenario.shape, scenario.variant, root_url, str(place)]
    load = Load(**json.loads(in_a_process("bench.one_load", *arguments)))
    if not scenario.again:
        shutil.rmtree(kept, ignore_errors=True)
        place.rename(kept)
    return load


def in_a_process(module: str, *arguments: str) -> str:
    """What ``python -m module`` prints. Raises ``RuntimeError`` with the end of its complaint when it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return done.stdout
