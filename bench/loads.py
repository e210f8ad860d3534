"""Runs every load of every peer, interleaved, each in its own process on files that start from the same state."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.measure_load import Load


@dataclass(frozen=True)
class Scenario:
    """One load: dataset and variant, the peers, and whether the file already contains the first load (``again``)."""

    name: str
    shape: str
    variant: str
    peers: tuple[str, ...]
    again: bool = False


SCENARIOS = (
    Scenario("first load", "statistics", "first", ("ours", "ours, unpublished", "dlt merge", "dlt scd2", "baseline")),
    Scenario("identical", "statistics", "first", ("ours", "dlt scd2"), again=True),
    Scenario("another order", "statistics", "reordered", ("ours", "dlt scd2"), again=True),
    Scenario("1 % changed", "statistics", "changed", ("ours", "ours, unpublished", "dlt scd2"), again=True),
    Scenario("100 bodies", "services", "first", ("ours", "dlt merge")),
)

Measured = Mapping[tuple[str, str], list[Load]]


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum of a figure."""

    median: float
    lowest: float
    highest: float


def measure_loads(root_url: str, folder: Path, repeats: int, report_progress: Callable[[str], None]) -> Measured:
    """Measures all loads by scenario and peer. Raises ``RuntimeError`` when a load fails."""
    measured: dict[tuple[str, str], list[Load]] = {(s.name, peer): [] for s in SCENARIOS for peer in s.peers}
    for repeat in range(repeats):
        for scenario, peer in interleaved_runs(repeat):
            load = _load(scenario, peer, root_url, folder)
            measured[scenario.name, peer].append(load)
            report_progress(f"{repeat + 1}/{repeats} {scenario.name}: {peer} {load.wall_seconds:.2f} s")
    return measured


def spread(loads: list[Load], figure: str) -> Spread:
    """The spread of one figure over the repeats."""
    values = [float(getattr(load, figure)) for load in loads]
    return Spread(median(values), min(values), max(values))


def ratios(measured: Measured, scenario: str, peer: str, against: str = "ours", figure: str = "wall_seconds") -> Spread:
    """Ratio of the medians ``peer`` / ``against``, with the smallest and largest ratio within one repeat."""
    theirs, base = measured[scenario, peer], measured[scenario, against]
    pairs = [getattr(a, figure) / getattr(b, figure) for a, b in zip(theirs, base, strict=True)]
    return Spread(spread(theirs, figure).median / spread(base, figure).median, min(pairs), max(pairs))


def interleaved_runs(repeat: int) -> Iterator[tuple[Scenario, str]]:
    """Scenario and peer in the order of execution; every other repeat reverses the order of the peers."""
    for scenario in SCENARIOS:
        for peer in scenario.peers if repeat % 2 == 0 else reversed(scenario.peers):
            yield scenario, peer


def _load(scenario: Scenario, peer: str, root_url: str, folder: Path) -> Load:
    """Runs one load in the peer's folder (loaders remember paths) and saves its state after a first load."""
    work, saved = folder / peer, folder / f"{peer} after {scenario.shape}"
    shutil.rmtree(work, ignore_errors=True)
    if scenario.again:
        shutil.copytree(saved, work)
    else:
        work.mkdir()
    arguments = [peer, scenario.shape, scenario.variant, root_url, str(work)]
    load = Load(**json.loads(run_in_process("bench.measure_load", *arguments)))
    if not scenario.again:
        shutil.rmtree(saved, ignore_errors=True)
        work.rename(saved)
    return load


def run_in_process(module: str, *arguments: str) -> str:
    """Output of ``python -m module``. Raises ``RuntimeError`` with the end of its stderr when it fails."""
    command = [sys.executable, "-m", module, *arguments]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if completed.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{completed.stderr[-3000:]}")
    return completed.stdout
