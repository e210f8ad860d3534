"""More seeds than a test run has time for: ``python -m tests.simulation --seeds 50000``; exit 1 at a broken promise."""

import argparse
import multiprocessing
import os
import sys

from tests.simulation.seeds import broken

CHUNK = 50


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first; with --seeds 1 this seed alone")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    last = given.first + given.seeds
    chunks = [range(first, min(first + CHUNK, last)) for first in range(given.first, last, CHUNK)]
    violations = 0
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        for number, traces in enumerate(pool.imap(broken, chunks), 1):
            violations += len(traces)
            print(*traces, sep="\n\n", end="\n\n" if traces else "")  # noqa: T201
            print(f"\r{chunks[number - 1].stop - given.first} seeds, {violations} violations", end="", file=sys.stderr)  # noqa: T201
    print(f"\n{given.seeds} seeds from {given.first}: {violations} violations")  # noqa: T201
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
