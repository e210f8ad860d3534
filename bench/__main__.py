"""``python -m bench``: measures everything, prints the targets, writes ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from bench import report, vendor
from bench.growth import YEAR, Growth
from bench.loads import in_a_process, measure_all
from bench.marts import Marts
from bench.report import Found
from bench.sensor import Looks

REPORT = Path("docs/benchmarks.md")


def main() -> None:
    """Runs from the root of the tree. Ends with 1 when a target is missed and ``--strict`` was given."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with vendor.running() as root_url:
            measured = measure_all(root_url, Path(folder), options.repeats, _tell)
        _tell(f"{options.snapshots} snapshots")
        growth = msgspec.json.decode(in_a_process("bench.growth", folder, str(options.snapshots)), type=Growth)
        _tell("marts over a year")
        marts = msgspec.json.decode(in_a_process("bench.marts", folder, str(YEAR)), type=Marts)
        _tell("the sensor")
        looks = msgspec.json.decode(in_a_process("bench.sensor"), type=list[Looks])
    found = Found(measured, growth, marts, looks)
    met = report.show(found)
    report.write(options.out, found, options.repeats)
    _tell(f"written to {options.out}")
    sys.exit(1 if options.strict and not met else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="runs of each load by each peer (default: 5)")
    parser.add_argument("--snapshots", type=int, default=YEAR, help="length of the simulated period (default: a year)")
    parser.add_argument("--out", type=Path, default=REPORT, help="where the report goes")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a target is missed")
    return parser.parse_args()


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    main()
