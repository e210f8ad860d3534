"""Many worlds on one stage."""

import gc
from collections.abc import Iterable

from tests.simulation.stage import stage
from tests.simulation.truth import Violation
from tests.simulation.world import live


def broken(seeds: Iterable[int]) -> list[str]:
    """The traces of the seeds that break a promise."""
    traces = []
    gc.freeze()  # looking for garbage among the imported modules costs a tenth of a world
    with stage() as opened:
        for seed in seeds:
            try:
                live(opened, seed)
            except Violation as violation:
                traces.append(str(violation))
    return traces
